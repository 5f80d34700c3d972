"""The folder of one fleet's work trees: whose it is, and the workshop in it, made when needed.

Two repositories may have fleets of the same name. The folder belongs to the one that made the first
tree in it, for as long as that repository is where it was; the other sees no tree and makes none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, SourceError
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt
from reconciler.ports.workspaces import Workshop

OWNER = ".fleet"
"""The file in it that names the repository to which it belongs. Hidden: no project is called so."""
_FIX = "give this fleet a name of its own: metadata.name in fleet.yaml"


@dataclass(slots=True)
class Homestead:
    """A workshop at a place of its own (`ports.workspaces.Workshop`).

    `root` is the folder, `repository` the fleet's own git folder. `make` is asked once, when there
    is a tree, or is to be one: most fleets have none.
    """

    root: Path
    repository: Path
    make: Callable[[], Workshop]
    _made: Workshop | None = None
    _none: Mapping[UnitId, SeenWorkspace] = field(default_factory=dict)

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """See `Workshop.photograph`."""
        wanted = tuple(wanted)
        if self._made is None and not wanted and not self.root.exists():
            return self._none
        other = self._other()
        if not other:
            return self._workshop().photograph(wanted)
        trouble = f"the work trees of this fleet's name are those of another repository, {other}"
        fix = f"{_FIX}; or, if they are yours, rm {self.root / OWNER}"
        seen = [SeenWorkspace(w.id, w.path, trouble=trouble, fix=fix) for w in wanted]
        return {one.unit: one for one in seen} if seen else self._none

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """See `Workshop.unsaved`."""
        return self._workshop().unsaved(seen)

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """See `Workshop.perform`."""
        try:
            self._take()
        except SourceError as error:
            return [Receipt(order.unit, error.what, error.fix) for order in orders]
        return self._workshop().perform(orders)

    # -- whose it is ---------------------------------------------------------------------------

    def _other(self) -> str:
        """Return the repository to which the folder belongs, '' when that is ours or is gone."""
        try:
            said = os.fsdecode((self.root / OWNER).read_bytes()).rstrip("\n")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise BlindError(
                f"nobody can tell whose the folder {self.root} is",
                why=error.strerror or str(error),
                fix="look at the permissions of that folder",
            ) from error
        ours = not said or Path(said) == self.repository or not os.path.lexists(said)
        return "" if ours else said

    def _take(self) -> None:
        """Let the folder be ours. SourceError: it is somebody else's, or cannot be made."""
        try:
            other = self._other()
            if other:
                raise SourceError(f"the folder {self.root} belongs to {other}", fix=_FIX)
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark = self.root / OWNER
            text = os.fsencode(self.repository) + b"\n"
            if not mark.exists() or mark.read_bytes() != text:
                mark.write_bytes(text)
        except OSError as error:
            raise SourceError(
                f"the folder {self.root} cannot be made: {error.strerror or error}",
                fix="make room, or mend its permissions; or set XDG_DATA_HOME to another place",
            ) from error

    def _workshop(self) -> Workshop:
        self._made = self._made or self.make()
        return self._made
