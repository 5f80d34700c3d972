"""A snapshot made a work tree again: files, index, HEAD and what git had under way.

Never overwrites what is in no commit, and never believes a snapshot that an agent could have
written: no name in it leads out of the tree or into git's own files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.git.raw import indexfile, plainfiles
from reconciler.adapters.git.raw.indexfile import Entry
from reconciler.adapters.git.raw.treefiles import Leaf
from reconciler.adapters.git.worktrees import moving
from reconciler.adapters.git.worktrees.closing import HELD_BY_US, LOCKED
from reconciler.adapters.git.worktrees.heads import head_of
from reconciler.adapters.git.worktrees.keeping import Kept
from reconciler.adapters.git.worktrees.locks import refuse_locked
from reconciler.adapters.git.worktrees.opening import begin_folder, logged, unlock
from reconciler.adapters.git.worktrees.places import (
    Places,
    admin_of,
    common_dir,
    kind,
    linked,
    same,
)
from reconciler.adapters.git.worktrees.planting import Planter, plant
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.adapters.git.worktrees.removing import remove
from reconciler.adapters.git.worktrees.runs import RunRefs, numbered
from reconciler.adapters.git.worktrees.snapshot import Snapshot, read
from reconciler.adapters.git.worktrees.survey import Standing, Survey, take
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError, UsageError

_WORD = re.compile(r"([a-z0-9][a-z0-9-]*)/([a-z0-9][a-z0-9-]*)(?:/([1-9][0-9]{0,8}))?", re.ASCII)
_MARK = "novaorch-restored"
_MINE = re.compile(r"[0-9a-f]{40,64}\n")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was made: where, of which snapshot, and on which branch ('': HEAD is detached there,
    as `why_detached` tells)."""

    path: Path
    kept: Kept
    branch: str
    files: int
    why_detached: str = ""


def kept_of(repository: Path, word: str) -> Kept:
    """Return the snapshot that `project/name` (the last one) or `project/name/number` means.

    UsageError: it means none; SourceError: there is none.
    """
    match = _WORD.fullmatch(word.removeprefix("refs/novaorch/kept/"))
    if match is None:
        raise UsageError(
            f"{word!r} names no snapshot", fix="write PROJECT/NAME or PROJECT/NAME/NUMBER"
        )
    refs = RunRefs(UnitId.of(match[1], "workspace", match[2]))
    known = numbered(RefBook(_common(repository)), refs.kept)
    number = int(match[3]) if match[3] else max(known, default=0)
    if number not in known:
        there = ", ".join(str(one) for one in sorted(known)[-8:])
        raise SourceError(
            f"there is no snapshot {word!r}",
            why=f"there are {there}" if there else "nothing of that agent was ever kept",
            fix="see them: git for-each-ref refs/novaorch/kept/",
        )
    return Kept(f"{refs.kept}{number}", known[number])


def restored(repository: Path, kept_ref: str, path: Path) -> Restored:
    """Make the tree of a snapshot at `path` again, byte for byte.

    Where nothing is, a new work tree is made, on the snapshot's branch unless that is checked out
    elsewhere. A work tree that is there must be on that branch, at the commit of then, and hold
    nothing unsaved. SourceError: it cannot be; what was begun is gone on with by the next try.
    """
    common = _common(repository)
    kept = kept_of(repository, kept_ref)
    path = path.absolute()
    project, name, _ = kept.word.split("/")
    yard = Yard("", Places(path.parent))
    try:
        snapshot = read(yard.room(common), kept.commit)
        standing = Standing(UnitId.of(project, "workspace", name), path, Path(), common)
        if _vacant(path):
            branch, why = _anew(yard, standing, kept, snapshot)
        else:
            branch, why = _in_place(yard, standing, snapshot), ""
        return Restored(path, kept, branch, len(snapshot.files), why)
    finally:
        yard.close()


# -- where nothing is -----------------------------------------------------------------------------


def _anew(yard: Yard, standing: Standing, kept: Kept, snapshot: Snapshot) -> tuple[str, str]:
    """Make the tree beside its place, and move it there whole."""
    path = standing.path
    aside = path.with_name(f".{path.name}.novaorch")
    branch, why = _branch(yard, standing, snapshot)
    admin = _admin(standing, kept)
    _clear(aside, admin)
    making = replace(standing, path=aside, admin=admin)
    aside.parent.mkdir(parents=True, exist_ok=True)
    begin_folder(making)
    admin.mkdir(parents=True)
    head = f"ref: refs/heads/{branch}" if branch else snapshot.head
    files = {
        _MARK: f"{kept.commit}\n".encode(),
        LOCKED: HELD_BY_US,
        "commondir": b"../..\n",
        "gitdir": f"{path}/.git\n".encode("utf-8", "surrogateescape"),
        "HEAD": f"{head}\n".encode(),
    }
    for name, body in files.items():
        plainfiles.put(admin / name, body)
    (admin / "logs").mkdir()
    (admin / "logs" / "HEAD").write_text(logged(snapshot.head, f"novaorch: restore {kept.word}"))
    room = yard.room(standing.common)
    with yard.planter(aside) as planter:
        plant(room, planter, snapshot.files)
        entries = _beside(planter, snapshot)
    moving.put_index(admin, indexfile.render(entries, room.object_format))
    _underway(admin, snapshot)
    aside.rename(path)
    unlock(admin)
    return branch, why


def _branch(yard: Yard, standing: Standing, snapshot: Snapshot) -> tuple[str, str]:
    """Return the branch to be on; without one, why not."""
    if not snapshot.head:
        raise SourceError(
            "that snapshot was taken of a tree without a commit",
            fix=f"its files are in {snapshot.commit}: git archive {snapshot.commit} | tar x -C DIR",
        )
    if not snapshot.branch:
        return "", "HEAD was detached then, too"
    ground = yard.ground(standing.common)
    tip = ground.book.tip(f"refs/heads/{snapshot.branch}")
    if tip != snapshot.head:
        return "", f"{snapshot.branch} is at {tip[:12]} by now" if tip else "its branch is gone"
    where = ground.heads.elsewhere(snapshot.branch, None, str(standing.path))
    return ("", f"{snapshot.branch} is checked out at {where}") if where else (snapshot.branch, "")


def _admin(standing: Standing, kept: Kept) -> Path:
    name = f"restored.{kept.word.replace('/', '.')}"
    for number in range(1, 100):
        admin = standing.common / "worktrees" / (name if number == 1 else f"{name}.{number}")
        if not kind(admin) or _unfinished(admin, standing.path):
            return admin
    raise SourceError(
        f"{kept.word} was restored too often", fix=f"git -C {standing.common} worktree prune"
    )


def _unfinished(admin: Path, path: Path) -> bool:
    """Whether an admin folder is what a restore to this path left when it was killed."""
    mark, found = plainfiles.read(admin / _MARK), linked(admin)
    back = found.back if found is not None else str(path)
    return mark is not None and not kind(path) and same(back, path)


def _clear(aside: Path, admin: Path) -> None:
    if kind(aside) == "folder" and (kind(aside / ".git") == "file" or not any(aside.iterdir())):
        remove(aside, last=".git")
    if kind(admin):
        remove(admin, last=_MARK)


# -- where a tree is ------------------------------------------------------------------------------


def _in_place(yard: Yard, standing: Standing, snapshot: Snapshot) -> str:
    path = standing.path
    admin = admin_of(path) if kind(path) == "folder" else None
    found = linked(admin) if admin is not None else None
    if found is None or not same(found.common, standing.common):
        raise SourceError(
            f"something else is at {path}",
            why="only an agent's clean work tree of that repository is filled",
            fix="restore it elsewhere: --to DIRECTORY",
        )
    standing = replace(standing, admin=found.admin)
    refuse_locked(found.admin)
    branch = head_of(found.admin)[0]
    room, book = yard.room(standing.common), yard.ground(standing.common).book
    survey = take(room, book, standing)
    if (branch, survey.head) != (snapshot.branch, snapshot.head):
        raise SourceError(
            f"{path} is on {branch or 'no branch'} at {survey.head[:12]}",
            why=f"the snapshot was taken on {snapshot.branch or 'no branch'} at "
            f"{snapshot.head[:12]}",
            fix="restore it elsewhere (--to DIRECTORY), and take from there what you need",
        )
    if not _ready(survey, snapshot, moving.underway(found.admin)):
        raise _unsaved(survey)
    moving.begin(found.admin, moving.Move(survey.head, snapshot.commit, branch))
    moving.bring(yard, survey, snapshot.files, snapshot.entries)
    with yard.planter(path) as planter:
        staged = _beside(planter, snapshot)
    moving.put_index(found.admin, indexfile.render(staged, room.object_format))
    _underway(found.admin, snapshot)
    moving.end(found.admin)
    return branch


def _ready(survey: Survey, snapshot: Snapshot, move: moving.Move | None) -> bool:
    """Whether a tree is clean, has been restored, or is where a kill interrupted that."""
    before, after, now = survey.base, snapshot.files, survey.scan.files
    if survey.scan.refused:
        return False
    known = [_facts(_plain(before)), _facts(snapshot.entries)]
    if _facts(survey.entries) not in known:
        return False
    if move is not None and (move.before, move.after) == (survey.head, snapshot.commit):
        paths = {*before, *after, *now}
        return all(now.get(path) in (before.get(path), after.get(path)) for path in paths)
    clean = now == before and _facts(survey.entries) == known[0]
    return clean or (now == after and _facts(survey.entries) == known[1])


def _plain(files: Mapping[str, Leaf]) -> list[Entry]:
    return [Entry(os.fsencode(path), leaf.mode, leaf.oid) for path, leaf in files.items()]


def _facts(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    return sorted(entry[:-1] for entry in entries)


def _unsaved(survey: Survey) -> SourceError:
    unsaved = survey.unsaved()
    return SourceError(
        f"{survey.standing.path} holds what is in no commit",
        why=f"{unsaved.staged} staged, {unsaved.changed} changed, {unsaved.untracked} "
        f"untracked, {len(unsaved.refused)} unsavable files",
        fix="restore it elsewhere: --to DIRECTORY",
    )


# -- both -----------------------------------------------------------------------------------------


def _beside(planter: Planter, snapshot: Snapshot) -> list[Entry]:
    """Make rights and empty folders as they were; return the index, with what `stat` says now."""
    for path, rights in snapshot.modes.items():
        planter.rights(path, rights)
    for path in snapshot.empty:
        planter.folder(path)
    return [_known(planter, snapshot, entry) for entry in snapshot.entries]


def _known(planter: Planter, snapshot: Snapshot, entry: Entry) -> Entry:
    path = entry.path.decode("utf-8", "surrogateescape")
    leaf = Leaf(entry.mode, entry.oid)
    if entry.stage or entry.intended or snapshot.files.get(path) != leaf:
        return entry
    return entry._replace(seen=planter.entry(path, leaf).seen)


def _underway(admin: Path, snapshot: Snapshot) -> None:
    for name, body in snapshot.underway.items():
        (admin / name).parent.mkdir(parents=True, exist_ok=True)
        plainfiles.put(admin / name, body)


def _vacant(path: Path) -> bool:
    return not kind(path) or (kind(path) == "folder" and not any(path.iterdir()))


def _common(repository: Path) -> Path:
    common = common_dir(repository)
    if common is None:
        raise SourceError(f"{repository} is no git repository", fix="name one with -C")
    return common
