"""The doors to agents' work trees: where they are, and who makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler.core.build import TREES
from reconciler.loop.grounds import Rightful
from reconciler.loop.tenure import Tenure
from reconciler.model.fleet import FleetSettings
from reconciler.ports.workspaces import Workshop

if TYPE_CHECKING:
    from reconciler.adapters.git.repository import GitRepository
    from reconciler.adapters.git.worktrees import GitWorkshop


class Ground(Protocol):
    """What these doors need of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def repository(self) -> GitRepository:
        """The repository."""
        ...

    @property
    def trees(self) -> Path:
        """The folder of all work trees."""
        ...

    @property
    def _tenures(self) -> list[Tenure]: ...

    @property
    def _workshops(self) -> list[GitWorkshop]: ...


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
        from reconciler.adapters.homestead import Homestead

        root = self.trees / fleet.name

        def make() -> Workshop:
            from reconciler.adapters.git.worktrees import GitWorkshop

            self._workshops.append(GitWorkshop(root, fleet.name))
            return self._workshops[-1]

        def may() -> None:
            for tenure in self._tenures:
                tenure.check()

        return Rightful(Homestead(root, self.repository.common_dir.resolve(), make), may)
