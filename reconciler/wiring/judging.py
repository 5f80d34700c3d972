"""The doors to where agents' runs are judged: the repository, and the gate's commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler.model.fleet import FleetSettings

if TYPE_CHECKING:
    from reconciler.adapters.clock import SystemClock
    from reconciler.adapters.git.judge.promote import GitYard
    from reconciler.adapters.git.repository import GitRepository


class Ground(Protocol):
    """What this door needs of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def repository(self) -> GitRepository:
        """The repository of the fleet."""
        ...

    @property
    def clock(self) -> SystemClock:
        """The hour."""
        ...


class JudgingDoors:
    """Part of `Wiring`: where runs are promoted and rejected."""

    def yard(self: Ground, directory: Path, fleet: FleetSettings | None) -> GitYard:
        """The runs of the repository that `directory` is in; whoever opens it closes it.

        What is written there is signed when the fleet names a key for agents' work.
        """
        from reconciler.adapters.git.judge.promote import GitYard
        from reconciler.adapters.git.place import locate
        from reconciler.adapters.git.seal import Seal, key_path

        text = fleet.training_key if fleet is not None else ""
        key = key_path(text, self.environ.get("HOME", ""), self.repository.root)
        return GitYard(locate(directory), self.clock.now, Seal(key) if key is not None else None)
