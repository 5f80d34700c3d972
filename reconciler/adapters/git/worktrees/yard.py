"""What all work on trees shares: where they are, the clean room and the refs of each repository.

Never hands out a tree that is not ours by its mark.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import parse_commit
from reconciler.adapters.git.raw import plainfiles
from reconciler.adapters.git.raw.scan import StatIndex
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees.heads import Heads
from reconciler.adapters.git.worktrees.locks import alive
from reconciler.adapters.git.worktrees.looking import Eye, Ground
from reconciler.adapters.git.worktrees.places import MAKING, Places, admin_of, linked
from reconciler.adapters.git.worktrees.planting import Planter
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.adapters.git.worktrees.removing import remove
from reconciler.adapters.git.worktrees.survey import Standing
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, SourceError, StalePlanError

_DRAFTS = ".drafts"


def _nothing(_: str) -> None:
    """Be told of each boundary: a place in the middle at which a kill must do no harm."""


@dataclass
class Yard:
    """One fleet's trees. One thread only; close it. `tick` is told of each boundary by name."""

    fleet: str
    places: Places
    tick: Callable[[str], None] = _nothing
    grounds: dict[Path, Ground] = field(default_factory=dict)
    known: dict[UnitId, StatIndex] = field(default_factory=dict)
    _rooms: dict[Path, tuple[tuple[int, int], CleanRoom]] = field(default_factory=dict)
    _parents: dict[str, str] = field(default_factory=dict)

    @property
    def eye(self) -> Eye:
        """Return who looks at single trees."""
        return Eye(self.fleet, self.ground)

    def ground(self, common: Path) -> Ground:
        """Return what is known of a repository."""
        found = self.grounds.get(common)
        if found is None:
            found = Ground(RefBook(common), Heads(common), partial(self._parent, common))
            found.heads.fresh()
            self.grounds[common] = found
        return found

    def refresh(self) -> None:
        """Look again who is on which branch."""
        for ground in self.grounds.values():
            ground.heads.fresh()

    def room(self, common: Path) -> CleanRoom:
        """Return the clean room of a repository; a new one when it is another by now."""
        seen = common.stat()
        now = (seen.st_dev, seen.st_ino)
        before, room = self._rooms.get(common, (None, None))
        if room is None or before != now or not room.path.is_dir():
            if room is not None:
                room.close()
            room = CleanRoom(common)
            self._rooms[common] = (now, room)
        return room

    def close(self) -> None:
        """End the helpers, and take the rooms away."""
        while self._rooms:
            self._rooms.popitem()[1][1].close()
        drafts = self._own_drafts()
        with contextlib.suppress(OSError):
            remove(drafts)
            drafts.parent.rmdir()
            drafts.parent.parent.rmdir()

    def standing(self, unit: UnitId, path: Path) -> Standing:
        """Return a tree of ours at a path. StalePlanError: it is none (any more)."""
        admin = admin_of(path)
        found = linked(admin) if admin is not None else None
        mark = marks.read(admin) if admin is not None else None
        if found is None or mark is None or (mark.fleet, mark.unit) != (self.fleet, unit):
            raise StalePlanError(
                f"{path} is no work tree of {unit} by its mark",
                why="it is gone, was made by somebody else, or its .git file was changed",
                fix=f"look at it, and move what you need elsewhere: ls -la {path}",
            )
        return Standing(unit, path, found.admin, found.common)

    @contextmanager
    def planter(self, top: Path) -> Iterator[Planter]:
        """Write files below a folder."""
        drafts = self._own_drafts()
        drafts.mkdir(parents=True, exist_ok=True)
        self._sweep(drafts.parent)
        planter = Planter(top, drafts)
        try:
            yield planter
        finally:
            planter.close()

    def _own_drafts(self) -> Path:
        return self.places.root / MAKING / _DRAFTS / str(os.getpid())

    def _sweep(self, drafts: Path) -> None:
        """Take away what those left who were killed."""
        for name in plainfiles.folders(drafts):
            if name.isdigit() and not alive(int(name)):
                remove(drafts / name)

    def _parent(self, common: Path, commit: str) -> str:
        """Return the first parent of a commit; a loose object is read without a process."""
        if commit not in self._parents:
            try:
                body = self._loose(common, commit)
                parents = parse_commit(commit, body).parents
            except (ValueError, SourceError, OSError) as error:
                raise BlindError(
                    f"the commit {commit[:12]} cannot be read",
                    why=str(error),
                    fix=f"run `git -C {common} fsck` and mend what it names",
                ) from error
            self._parents[commit] = parents[0] if parents else ""
        return self._parents[commit]

    def _loose(self, common: Path, commit: str) -> bytes:
        packed = plainfiles.read(common / "objects" / commit[:2] / commit[2:])
        if packed is not None:
            with contextlib.suppress(zlib.error):
                return zlib.decompressobj().decompress(packed, plainfiles.LIMIT).partition(b"\0")[2]
        room = self.room(common)
        with room.reading() as objects:
            return objects.contents([commit], "commit")[0]
