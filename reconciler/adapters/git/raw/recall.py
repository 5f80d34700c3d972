"""The same list of files as git's, from what git said before: while no rule changed, a name that it
judged once need not be asked for again, and in most turns no name is new.

Never guesses: what is new is asked for, and what is odd or large in any way is left to git.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE
from reconciler.adapters.git.raw import indexfile
from reconciler.adapters.git.raw.listing import Listing
from reconciler.adapters.git.raw.rawfiles import Stamp, stamp, steady
from reconciler.adapters.git.raw.treefiles import Leaf, Place
from reconciler.model.problems import NovaorchError

NAMES_MAX = 4_000
"""In a larger tree git is faster."""
ROUNDS_MAX = 4
"""So often git is asked for one list: once for each level of new folders."""
DEPTH_MAX = 64
_RULES = ".gitignore"
_WORDS = ("--no-literal-pathspecs", "check-ignore", "--no-index", "-z", "--stdin")
"""It takes no literal ones; that none is magic is seen to by a `./` before each."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Name = tuple[str, bool]
"""A path beside the index, and whether it is a folder."""


class OddError(Exception):
    """There is something that only git knows how to list."""


@dataclass(slots=True)
class _Walk:
    """One walk: `rules` are the files of patterns that it met, `others` all beside the index.

    It goes where tracked files are, and into folders that count.
    """

    said: Mapping[Name, bool | None]
    index: Mapping[str, Leaf]
    folders: frozenset[str]
    rules: dict[str, Stamp] = field(default_factory=dict)
    others: dict[Name, bool | None] = field(default_factory=dict)
    left: int = NAMES_MAX
    depth: int = DEPTH_MAX

    def unknown(self) -> list[Name]:
        return [name for name, counts in self.others.items() if counts is None]

    def look(self, descriptor: int, above: str) -> None:
        """Look at one folder and those below. OddError: leave it to git."""
        self.depth -= 1
        if not self.depth:
            raise OddError(above)
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if self._goes_into(entry, above + entry.name):
                    below = os.open(entry.name, _FLAGS, dir_fd=descriptor)
                    try:
                        self.look(below, f"{above}{entry.name}/")
                    finally:
                        os.close(below)
        self.depth += 1

    def _goes_into(self, entry: os.DirEntry[str], path: str) -> bool:
        """Take note of one name."""
        folder = entry.is_dir(follow_symlinks=False)
        self.left -= 1
        if self.left < 0 or (entry.name.lower() == ".git" and path != ".git"):
            raise OddError(path)
        if entry.name == _RULES:
            self.rules[path] = stamp(entry.stat(follow_symlinks=False))
            if not entry.is_file(follow_symlinks=False):
                raise OddError(path)
        leaf = self.index.get(path)
        if leaf is not None and folder and leaf.mode != SUBMODULE:
            raise OddError(path)
        if leaf is not None or path == ".git":
            return False
        if folder and path in self.folders:
            return True
        if not (folder or entry.is_symlink() or entry.is_file(follow_symlinks=False)):
            return False
        counts = self.others[path, folder] = self.said.get((path, folder))
        return bool(counts) and folder


class Recall:
    """What git said of the names in one work tree. One thread only; losing it costs a process.

    What `waiting` returns is entered while git is waited for.
    """

    def __init__(self, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._waiting = waiting
        self._said: Mapping[Name, bool | None] = {}
        self._rules: object = None
        self.asked = 0  # told to tests and reports

    def listing(self, room: CleanRoom, place: Place) -> Listing | None:
        """Return what counts in a work tree; None: git has to list it."""
        try:
            return self._listing(room, place)
        except (OddError, NovaorchError, OSError):
            self.forget()
            return None

    def forget(self) -> None:
        """Ask for everything anew the next time."""
        self._said, self._rules = {}, None

    def _listing(self, room: CleanRoom, place: Place) -> Listing:
        if sys.getfilesystemencoding() != "utf-8":
            raise OddError("names are written differently here")
        index = _staged(room, place)
        folders = _above(index)
        for _ in range(ROUNDS_MAX):
            began, outside = time.time_ns(), room.excluding()
            walk = self._walked(place, index, folders)
            rules = (outside, walk.rules)
            if rules != self._rules:
                self._rules = rules
                walk.others = dict.fromkeys(walk.others)
            self._said = walk.others
            unknown = walk.unknown()
            if not unknown:
                break
            walk.others.update(self._judged(room, place, unknown))
        else:
            raise OddError("new folders in new folders")
        if not all(steady(one, began) for one in walk.rules.values()):
            self._rules = None  # they may change again without another stamp
        others = (path for (path, folder), counts in walk.others.items() if counts and not folder)
        return Listing((*index, *others), index, frozenset(), unmerged=False, blind=())

    def _walked(self, place: Place, index: Mapping[str, Leaf], folders: frozenset[str]) -> _Walk:
        walk = _Walk(self._said, index, folders)
        descriptor = os.open(place.tree, _FLAGS)
        try:
            walk.look(descriptor, "")
        finally:
            os.close(descriptor)
        return walk

    def _judged(self, room: CleanRoom, place: Place, names: list[Name]) -> dict[Name, bool | None]:
        """Ask git which of these it ignores."""
        self.asked += 1
        given = b"".join(b"./" + os.fsencode(path) + b"\0" for path, _ in names)
        with self._waiting():
            reply = room.command(place.tree).run(*_WORDS, given=given)
        if reply.code not in (0, 1) or reply.err:
            raise OddError(reply.err)
        ignored = {path.removeprefix("./") for path in os.fsdecode(reply.out).split("\0")}
        return {(path, folder): path not in ignored for path, folder in names}


def _staged(room: CleanRoom, place: Place) -> dict[str, Leaf]:
    entries = indexfile.load(place.index, room.object_format)
    if entries is None or len(entries) > NAMES_MAX or not all(entry.plain for entry in entries):
        raise OddError("the index")
    return {os.fsdecode(entry.path): Leaf(entry.mode, entry.oid) for entry in entries}


def _above(paths: Iterable[str]) -> frozenset[str]:
    """Return every folder above one of these paths."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(found)
