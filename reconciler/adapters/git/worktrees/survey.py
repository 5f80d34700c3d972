"""What is in a work tree and in no commit: files, what is staged, what git has under way.

Reads everything raw; never believes a stamp in the agent's index, and runs nothing of its.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE, parse_commit
from reconciler.adapters.git.process import said
from reconciler.adapters.git.raw import indexfile, plainfiles
from reconciler.adapters.git.raw.indexfile import Entry
from reconciler.adapters.git.raw.scan import Rules, Scan, StatIndex, scan
from reconciler.adapters.git.raw.treefiles import Leaf, Place, read_tree
from reconciler.adapters.git.worktrees.heads import head_of
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.adapters.git.worktrees.runs import RunRefs
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError
from reconciler.model.workspace import Unsaved

SAVED_MAX = 512 * 2**20
"""A file of more bytes than this is not kept: its tree stays, and people are told."""
_BARE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A work tree where it stands now."""

    unit: UnitId
    path: Path
    admin: Path
    common: Path


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that is in a work tree. `head` is the commit it is on, '' for none.

    `branch` is '' when HEAD is detached. `empty` are folders with nothing in them, `modes` the
    rights of files and folders that are not the usual ones.
    """

    standing: Standing
    branch: str
    head: str
    base: Mapping[str, Leaf]
    scan: Scan
    entries: Sequence[Entry]
    empty: tuple[str, ...]
    modes: Mapping[str, int]

    @property
    def staged(self) -> dict[str, Leaf]:
        """What a commit of the index would hold."""
        return {
            os.fsdecode(e.path): Leaf(e.mode, e.oid)
            for e in self.entries
            if not e.stage and not e.intended
        }

    def unsaved(self, moving: Mapping[str, Leaf | None] | None = None) -> Unsaved:
        """Count what is in no commit. What `moving` has is a file on its way to another run."""
        moving = moving or {}
        staged, files, base = self.staged, self.scan.files, self.base
        odd = {e.path for e in self.entries if e.stage or e.intended}
        refused = {one.path for one in self.scan.refused}

        def passing(path: str, leaf: Leaf | None) -> bool:
            return path in moving and moving[path] == leaf

        paths = {*staged, *base}
        differs = [p for p in paths if staged.get(p) != base.get(p)]
        differs = [p for p in differs if not passing(p, staged.get(p))]
        listed = {*staged, *map(os.fsdecode, odd)}
        skipped = {os.fsdecode(e.path) for e in self.entries if e.skipped}
        changed = [p for p in listed - refused if files.get(p) != staged.get(p)]
        changed = [p for p in changed if not passing(p, files.get(p))]
        changed = [p for p in changed if p in files or p not in skipped]
        untracked = [p for p in files if p not in listed and not passing(p, files[p])]
        whys = tuple((one.path, one.why) for one in self.scan.refused)
        return Unsaved(len(differs) + len(odd), len(changed), len(untracked), whys)

    def strangers(self, moving: Mapping[str, Leaf | None]) -> frozenset[str]:
        """Return the paths that git knows nothing of, or cannot hold; they belong to no run."""
        listed = {os.fsdecode(entry.path) for entry in self.entries} | self.base.keys()
        files = self.scan.files
        new = {p for p in files if p not in listed and not (p in moving and moving[p] == files[p])}
        return frozenset(new | {one.path for one in self.scan.refused if one.path not in listed})

    def like(self, other: Survey) -> bool:
        """Whether nothing changed between two looks."""
        return (
            self.scan.files == other.scan.files
            and _facts(self.entries) == _facts(other.entries)
            and (self.branch, self.head) == (other.branch, other.head)
            and self.scan.refused == other.scan.refused
            and self.empty == other.empty
        )


def take(
    room: CleanRoom,
    book: RefBook,
    standing: Standing,
    known: StatIndex | None = None,
    *,
    whole: bool = False,
) -> Survey:
    """Look at everything in a work tree. SourceError: it cannot be told.

    With `whole`, the content of files that HEAD's commit has is taken, too, as if it had none.
    """
    branch, head = at(book, standing)
    base = files_of(room, head) if head else {}
    place = Place(standing.path, standing.admin / "index")
    entries = indexfile.load(place.index, room.object_format)
    found = scan(room, place, {} if whole else base, known, Rules(SAVED_MAX))
    # What a sparse checkout leaves out counts as there for a commit, and is not in the tree.
    there = {p: x for p, x in found.files.items() if p in found.stamps or x.mode == SUBMODULE}
    found = replace(found, files=there)
    empty, modes = _beside(standing.path, found)
    return Survey(standing, branch, head, base, found, entries or [], empty, modes)


def at(book: RefBook, standing: Standing) -> tuple[str, str]:
    """Return branch and commit of a tree; when its branch is gone, the commit it was on last."""
    branch, head = head_of(standing.admin)
    if branch:
        head = book.tip(f"refs/heads/{branch}") or _last(book, standing, branch)
    return branch, head


def files_of(room: CleanRoom, commit: str) -> dict[str, Leaf]:
    """Return the files of a commit."""
    with room.reading() as objects:
        tree = parse_commit(commit, objects.contents([commit], "commit")[0]).tree
        return read_tree(objects, tree).files()


def stranded(room: CleanRoom, standing: Standing) -> tuple[str, ...]:
    """Return commits that only this tree knows: made there, and in no branch or ref any more."""
    named = list(dict.fromkeys(_remembered(standing.admin)))
    if not named:
        return ()
    given = "".join(f"{oid}\n" for oid in named)
    words = ("rev-list", "--parents", "--ignore-missing", "--stdin", "--not", "--all")
    reply = room.command().run(*words, given=given.encode())
    if not reply.ok:
        raise SourceError(
            "git could not tell which commits only that work tree has",
            why=said(reply.err),
            fix="run `git fsck` in the repository and mend what it names",
        )
    lines = [line.split() for line in reply.out.decode("ascii", "replace").splitlines()]
    below = {parent for line in lines for parent in line[1:]}
    return tuple(sorted(line[0] for line in lines if line[0] not in below))


# -- inside ---------------------------------------------------------------------------------------


def _last(book: RefBook, standing: Standing, branch: str) -> str:
    """Return where a branch was that is gone: what novaorch recorded, else what git remembers."""
    refs = RunRefs(standing.unit)
    if f"refs/heads/{branch}".startswith(refs.branches):
        tip = book.tip(refs.recorded + branch.rpartition("/")[2])
        if tip:
            return tip
    return next(reversed(list(_remembered(standing.admin))), "")


def _remembered(admin: Path) -> Iterator[str]:
    """Yield the commits that a tree was on, oldest first, and what its own refs name."""
    head = head_of(admin)[1]
    if head:
        yield head
    for path in sorted((admin / "refs").rglob("*")):
        word = (plainfiles.line(path) if path.is_file() else None) or ""
        if word.isalnum() and len(word) in (40, 64):
            yield word
    try:
        body = plainfiles.read(admin / "logs" / "HEAD", 64 * 2**20) or b""
    except OSError:
        return
    for line in body.split(b"\n"):
        after = line[: line.find(b"<")].split(b" ")[1:2]
        oid = after[0].decode("ascii", "replace") if after else ""
        if oid.isalnum() and len(oid) in (40, 64) and oid.strip("0"):
            yield oid


def _facts(entries: Sequence[Entry]) -> list[tuple[object, ...]]:
    return [entry[:-1] for entry in entries]


def _beside(top: Path, found: Scan) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return folders with no file in them, and rights that git does not hold."""
    modes = {
        path: stamp.mode & 0o7777
        for path, stamp in found.stamps.items()
        if stat.S_ISREG(stamp.mode) and stamp.mode & 0o7777 not in (0o644, 0o755)
    }
    holding = {""}
    for path in found.files:
        while path := path.rpartition("/")[0]:
            holding.add(path)
    bare: list[str] = []
    for folder in sorted(holding):
        for name in plainfiles.folders(top / folder):
            below = f"{folder}/{name}" if folder else name
            if below not in holding and below not in found.files and below != ".git":
                bare.extend(_bare(top, below))
    return tuple(sorted(bare)), modes


def _bare(top: Path, folder: str) -> list[str]:
    """Return a folder that holds no file at all, and those below it that hold nothing."""
    found: list[str] = []
    for here, below, files in os.walk(top / folder):
        links = any(Path(here, name).is_symlink() for name in below)
        if files or links or len(found) > _BARE_MAX:
            return []
        if not below:
            found.append(os.path.relpath(here, top))
    return found
