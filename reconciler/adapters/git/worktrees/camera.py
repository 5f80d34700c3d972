"""The photograph of all work trees of a fleet: what changed is looked at, all else is as it was.

Never starts a process for what did not change, and never answers for a folder that it cannot list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reconciler.adapters.git.worktrees.looking import Eye, Ground
from reconciler.adapters.git.worktrees.places import GONE, LEAVING, MAKING, Places, admin_of
from reconciler.adapters.git.worktrees.shots import Hours, Shot, stamps
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace

CLOSELY = 64
"""So many trees are looked at closely each time, in turns: of the others only what git changes."""


class Camera:
    """Takes photographs. For one thread."""

    def __init__(self, places: Places, eye: Eye, grounds: dict[Path, Ground]) -> None:
        self._places, self._eye, self._grounds = places, eye, grounds
        self._shots: dict[str, Shot] = {}
        self._last: Mapping[UnitId, SeenWorkspace] = {}
        self._settled: dict[Path, frozenset[str]] = {}
        self._left_over: Mapping[str, list[str]] = {}
        self._turn = 0
        self.looked = 0  # trees that were looked at anew; told to tests

    def take(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return every tree, and why one that is wanted cannot be. BlindError: not readable."""
        by_path = {one.path: one for one in wanted}
        stages = {stage: self._list(stage) for stage in (LEAVING, GONE, MAKING)}
        there = self._list("")
        packed, moved = self._freshen()
        paths = dict.fromkeys((*there, *by_path))
        with Hours() as hours:
            stale = set(paths) if packed else self._stale(hours, there, by_path)
            if moved:
                stale.update(path for path in paths if path not in stale and self._joined(path))
            left, self._left_over = self._left_over, stages
            if not (stale or any(stages.values()) or left != stages):
                return self._last
            self._shots = {
                path: self._fresh(hours, path, by_path.get(path))
                if path in stale
                else self._shots[path]
                for path in paths
            }
        self._settle()
        return self._same(self._found(stages, {one.id for one in by_path.values()}))

    # -- inside --------------------------------------------------------------------------------

    def _stale(self, hours: Hours, there: list[str], by_path: Mapping[str, Workspace]) -> set[str]:
        """Return the places that are not as they were, or may not be."""
        shots = self._shots
        stale = hours.changed(shots)
        stale.update(path for path in there if path not in shots)
        stale.update(
            path
            for path, one in by_path.items()
            if path not in shots or (shots[path].wanted is not one and shots[path].wanted != one)
        )
        stale.update(path for path, shot in shots.items() if shot.wanted and path not in by_path)
        stale.update(shots.keys() - set(there))
        for path in self._in_turn(there):
            shot = shots.get(path)
            if shot is not None and shot.watched and stamps(path, shot.admin) != shot.close:
                stale.add(path)
        return stale

    def _joined(self, path: str) -> bool:
        """Whether somebody came to the branch of a tree, or left it."""
        shot = self._shots[path]
        if not shot.watched or shot.seen is None:
            return True
        return shot.where != self._where(shot.seen, shot.admin)

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

    def _in_turn(self, paths: list[str]) -> Sequence[str]:
        if len(paths) <= CLOSELY:
            return paths
        start = self._turn = (self._turn + CLOSELY) % len(paths)
        return (*paths[start : start + CLOSELY], *paths[: max(start + CLOSELY - len(paths), 0)])

    def _where(self, seen: SeenWorkspace, admin: str) -> str:
        ground = self._grounds[Path(seen.repository)]
        return ground.heads.elsewhere(seen.branch, Path(admin))

    def _fresh(self, hours: Hours, path: str, wanted: Workspace | None) -> Shot:
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
        return hours.watch(Shot(wanted, seen, str(admin), where=self._where(seen, str(admin))))

    def _settle(self) -> None:
        """Know whose HEADs are watched here already."""
        found: dict[Path, set[str]] = {common: set() for common in self._grounds}
        for shot in self._shots.values():
            if shot.watched and shot.seen is not None:
                found[Path(shot.seen.repository)].add(shot.admin.rpartition("/")[2])
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
