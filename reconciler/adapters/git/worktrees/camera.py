"""The photograph of all work trees of a fleet: what changed is looked at, all else is as it was.

Never starts a process for what did not change, and never answers for a folder that it cannot list.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.worktrees import plainfiles
from reconciler.adapters.git.worktrees.looking import Eye, Ground, stamps
from reconciler.adapters.git.worktrees.places import GONE, LEAVING, MAKING, Places, admin_of
from reconciler.adapters.git.worktrees.runs import RunRefs
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace

CLOSELY = 100
"""So many trees are looked at closely each time, in turns: of the others only what git changes."""
FRESH_NS = 50_000_000
"""What was written so shortly before may be written again without another hour."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What was seen at one place, and what tells that it is so no longer.

    `quick` are hours of the folders and the ref that git writes to, at `watched`; `close` stamps
    those of each file. `where` is the place that has the same branch, `common` the repository.
    """

    wanted: Workspace | None
    seen: SeenWorkspace | None
    watched: tuple[str, ...] = ()
    quick: tuple[int, ...] = ()
    close: tuple[object, ...] = ()
    admin: Path = Path()
    where: str = ""


class Camera:
    """Takes photographs. For one thread."""

    def __init__(self, places: Places, eye: Eye, grounds: dict[Path, Ground]) -> None:
        self._places, self._eye, self._grounds = places, eye, grounds
        self._shots: dict[str, Shot] = {}
        self._last: Mapping[UnitId, SeenWorkspace] = {}
        self._settled: dict[Path, frozenset[str]] = {}
        self._turn = 0
        self.looked = 0  # trees that were looked at anew; told to tests

    def take(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return every tree, and why one that is wanted cannot be. BlindError: not readable."""
        by_path = {one.path: one for one in wanted}
        stages = {stage: self._list(stage) for stage in (LEAVING, GONE, MAKING)}
        there = self._list("")
        packed, moved = self._freshen()
        closely = self._in_turn(there)
        before, shots, looked, known = self._shots, {}, self.looked, frozenset(there)
        for path in dict.fromkeys((*there, *by_path)):
            shot = before.get(path) if path in known and not packed else None
            one = by_path.get(path)
            if shot is None or not self._still(shot, one, moved=moved, close=path in closely):
                shot = self._fresh(path, one)
            shots[path] = shot
        if looked == self.looked and len(shots) == len(before) and not any(stages.values()):
            return self._last
        self._shots = shots
        self._settle()
        return self._same(self._found(stages, {one.id for one in by_path.values()}))

    # -- inside --------------------------------------------------------------------------------

    def _list(self, stage: str) -> list[str]:
        try:
            return list(self._places.all(stage))
        except OSError as error:
            raise BlindError(
                f"the work trees below {self._places.root} cannot be listed",
                why=error.strerror or str(error),
                fix="look at the permissions of that folder",
            ) from error

    def _freshen(self) -> tuple[bool, bool]:
        """Look at each repository; return whether refs were packed, and whether HEADs moved."""
        packed = moved = False
        for common, ground in self._grounds.items():
            before = ground.book.stamp
            packed |= ground.book.fresh() != before
            moved |= ground.heads.fresh(self._settled.get(common, frozenset()))
        return packed, moved

    def _in_turn(self, paths: list[str]) -> frozenset[str]:
        if len(paths) <= CLOSELY:
            return frozenset(paths)
        start = self._turn = (self._turn + CLOSELY) % len(paths)
        return frozenset((*paths, *paths)[start : start + CLOSELY])

    def _still(self, shot: Shot, wanted: Workspace | None, *, moved: bool, close: bool) -> bool:
        """Whether a place is just as it was."""
        if not shot.watched or (shot.wanted is not wanted and shot.wanted != wanted):
            return False
        if _hours(shot.watched) != shot.quick:
            return False
        if moved and shot.where != self._where(shot):
            return False
        return not close or _close(shot) == shot.close

    def _where(self, shot: Shot) -> str:
        assert shot.seen is not None
        ground = self._grounds[Path(shot.seen.repository)]
        return ground.heads.elsewhere(shot.seen.branch, shot.admin)

    def _fresh(self, path: str, wanted: Workspace | None) -> Shot:
        self.looked += 1
        place = Path(path)
        unit = wanted.id if wanted is not None else self._places.unit(place)
        seen = self._eye.look(place, unit, wanted)
        if seen is None and wanted is not None:
            return Shot(wanted, self._eye.hindrance(wanted))
        admin = _admin(place)
        if seen is None or admin is None or not (seen.repository and seen.branch):
            return Shot(wanted, seen)
        self._grounds[Path(seen.repository)].heads.note(admin.name, seen.branch)
        return self._watched(Shot(wanted, seen, admin=admin))

    def _watched(self, shot: Shot) -> Shot:
        seen = shot.seen
        assert seen is not None
        archive = f"{seen.repository}/{RunRefs(seen.unit).archive}"
        while not os.path.isdir(archive) and len(archive) > len(seen.repository):
            archive = os.path.dirname(archive)
        watched = (str(shot.admin), f"{seen.repository}/refs/heads/{seen.branch}", archive)
        quick = _hours(watched)
        if max(quick) > time.time_ns() - FRESH_NS:
            return Shot(shot.wanted, seen)  # look again the next time
        whole = Shot(shot.wanted, seen, watched, quick, (), shot.admin, self._where(shot))
        return Shot(shot.wanted, seen, watched, quick, _close(whole), shot.admin, whole.where)

    def _settle(self) -> None:
        """Know whose HEADs are watched here already."""
        found: dict[Path, set[str]] = {common: set() for common in self._grounds}
        for shot in self._shots.values():
            if shot.watched and shot.seen is not None:
                found[Path(shot.seen.repository)].add(shot.admin.name)
        self._settled = {common: frozenset(names) for common, names in found.items()}

    def _found(
        self, stages: Mapping[str, list[str]], wanted: set[UnitId]
    ) -> dict[UnitId, SeenWorkspace]:
        found = {s.seen.unit: s.seen for s in self._shots.values() if s.seen is not None}
        for paths in stages.values():
            for path in map(Path, paths):
                unit = self._places.unit(path)
                if unit not in wanted and unit not in found:
                    found[unit] = self._left(path, unit)
        return found

    def _left(self, path: Path, unit: UnitId) -> SeenWorkspace:
        """Return a tree that was being made or taken away when somebody was interrupted."""
        if self._places.stage(path) == LEAVING:
            seen = self._eye.look(path, unit, None)
            if seen is not None:
                return seen
        return SeenWorkspace(unit, str(path), fleet=self._eye.fleet)

    def _same(self, found: dict[UnitId, SeenWorkspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return the very mapping of the last time when it says the same."""
        if found != self._last:
            self._last = found
        return self._last


def _admin(path: Path) -> Path | None:
    try:
        return admin_of(path)
    except OSError:
        return None


def _hours(paths: tuple[str, ...]) -> tuple[int, ...]:
    """Return when each was written last: 0 for what is not there, as is a ref that was packed."""
    return tuple([os.stat(p).st_mtime_ns if os.access(p, 0) else 0 for p in paths])


def _close(shot: Shot) -> tuple[object, ...]:
    assert shot.seen is not None
    ref = plainfiles.stamp(shot.watched[1]) if os.access(shot.watched[1], 0) else None
    return (*stamps(Path(shot.seen.path), shot.admin), ref)
