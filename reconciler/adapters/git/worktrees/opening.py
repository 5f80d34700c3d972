"""A work tree made, or taken over as it is.

It comes to be beside its place and is moved there whole; what a kill leaves is finished, or made
anew, by the next try. Runs no filter, no hook, and no `git checkout`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.raw import indexfile, plainfiles
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees import runs
from reconciler.adapters.git.worktrees.closing import HELD_BY_US, LOCKED, clear
from reconciler.adapters.git.worktrees.keeping import OURS, create
from reconciler.adapters.git.worktrees.looking import begin_at
from reconciler.adapters.git.worktrees.places import (
    MAKING,
    admin_of,
    common_dir,
    kind,
    linked,
    same,
)
from reconciler.adapters.git.worktrees.planting import plant
from reconciler.adapters.git.worktrees.removing import remove
from reconciler.adapters.git.worktrees.salvage import salvage
from reconciler.adapters.git.worktrees.survey import Standing, files_of
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.problems import ConflictError, SourceError
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace

_NAMES_MAX = 20


def open_(yard: Yard, workspace: Workspace) -> None:
    """Make a tree on the branch of its open run, or of a new one; or mark the one that is there."""
    path = Path(workspace.path)
    clear(yard, workspace.id)
    seen = yard.eye.look(path, workspace.id, workspace)
    if seen is not None:
        _trouble(seen)
        _adopt(yard, path, workspace)
        return
    _trouble(yard.eye.hindrance(workspace))
    common = common_dir(Path(workspace.repository)) or Path(workspace.repository)
    room = yard.room(common)
    number, tip = branch_for(yard, room, workspace)
    yard.tick("branch")
    admin = _admin(yard, common, workspace)
    making = yard.places.aside(MAKING, workspace.id)
    standing = Standing(workspace.id, making, admin, common)
    try:
        begin_folder(standing)
        yard.tick("folder")
        _prepare(yard, admin, workspace, (number, tip))
        build(yard, room, standing, tip)
        path.parent.mkdir(parents=True, exist_ok=True)
        making.rename(path)
    except BaseException:
        _undo(making, admin)
        raise
    yard.tick("placed")
    _adopt(yard, path, workspace)


def branch_for(yard: Yard, room: CleanRoom, workspace: Workspace) -> tuple[int, str]:
    """Return the run to be on and the tip of its branch, which is made if need be."""
    ground = yard.ground(room.common_dir)
    number, tip = runs.current(ground.book, workspace.id, ground.parent)
    if tip:
        return number, tip
    tip = begin_at(ground.book, workspace)
    branch = runs.name_of(workspace.id, number)
    if not create(room, f"refs/heads/{branch}", tip, "novaorch: begin a run"):
        raise ConflictError(f"the branch {branch} was made just now", fix="try again")
    return number, tip


def begin_folder(standing: Standing) -> None:
    """Make a tree's folder with the file by which its admin folder is found, whatever comes."""
    standing.path.mkdir(parents=True)
    plainfiles.put(standing.path / ".git", os.fsencode(f"gitdir: {standing.admin}\n"))


def build(yard: Yard, room: CleanRoom, standing: Standing, tip: str) -> None:
    """Write the files of a commit, and an index that knows them."""
    files = files_of(room, tip)
    with yard.planter(standing.path) as planter:
        plant(room, planter, files)
        yard.tick("files")
        entries = [planter.entry(path, leaf) for path, leaf in files.items()]
    body = indexfile.render(entries, room.object_format)
    plainfiles.put(standing.admin / "index", body)
    yard.tick("index")


def unlock(admin: Path) -> None:
    """Let git prune and move a tree again, if it was us who said no."""
    if plainfiles.read(admin / LOCKED) == HELD_BY_US:
        (admin / LOCKED).unlink(missing_ok=True)


# -- inside ---------------------------------------------------------------------------------------


def _adopt(yard: Yard, path: Path, workspace: Workspace) -> None:
    admin = admin_of(path)
    if admin is None:
        raise ConflictError(f"{path} was changed just now", fix="try again")
    unlock(admin)
    marks.write(admin, marks.whole(yard.fleet, workspace))
    yard.tick("marked")


def _trouble(seen: SeenWorkspace | None) -> None:
    if seen is not None and seen.trouble:
        raise SourceError(seen.trouble, fix=seen.fix)


def _admin(yard: Yard, common: Path, workspace: Workspace) -> Path:
    """Return an admin folder's place that is free; what is left of an earlier one is saved."""
    unit = workspace.id
    name = f"{yard.fleet}.{unit.project}.{unit.name}"
    for number in range(1, _NAMES_MAX):
        admin = common / "worktrees" / (name if number == 1 else f"{name}.{number}")
        if not kind(admin):
            return admin
        if _ours(yard, admin, workspace):
            salvage(yard, Standing(unit, Path(workspace.path), admin, common))
            yard.tick("salvaged")
            remove(admin, last=marks.NAME)
            return admin
    raise SourceError(
        f"there is no free name for a work tree in {common / 'worktrees'}",
        fix=f"git -C {workspace.repository} worktree prune",
    )


def _ours(yard: Yard, admin: Path, workspace: Workspace) -> bool:
    """Whether an admin folder is that of a tree of ours that is gone."""
    mark, found = marks.read(admin), linked(admin)
    if mark is not None and (mark.fleet, mark.unit) != (yard.fleet, workspace.id):
        return False
    if found is None:
        return mark is not None or (kind(admin) == "folder" and not plainfiles.names(admin))
    return same(found.back, workspace.path) or (mark is not None and not kind(Path(found.back)))


def _prepare(yard: Yard, admin: Path, workspace: Workspace, run: tuple[int, str]) -> None:
    """Make the admin folder; the mark comes first, so that what is left of it is known for ours."""
    admin.mkdir(parents=True)
    yard.tick("admin")
    marks.write(admin, marks.begun(yard.fleet, workspace))
    yard.tick("begun")
    branch = runs.name_of(workspace.id, run[0])
    files = {
        LOCKED: HELD_BY_US,
        "commondir": b"../..\n",
        "gitdir": os.fsencode(f"{workspace.path}/.git\n"),
        "HEAD": f"ref: refs/heads/{branch}\n".encode(),
        "ORIG_HEAD": f"{run[1]}\n".encode(),
    }
    for name, body in files.items():
        plainfiles.put(admin / name, body)
        yard.tick(name)
    (admin / "logs").mkdir()
    (admin / "logs" / "HEAD").write_text(logged(run[1], f"novaorch: begin run {run[0]}"))


def logged(tip: str, why: str, before: str = "") -> str:
    """Return the line of a log of HEAD."""
    return f"{before or '0' * len(tip)} {tip} {OURS} {time.time():.0f} +0000\t{why}\n"


def _undo(making: Path, admin: Path) -> None:
    """Leave nothing half made behind when it cannot be finished."""
    for path, last in ((making, ".git"), (admin, marks.NAME)):
        try:
            remove(path, last)
        except (OSError, SourceError):
            continue  # the next try clears it away
