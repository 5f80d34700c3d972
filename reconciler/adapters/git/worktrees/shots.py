"""What was seen at one place, with the few hours that tell whether it still is so.

Never takes something that was written just now for settled: it may change again within the hour
that the disk has for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.adapters.git.raw import plainfiles
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees.runs import RunRefs
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace

FRESH_NS = 50_000_000
"""What was written so shortly before may be written again without another hour."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What was seen at one place, and what tells that it is so no longer.

    `watched` are things that git writes to, below the repository, and their hours; none: look
    again each time. `above` is the folder in which a first verdict on the agent's runs would show,
    while there is none. `close` stamps each small file. `where` is a place with the same branch.
    """

    wanted: Workspace | None
    seen: SeenWorkspace | None
    admin: str = ""
    watched: tuple[tuple[str, int], ...] = ()
    above: str = ""
    above_hour: int = 0
    close: tuple[plainfiles.Stamp | None, ...] = ()
    where: str = ""


class Hours:
    """When things below repositories were written last, for one photograph."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._shared: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Hours:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def changed(self, shots: Mapping[str, Shot]) -> set[str]:
        """Return the places that have to be looked at: something was written, or is not there."""
        found = set()
        stat, tops, last, top = os.stat, self._top, "", -1
        for path, shot in shots.items():
            seen = shot.seen
            if seen is None or not shot.watched:
                found.add(path)
                continue
            try:
                if seen.repository != last:
                    last, top = seen.repository, tops(seen.repository)
                for name, hour in shot.watched:
                    if stat(name, dir_fd=top).st_mtime_ns != hour:
                        found.add(path)
                if shot.above and self._hour(seen.repository, shot.above) != shot.above_hour:
                    found.add(path)
            except OSError:
                found.add(path)
        return found

    def watch(self, shot: Shot) -> Shot:
        """Return a shot with what tells that it is old; without, when that cannot be told yet."""
        seen = shot.seen
        if seen is None:
            return shot
        common, archive = seen.repository, RunRefs(seen.unit).archive.rstrip("/")
        verdicts = _there(common, archive)
        names = [os.path.relpath(shot.admin, common), _there(common, f"refs/heads/{seen.branch}")]
        names += [verdicts] if verdicts == archive else []
        above = "" if verdicts == archive else verdicts
        try:
            watched = tuple((name, self._hour(common, name)) for name in names)
            above_hour = self._hour(common, above) if above else 0
        except OSError:
            return shot
        if max(above_hour, *(hour for _, hour in watched)) > time.time_ns() - FRESH_NS:
            return shot
        close = stamps(seen.path, shot.admin)
        return replace(shot, watched=watched, above=above, above_hour=above_hour, close=close)

    def _hour(self, common: str, path: str) -> int:
        """Return the hour of what many have in common: it is looked at once."""
        hour = self._shared.get((common, path))
        if hour is None:
            hour = os.stat(path, dir_fd=self._top(common)).st_mtime_ns
            self._shared[common, path] = hour
        return hour

    def _top(self, common: str) -> int:
        if common not in self._open:
            self._open[common] = os.open(common, os.O_RDONLY | os.O_CLOEXEC)
        return self._open[common]


def stamps(path: str, admin: str) -> tuple[plainfiles.Stamp | None, ...]:
    """Return what changes with a tree's own small files."""
    inner = ("HEAD", "gitdir", "commondir", marks.NAME)
    names = (f"{path}/.git", *(f"{admin}/{name}" for name in inner))
    return tuple([plainfiles.stamp(name) for name in names])


def _there(common: str, path: str) -> str:
    """Return a path below a folder, or the nearest one above it that is there."""
    while path and not os.access(f"{common}/{path}", 0):
        path = path.rpartition("/")[0]
    return path or "."
