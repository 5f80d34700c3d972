"""What a controller must have before it acts, in this room's words; the wiring says of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reconciler.ports import LeaseBook


class Ground(Protocol):
    """A lock that the system itself takes back when its holder dies."""

    @property
    def place(self) -> str:
        """What tells this lock from any other."""
        ...

    def hold(self) -> bool:
        """Take it, or take it anew if its file was deleted; False: another process has it."""
        ...

    def holder(self) -> str:
        """Return who has it, for people; '' when nobody says so."""
        ...

    def release(self) -> None:
        """Let go; a second call does nothing."""
        ...


class Milestone(Protocol):
    """A place that remembers the largest epoch it has seen."""

    def seen(self) -> int:
        """Return it, 0 when there is none. BlindError: nobody knows."""
        ...

    def keep(self, epoch: int) -> None:
        """Remember this one, unless a larger one was seen."""
        ...


@dataclass(frozen=True, slots=True)
class Stakes:
    """What one fleet's controller must have, by the fleet's settings of the day.

    `grounds` are taken in order; the last one belongs to this very folder of novaorch's files.
    `milestones` remember the epoch. `book` is None when no other host can have this fleet.
    """

    grounds: tuple[Ground, ...]
    milestones: tuple[Milestone, ...]
    book: LeaseBook | None = None
