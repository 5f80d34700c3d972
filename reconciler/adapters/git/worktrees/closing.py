"""A work tree taken away: saved first, looked at again, and only then removed.

A tree goes through three places, and a kill at any moment leaves it in one of them: its own, where
it is whole; aside, where it is compared with its snapshot; gone, where all of it is safe. Never
removes what is not in a snapshot that was read back.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees.keeping import keep
from reconciler.adapters.git.worktrees.locks import refuse_locked
from reconciler.adapters.git.worktrees.places import GONE, LEAVING, MAKING, admin_of, kind, linked
from reconciler.adapters.git.worktrees.removing import mounted, remove
from reconciler.adapters.git.worktrees.survey import Standing, Survey, take
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError, StalePlanError
from reconciler.model.step import CloseWorkspace

LOCKED = "locked"
HELD_BY_US = b"novaorch is at work on it\n"
_LOOKS = 3
_TOLD = 5


def close(yard: Yard, step: CloseWorkspace) -> None:
    """Take a tree away. StalePlanError: it is not what was looked at; SourceError: why not."""
    path = Path(step.path)
    stage = _stage(yard, step)
    if stage in (GONE, MAKING):
        discard(yard, path)
        return
    standing = yard.standing(step.unit, path)
    _as_expected(yard, standing, step)
    refuse_locked(standing.admin)
    disk = mounted(path)
    if disk:
        raise SourceError(
            f"another disk is mounted in that tree, at {disk}",
            why="what is on it is no part of the work tree",
            fix=f"unmount it first: umount {disk}",
        )
    if stage != LEAVING:
        clear(yard, step.unit)
        survey = look(yard, standing)
        keep(yard.room(standing.common), yard.ground(standing.common).book, survey)
        yard.tick("saved")
        standing = _aside(yard, standing)
        yard.tick("aside")
        leave(yard, standing, survey)
    else:
        leave(yard, standing, None)


def look(yard: Yard, standing: Standing) -> Survey:
    """Look at everything in a tree. SourceError: something in it cannot be kept."""
    survey = take(yard.room(standing.common), yard.ground(standing.common).book, standing)
    refused = survey.scan.refused
    if refused:
        told = "; ".join(f"{one.path!r}: {one.why}" for one in refused[:_TOLD])
        raise SourceError(
            f"what is in {standing.path} cannot all be saved",
            why=told + (f" and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""),
            fix=f"move it out or delete it, or let .gitignore name it: cd {standing.path}",
        )
    return survey


def leave(yard: Yard, standing: Standing, survey: Survey | None) -> None:
    """Compare a tree that was set aside with what was kept of it, and let it go."""
    for _ in range(_LOOKS):
        now = look(yard, standing)
        if survey is not None and now.like(survey):
            break
        keep(yard.room(standing.common), yard.ground(standing.common).book, now)
        survey = now
        yard.tick("looked")
    else:
        raise SourceError(
            f"the work tree of {standing.unit} changes all the time",
            why=f"somebody still writes into {standing.path}",
            fix=f"find out who (fuser -v {standing.path}) and end it",
        )
    yard.tick("compared")
    gone = yard.places.aside(GONE, standing.unit)
    discard(yard, gone)
    gone.parent.mkdir(parents=True, exist_ok=True)
    standing.path.rename(gone)
    _tidy(yard, standing.path.parent)
    yard.tick("gone")
    discard(yard, gone)
    yard.known.pop(standing.unit, None)


def clear(yard: Yard, unit: UnitId) -> None:
    """Finish what was begun with an earlier tree of the same agent."""
    left = {stage: yard.places.aside(stage, unit) for stage in (GONE, MAKING, LEAVING)}
    if not any(kind(path) for path in left.values()):
        return
    for stage in (GONE, MAKING):
        discard(yard, left[stage])
    if kind(left[LEAVING]) == "folder":
        leave(yard, yard.standing(unit, left[LEAVING]), None)
    yard.refresh()


def discard(yard: Yard, path: Path) -> None:
    """Remove a tree of which nothing has to be kept, and what git keeps beside it."""
    if kind(path) != "folder":
        return
    with contextlib.suppress(OSError):
        admin = admin_of(path)
        if admin is not None:
            _forget(yard, admin, yard.places.unit(path))
    yard.tick("forgotten")
    remove(path, last=".git")
    yard.tick("removed")
    _tidy(yard, path.parent)


def _forget(yard: Yard, admin: Path, unit: UnitId) -> None:
    """Remove an admin folder, if it is ours and no living tree believes in it."""
    mark, found = marks.read(admin), linked(admin)
    if mark is None and kind(admin) == "folder" and not plainfiles.names(admin):
        admin.rmdir()
    if mark is None or (mark.fleet, mark.unit) != (yard.fleet, unit):
        return
    # A kill may have taken a part of it already; the mark goes last.
    common = found.common if found is not None else admin.parent.parent
    if admin.parent != common / "worktrees" or not (common / "objects").is_dir():
        return
    own = admin_of(Path(mark.path)) if kind(Path(mark.path) / ".git") == "file" else None
    if own != admin:
        remove(admin, last=marks.NAME)
        with contextlib.suppress(OSError):
            admin.parent.rmdir()


def _stage(yard: Yard, step: CloseWorkspace) -> str:
    """Return where on its way a tree is. SourceError: it is at no place of this agent's."""
    places = yard.places
    by_path = {str(places.aside(stage, step.unit)): stage for stage in (LEAVING, GONE, MAKING)}
    by_path[str(places.of(step.unit))] = ""
    if step.path not in by_path:
        raise SourceError(
            f"{step.path} is no place of {step.unit}",
            why=f"its tree is at {places.of(step.unit)}, and nothing else is ever removed",
            fix="look again: novaorch diff",
        )
    return by_path[step.path]


def _as_expected(yard: Yard, standing: Standing, step: CloseWorkspace) -> None:
    seen = yard.eye.look(standing.path, step.unit, None)
    if seen is None or (seen.branch, seen.tip) != (step.branch, step.tip):
        on = (
            f"on {seen.branch or 'no branch'} at {seen.tip[:12] or 'no commit'}" if seen else "gone"
        )
        raise StalePlanError(f"{standing.path} is {on} by now", fix="look again: novaorch diff")
    if seen.trouble:
        raise SourceError(seen.trouble, fix=seen.fix)


def _aside(yard: Yard, standing: Standing) -> Standing:
    """Move a tree aside, so that nobody who comes by its name finds it any more."""
    path = yard.places.aside(LEAVING, standing.unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    plainfiles.put(standing.admin / LOCKED, HELD_BY_US)
    standing.path.rename(path)
    _tidy(yard, standing.path.parent)
    return Standing(standing.unit, path, standing.admin, standing.common)


def _tidy(yard: Yard, folder: Path) -> None:
    """Take away the folders above that are empty now."""
    while folder != yard.places.root and yard.places.root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
