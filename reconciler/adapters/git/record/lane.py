"""One work tree that is recorded: where its HEAD is, what its branch holds, what was read of it.

Never believes a `.git` file that leads elsewhere than to the repository the tree was made in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import Commit, parse_commit
from reconciler.adapters.git.raw import plainfiles
from reconciler.adapters.git.raw.scan import StatIndex
from reconciler.adapters.git.raw.treefiles import Branching, Leaf, Place, read_tree
from reconciler.adapters.git.record.notesheet import RunNotes, no_notes, notes_ref, read_notes
from reconciler.adapters.git.record.press import Press
from reconciler.adapters.git.worktrees.places import admin_of
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.core.trailers import read
from reconciler.model.problems import SourceError
from reconciler.model.workspace import SeenWorkspace

_NEAR = 20


@dataclass(slots=True)
class Base:
    """What the work is compared with: the tip of the branch and the tree there."""

    tip: str
    tree: str
    root: Branching
    files: dict[str, Leaf]


HANDS = 2
"""So many trees are read at once: more would only take the interpreter from each other, at every
file, and all of them would be late."""


class Hands:
    """Held by whoever reads a tree, but not while another process works for them."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(HANDS)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for a free one, and hold it."""
        with self._free:
            yield

    @contextmanager
    def rested(self) -> Iterator[None]:
        """Let go of the one that is held, for a while."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


class Ground:
    """One repository: its clean room, its press, its refs. Any thread; close it.

    Whoever reads a tree holds one of the `hands`.
    """

    def __init__(self, room: CleanRoom, press: Press) -> None:
        self.room, self.press = room, press
        self.hands = Hands()
        self._book, self._lock = RefBook(room.common_dir), threading.Lock()

    def tip(self, ref: str) -> str:
        """Return the commit that a ref names, '' for none."""
        with self._lock:
            return self._book.tip(ref)

    def below(self, prefix: str) -> dict[str, str]:
        """Return every ref below a prefix."""
        with self._lock:
            return self._book.below(prefix)

    def commit(self, oid: str) -> tuple[Commit, str]:
        """Return a commit and its message. SourceError: it is not there, or malformed."""
        with self.room.reading() as objects:
            body = objects.contents([oid], "commit")[0]
        try:
            message = body.partition(b"\n\n")[2].decode("utf-8", "replace")
            return parse_commit(oid, body), message
        except (ValueError, UnicodeError) as error:
            raise SourceError(
                f"commit {oid} is malformed", why=str(error), fix="git fsck"
            ) from None

    def contains(self, older: str, newer: str) -> bool:
        """Return whether `newer` goes back to `older`: mostly by a few steps, without a process."""
        at = newer
        for _ in range(_NEAR):
            if at == older:
                return True
            parents = self.commit(at)[0].parents
            if older in parents:
                return True
            if len(parents) != 1:
                break
            at = parents[0]
        return self.room.command().run("merge-base", "--is-ancestor", older, newer).ok

    def close(self) -> None:
        """End the helpers, take the room away."""
        self.press.close()
        self.room.close()


@dataclass(slots=True)
class Lane:
    """What is remembered of one work tree; losing it costs time and nothing else.

    `last` is the commit that we made last in its run, `number` which one it was.
    """

    path: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: StatIndex = field(default_factory=StatIndex)
    base: Base | None = None
    notes: RunNotes | None = None
    last: str = ""
    number: int = 0

    def forget(self) -> None:
        """Read everything anew the next time."""
        self.base = self.notes = None
        self.last, self.number = "", 0
        self.known.forget()

    def based(self, ground: Ground, tip: str) -> Base:
        """Return what is at the tip of the branch."""
        if self.base is None or self.base.tip != tip:
            tree = ground.commit(tip)[0].tree
            with ground.room.reading() as objects:
                root = read_tree(objects, tree)
            self.base = Base(tip, tree, root, root.files())
        return self.base

    def counted(self, ground: Ground, last: str) -> int:
        """Return which number the commit had that we made last; 0: there is none."""
        if last != self.last:
            noted = read(ground.commit(last)[1]) if last else None
            self.last, self.number = last, noted.number if noted is not None else 0
        return self.number

    def noted(self, ground: Ground, seen: SeenWorkspace) -> RunNotes:
        """Return the notes of the run."""
        ref = notes_ref(seen.unit, seen.run)
        tip = ground.tip(ref)
        if not tip:
            self.notes = no_notes(ref)
        elif self.notes is None or (self.notes.ref, self.notes.tip) != (ref, tip):
            with ground.room.reading() as objects:
                self.notes = read_notes(objects, ref, tip)
        return self.notes


def place_of(seen: SeenWorkspace, common: Path) -> Place:
    """Return the folder and the index of a work tree of ours. SourceError: it is not whole."""
    tree = Path(seen.path)
    try:
        admin = admin_of(tree)
    except OSError as error:
        raise _elsewhere(seen, str(error)) from None
    if admin is None:
        raise _elsewhere(seen, "its file .git is gone, or says nothing that git understands")
    if not _below(admin, common / "worktrees"):
        raise _elsewhere(seen, f"its file .git leads to {admin}, which is no part of {common}")
    return Place(tree, admin / "index")


def _below(admin: Path, trees: Path) -> bool:
    """Whether an admin folder is really one of the repository's."""
    if admin.parent == trees and not admin.is_symlink() and not trees.is_symlink():
        return True
    return Path(os.path.realpath(admin)).parent == Path(os.path.realpath(trees))


def require_head(seen: SeenWorkspace, place: Place) -> None:
    """Refuse when HEAD is not on the run's branch. SourceError, with the mend."""
    try:
        said = plainfiles.line(place.index.with_name("HEAD")) or "nothing"
    except OSError as error:
        raise _elsewhere(seen, str(error)) from None
    if seen.run and said == f"ref: refs/heads/{seen.branch}":
        return
    where = said.removeprefix("ref: refs/heads/")
    runs = f"training/{seen.unit.project}/{seen.unit.name}/"
    raise SourceError(
        f"the work of {seen.unit.name} was not committed: HEAD is not on the branch of its run",
        why=f"{seen.path} is at {where[:80]}, and work is recorded on {seen.branch or runs} only",
        fix=f"git -C {seen.path} switch {seen.branch if seen.run else runs + 'N'}",
    )


def _elsewhere(seen: SeenWorkspace, why: str) -> SourceError:
    return SourceError(
        f"{seen.path} is no work tree of {seen.repository} any more",
        why=why,
        fix=f"git -C {seen.repository} worktree repair {seen.path}",
    )
