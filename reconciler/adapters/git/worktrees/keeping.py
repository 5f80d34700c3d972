"""Snapshots: everything that is in a work tree and in no commit, as commits on a kept ref.

A snapshot is written whole, named by one compare-and-swap, and read back before anybody relies on
it. Its commit's tree is the work tree, byte for byte; its parents are HEAD's commit, a commit of
what is staged, and, when git's trees cannot say all, a commit of the rest.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE, object_id, parse_commit
from reconciler.adapters.git.loose import NewObjects
from reconciler.adapters.git.process import said
from reconciler.adapters.git.raw import indexfile, plainfiles
from reconciler.adapters.git.raw.treefiles import Leaf, planted
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.adapters.git.worktrees.runs import RunRefs, numbered
from reconciler.adapters.git.worktrees.survey import Survey, stranded
from reconciler.core.plain import clean
from reconciler.model.problems import ConflictError, SourceError

OURS = "novaorch <novaorch@localhost>"
# A power cut must not leave a ref whose objects were never written.
DURABLE = ("-c", "core.fsync=committed,loose-object,reference")
UNDERWAY = (
    "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD",
    "REBASE_HEAD", "SQUASH_MSG", "BISECT_LOG", "BISECT_TERMS", "BISECT_START", "BISECT_NAMES",
    "rebase-merge", "rebase-apply", "sequencer",
)  # fmt: skip
_TRIES = 5
_WHOLE_MAX = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot: its ref and commit."""

    ref: str
    commit: str

    @property
    def word(self) -> str:
        """`project/name/number`, as people say it."""
        return self.ref.removeprefix("refs/novaorch/kept/")


def keep(room: CleanRoom, book: RefBook, survey: Survey) -> Kept | None:
    """Keep everything that is in no commit; None: there is nothing. SourceError: it cannot be.

    The very same content as of the last snapshot is not kept twice.
    """
    alone = stranded(room, survey.standing)
    if not survey.unsaved().any and not alone and not survey.empty:
        return None
    refs = RunRefs(survey.standing.unit)
    parts = _Writer(room, survey).write(alone)
    known = numbered(book, refs.kept)
    last = max(known, default=0)
    if last and _same(room, known[last], survey, parts):
        kept = Kept(f"{refs.kept}{last}", known[last])
    else:
        kept = _named(room, survey, parts, last + 1)
    verify(room, kept.commit, survey)
    return kept


def verify(room: CleanRoom, commit: str, survey: Survey) -> None:
    """Read a snapshot back. SourceError: something of it is not there, or damaged."""
    wanted: dict[str, Leaf] = {**survey.staged, **survey.scan.files}
    # Kept apart: one path may have a staged content and another one in the tree.
    leaves = {*wanted.values(), *survey.staged.values(), *survey.scan.files.values()}
    oids = sorted({leaf.oid for leaf in leaves if leaf.mode != SUBMODULE})
    known = {leaf.oid for leaf in survey.base.values()}
    with room.reading() as objects:
        objects.close()  # what a helper remembers is no proof
        objects.contents([commit], "commit")
        sizes = objects.headers(oids) if oids else []
        fresh = [one.oid for one in sizes if one.oid not in known and one.size <= _WHOLE_MAX]
        for start in range(0, len(fresh), 64):
            objects.contents(fresh[start : start + 64], "blob")
    reply = room.command().run("rev-list", "--objects", "--quiet", commit, "--not", "--branches")
    if not reply.ok:
        raise SourceError(
            f"the snapshot {commit[:12]} cannot be read back",
            why=said(reply.err),
            fix="run `git fsck` in the repository and mend what it names",
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects of a snapshot: trees, and the commits beside."""

    tree: str
    index_tree: str
    index: str
    rest_tree: str
    rest: str
    alone: tuple[str, ...]


class _Writer:
    """Writes one snapshot's objects."""

    def __init__(self, room: CleanRoom, survey: Survey) -> None:
        self._room, self._survey = room, survey
        self._new: NewObjects = survey.scan.new

    def write(self, alone: tuple[str, ...]) -> Parts:
        survey = self._survey
        tree = planted(survey.scan.files).write(self._new.write)
        index_tree = planted(survey.staged).write(self._new.write)
        head = [survey.head] if survey.head else []
        index = self._commit(index_tree, head, "What is staged\n")
        rest = self._rest()
        rest_tree = planted(rest).write(self._new.write) if rest or alone else ""
        beside = self._commit(rest_tree, [*alone], "What else there is\n") if rest_tree else ""
        survey.scan.store()
        return Parts(tree, index_tree, index, rest_tree, beside, alone)

    def _rest(self) -> dict[str, Leaf]:
        """Return what neither the tree nor a tree of the index can say."""
        survey, found = self._survey, dict[str, Leaf]()
        if any(not entry.plain for entry in survey.entries):
            bare = [entry._replace(seen=(0,) * 9) for entry in survey.entries]
            body = indexfile.render(bare, self._room.object_format)
            found["index"] = self._blob(body)
            for entry in survey.entries:
                if entry.stage and entry.mode != SUBMODULE:
                    found[f"stages/{entry.oid}"] = Leaf("100644", entry.oid)
        if survey.empty or survey.modes:
            told = {"empty": list(survey.empty), "modes": dict(survey.modes)}
            found["beside.json"] = self._blob(json.dumps(told, sort_keys=True).encode())
        for name, body in _underway(survey.standing.admin):
            found[f"git/{name}"] = self._blob(body)
        return found

    def _blob(self, body: bytes) -> Leaf:
        return Leaf("100644", self._new.write("blob", body))

    def _commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        return self._new.write("commit", commit_body(tree, parents, message))


def commit_body(tree: str, parents: Sequence[str], message: str) -> bytes:
    """Return a commit of ours, made now."""
    at = int(time.time())
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"{who} {OURS} {at} +0000" for who in ("author", "committer")]
    return "\n".join([*lines, "", message]).encode("utf-8", "replace")


def _named(room: CleanRoom, survey: Survey, parts: Parts, first: int) -> Kept:
    refs = RunRefs(survey.standing.unit)
    for number in range(first, first + _TRIES):
        new = NewObjects(room.common_dir / "objects", room.object_format)
        parents = [p for p in (survey.head, parts.index, parts.rest) if p]
        message = _message(survey, parts, number)
        commit = new.write("commit", commit_body(parts.tree, parents, message))
        new.store()
        if survey.unsaved().any:
            os.sync()  # the tree is about to go: what is kept has to be on the disk by then
        ref = f"{refs.kept}{number}"
        if create(room, ref, commit, "novaorch: keep"):
            return Kept(ref, commit)
    raise ConflictError(
        f"a snapshot could not be named below {refs.kept}",
        why="others are writing there",
        fix="try again",
    )


def create(room: CleanRoom, ref: str, commit: str, why: str) -> bool:
    """Make a ref; False: there is one already. SourceError: it cannot be made."""
    nothing = "0" * len(commit)
    words = (*DURABLE, "update-ref", "--no-deref", "--create-reflog", "-m", why, ref, commit)
    reply = room.command().run(*words, nothing)
    if reply.ok:
        return True
    if "reference already exists" in reply.err:
        return False
    raise SourceError(
        f"git would not write {ref}",
        why=said(reply.err),
        fix="if a .lock file is named there and no git runs any more, delete it; look at the disk",
    )


def _message(survey: Survey, parts: Parts, number: int) -> str:
    unit, unsaved = survey.standing.unit, survey.unsaved()
    who = f"{unit.project}/{unit.name}"
    told = f"{unsaved.staged} staged, {unsaved.changed} changed, {unsaved.untracked} untracked"
    lines = [
        ("Nova-Agent", f"{unit.project}/agent/{unit.name}"),
        ("Nova-Kept", str(number)),
        ("Nova-Branch", clean(survey.branch)),
        ("Nova-Head", survey.head),
        ("Nova-Index", parts.index),
        ("Nova-Rest", parts.rest),
    ]
    trailers = "\n".join(f"{name}: {value}" for name, value in lines if value)
    return (
        f"Keep what {who} had in no commit\n\n"
        f"Files: {told}.\nBring it back: novaorch training restore {who}/{number}\n\n{trailers}\n"
    )


def _same(room: CleanRoom, commit: str, survey: Survey, parts: Parts) -> bool:
    """Whether a snapshot has the very content of these parts."""
    try:
        with room.reading() as objects:
            body = objects.contents([commit], "commit")[0]
            found = parse_commit(commit, body)
            beside = found.parents[1 if survey.head else 0 :]
            bodies = objects.contents(beside, "commit") if beside else []
            told = [parse_commit(o, b) for o, b in zip(beside, bodies, strict=True)]
    except (SourceError, ValueError):
        return False
    nothing = object_id("tree", b"", room.object_format)
    rest = told[1] if len(told) > 1 else None
    on = f"\nNova-Branch: {clean(survey.branch)}\n".encode("utf-8", "replace")
    return (
        found.tree == parts.tree
        and (not survey.head or found.parents[0] == survey.head)
        and [one.tree for one in told[:1]] == [parts.index_tree]
        and (rest.tree if rest else nothing) == (parts.rest_tree or nothing)
        and set(parts.alone) <= set(rest.parents if rest else ())
        and (on in body or not survey.branch)
    )


def _underway(admin: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the small files of a merge, rebase or the like that is under way."""
    for name in UNDERWAY:
        top = admin / name
        paths = [top, *sorted(top.rglob("*"))] if top.is_dir() else [top]
        for path in paths:
            if path.is_symlink() or not path.is_file():
                continue
            try:
                body = plainfiles.read(path)
            except OSError:
                continue
            if body is not None and not path.name.endswith(".lock"):
                yield os.fspath(path.relative_to(admin)), body
