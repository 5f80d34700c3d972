"""The doors to agents' work trees: made and removed like any unit, and committed turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from reconciler.model.ids import UnitId
from reconciler.model.training import Recorded, Turn
from reconciler.model.unit import Training, Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt


class Workshop(Protocol):
    """Where agents' work trees are. For the thinking thread, beside `Host`."""

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return every work tree of this fleet, wanted or not, and what is at wanted places.

        Starts no process and reads no work; costs a few stats a tree when nothing changed, and
        then is the very same value as the last time. BlindError: nobody can tell.
        """
        ...

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """Return what would be lost with each; asked only before something is to go."""
        ...

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Carry out orders of workspace steps; one receipt each, in the same order.

        Each step checks again what it expects (branch, tip), and says `stale` when that is not so.
        """
        ...


class Recorder(Protocol):
    """Commits what is in work trees. May be called from any thread; one commit a tree at a time."""

    def record(self, seen: SeenWorkspace, policy: Training, turn: Turn) -> Recorded | None:
        """Commit everything that policy lets through to the run's branch; None: nothing changed.

        Never runs anything of the repository's. ConflictError: somebody moved the branch meanwhile,
        SourceError: it cannot be done (lock left behind, disk full, HEAD elsewhere), with the mend.
        """
        ...

    def fingerprint(self, seen: SeenWorkspace) -> str:
        """Return a word that changes when anything in the tree does; cheap, by stats alone."""
        ...


class Lineage(Protocol):
    """Which commits a turn goes back to. Any thread; reads objects, and starts nothing of the
    repository's."""

    def charter(self, project: str, desired: str) -> str:
        """Return the commit, up to `desired`, that last changed a project's charter; '': none."""
        ...

    def hour(self, seen: SeenWorkspace) -> float:
        """Return the epoch second at which the tip of a tree was committed, 0: nobody knows."""
        ...
