"""The doors to agents: where messages are kept, whose keyboard is used, what runtimes write down.

All may be called from any thread. BlindError means that the outside did not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.model.agent import Evidence, Outfit, Screen, Seat
from reconciler.model.capacity import Account, Spending
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Proof, Tracked
from reconciler.model.training import Spoken
from reconciler.model.unit import Launch


@dataclass(frozen=True, slots=True)
class Accepted:
    """The id under which a message is kept; `again` when its key was used before, and nothing new
    was kept."""

    id: str
    again: bool = False


class Mail(Protocol):
    """Where messages are kept: durable streams, one an inbox. Nothing acknowledged is ever lost."""

    def accept(self, messages: Sequence[Message]) -> Sequence[Accepted]:
        """Keep each with its first proof (accepted), and ring the bell of its inbox."""
        ...

    def inbox(self, to: str, limit: int = 100) -> Sequence[Tracked]:
        """Return what is open for a receiver: the most urgent first, then the oldest."""
        ...

    def receivers(self) -> Sequence[str]:
        """Return everybody for whom something is open."""
        ...

    def prove(self, proofs: Iterable[tuple[str, Proof]]) -> None:
        """Write down stages that were reached, all or none; those that were, stay as they are.

        Only INJECTED may be said again: each try is one more proof.
        From SUBMITTED on a message leaves the inbox. DEAD needs a reason as evidence, and goes to
        the dead letters.
        """
        ...

    def find(self, message: str) -> Tracked | None:
        """Return a message by its id or the unique beginning of one; None: there is none."""
        ...

    def listing(self, who: str = "", limit: int = 100) -> Sequence[Tracked]:
        """Return the newest messages, of everybody or from or to one, newest first."""
        ...

    def dead(self, limit: int = 100) -> Sequence[Tracked]:
        """Return the newest dead letters."""
        ...

    def rung(self, timeout_s: float) -> Sequence[str]:
        """Wait until a bell rings, at most so long; return whose inboxes have something new.

        For one listener. What rang while nobody listened is heard once more.
        """
        ...


class Typist(Protocol):
    """A keyboard at panes. Each call checks in the same breath that the pane still runs the very
    process it is meant for, and does nothing otherwise."""

    def look(self, seats: Sequence[Seat]) -> Mapping[UnitId, Screen]:
        """Return what their panes show now; who is gone is left out."""
        ...

    def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
        """Put text into the pane as one paste, Enter as a key of its own; False: not there."""
        ...

    def line(self, seat: Seat, text: str) -> bool:
        """Type one line and Enter, for a program that reads lines; False: not there."""
        ...

    def enter(self, seat: Seat) -> bool:
        """Press Enter alone; False: not there."""
        ...

    def mark(self, seat: Seat, busy: str) -> None:
        """Say on the pane what its agent is busy with, '' for nothing."""
        ...


class Records(Protocol):
    """What runtimes themselves write down: transcripts and session files."""

    def holds(self, seat: Seat, marks: Sequence[str]) -> frozenset[str] | None:
        """Return which of these texts are in what the agent's model was given; None: no idea."""
        ...

    def session(self, seat: Seat) -> Evidence | None:
        """Return what the runtime's session file says, if it is about this very process."""
        ...

    def spending(self, seat: Seat, day: str) -> Spending | None:
        """Return what was used on a day (YYYY-MM-DD, UTC); None: this runtime does not say."""
        ...


class Minutes(Protocol):
    """What runtimes write down of each turn."""

    def spoken(self, seat: Seat, since: float) -> Spoken | None:
        """Return what was asked and answered after an epoch second, in all conversations of an
        agent; None: this runtime writes nothing down that is understood."""
        ...


class Outfitter(Protocol):
    """Prepares everything that a runtime needs to find when it starts."""

    def outfit(self, unit: str, launch: Launch) -> Outfit:
        """Write its files, mint its token, and return what it is started with.

        NovaorchError: it cannot be started like this.
        """
        ...


class Accounts(Protocol):
    """The ledger of model accounts, one for all agents and hosts."""

    def read(self, names: Iterable[str]) -> Mapping[str, Account]:
        """Return how each account stands; one of which nothing is known is open."""
        ...

    def swap(self, before: Account, after: Account) -> bool:
        """Write an account anew if it still is as it was read; False when it is not."""
        ...

    def spend(self, spending: Spending) -> None:
        """Write down what an agent has used today; larger numbers win."""
        ...

    def spent(self, day: str) -> Mapping[str, Spending]:
        """Return what every agent has used on a day."""
        ...


class Desk(Protocol):
    """Whoever hears what runtimes tell, and says what they are told back."""

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take note, and answer; may take as long as a person needs to decide a permission."""
        ...
