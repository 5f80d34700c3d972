"""The doors to agents' work trees: where they are, and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler.core.build import TREES
from reconciler.loop.grounds import Rightful
from reconciler.loop.tenure import Tenure
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt
from reconciler.ports.workspaces import Workshop

if TYPE_CHECKING:
    from reconciler.adapters.git.worktrees import GitWorkshop


class Ground(Protocol):
    """What these doors need of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def trees(self) -> Path:
        """The folder of all work trees."""
        ...

    @property
    def _tenures(self) -> list[Tenure]: ...

    @property
    def _workshops(self) -> list[GitWorkshop]: ...


@dataclass(slots=True)
class LateWorkshop:
    """A workshop that is made when there is, or is to be, a work tree (`ports.Workshop`)."""

    root: Path
    make: Callable[[], Workshop]
    _made: Workshop | None = None
    _none: Mapping[UnitId, SeenWorkspace] = field(default_factory=dict)

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """See `Workshop.photograph`."""
        wanted = tuple(wanted)
        if self._made is None and not wanted and not self.root.exists():
            return self._none
        return self._workshop().photograph(wanted)

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """See `Workshop.unsaved`."""
        return self._workshop().unsaved(seen)

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """See `Workshop.perform`."""
        return self._workshop().perform(orders)

    def _workshop(self) -> Workshop:
        self._made = self._made or self.make()
        return self._made


class TreeDoors:
    """Part of `Wiring`: agents' work trees."""

    @property
    def trees(self: Ground) -> Path:
        """The folder of all work trees, by fleet and project: no state, and never deleted."""
        said, home = self.environ.get("XDG_DATA_HOME", ""), self.environ.get("HOME", "/")
        usual = Path(home) / TREES
        return Path(said) / "novaorch" / "workspaces" if said.startswith("/") else usual

    def workshop(self: Ground, fleet: FleetSettings) -> Workshop:
        """Whoever makes and takes away the work trees of a fleet's agents."""

        root = self.trees / fleet.name

        def make() -> Workshop:
            from reconciler.adapters.git.worktrees import GitWorkshop

            self._workshops.append(GitWorkshop(root, fleet.name))
            return self._workshops[-1]

        def may() -> None:
            for tenure in self._tenures:
                tenure.check()

        return Rightful(LateWorkshop(root, make), may)
