"""The raw scan: everything that is in a work tree, byte by byte, as git objects.

Runs git in the clean room, to judge names that are new, and nothing of the repository's. Never
follows a link out of the tree, and never hashes a file again that did not change.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE
from reconciler.adapters.git.loose import NewObjects
from reconciler.adapters.git.raw import rawfiles
from reconciler.adapters.git.raw.dotgit import refused_name
from reconciler.adapters.git.raw.listing import Listing, list_files
from reconciler.adapters.git.raw.rawfiles import ChangedError, RawFiles, Stamp, stamp
from reconciler.adapters.git.raw.recall import Recall
from reconciler.adapters.git.raw.treefiles import Leaf, Place
from reconciler.model.problems import SourceError
from reconciler.model.training import HeldBack

PEEK = 8 * 2**20
"""So much of a large file is shown to the sieve."""
WAITING_MAX = 32 * 2**20
_TRIES = 3


class Known(NamedTuple):
    """A file as it was read once: valid for as long as its stamp is the same.

    `sure` is False when it was written so shortly before that the stamp may not tell a next write.
    """

    seen: Stamp
    oid: str
    held: HeldBack | None
    sure: bool


@dataclass(slots=True)
class StatIndex:
    """What was read of one work tree so far, by path. Losing it costs time and nothing else.

    `word` names the rules it was read by, `recall` knows what git said of names.
    """

    known: dict[str, Known] = field(default_factory=dict)
    word: str = ""
    recall: Recall = field(default_factory=Recall)

    def forget(self) -> None:
        """Read everything anew the next time."""
        self.known = {}
        self.recall.forget()


Sieve = Callable[[str, bytes], HeldBack | None]
"""Says why a file that is not as the base has it may not be kept: its path, and its beginning."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is refused: files of more than `limit` bytes unread, others by a sieve. `word` names
    the sieve: when it changes, everything is looked at anew."""

    limit: int = 2**62
    sieve: Sieve | None = None
    word: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is in a work tree. Its new objects are in nobody's hands before `store`.

    `files` has all that can be in a tree object (a submodule that is as it was, too), `stamps`
    those that lie on the disk, `index` what the owner staged. What `refused` names is in neither
    of the first two. `unmerged`: the owner is in the middle of a merge. `read` files were hashed,
    `size` bytes of them.
    """

    files: Mapping[str, Leaf]
    stamps: Mapping[str, Stamp]
    index: Mapping[str, Leaf]
    refused: tuple[HeldBack, ...]
    unmerged: bool
    read: int
    size: int
    new: NewObjects
    known: StatIndex
    fresh: dict[str, Known]

    def store(self) -> None:
        """Write the new objects. SourceError: they cannot be; then nothing is remembered."""
        self.new.store()
        self.remember()

    def remember(self) -> None:
        """Take what was read for known: its objects are stored."""
        self.known.known = self.fresh

    def steady(self, path: str) -> Stamp | None:
        """Return the stamp of a file that tells its next change for certain."""
        known = self.fresh.get(path)
        return known.seen if known is not None and known.sure else None


def scan(
    room: CleanRoom,
    place: Place,
    base: Mapping[str, Leaf],
    known: StatIndex | None = None,
    rules: Rules = Rules(),
) -> Scan:
    """Read a whole work tree.

    `base` is the tree of HEAD's commit: what is in it needs no object. Files of more than
    `limit` bytes are refused without being opened. Large ones that are new are in the object
    store already when this returns. SourceError: it cannot be told.
    """
    known = known or StatIndex()
    if known.word != rules.word:
        known.known, known.word = {}, rules.word
    listing = _listed(room, place, known.recall)
    objects = room.common_dir / "objects"
    try:
        files = RawFiles(place.tree, objects, room.object_format)
        try:
            reading = _Reading(files, NewObjects(objects, room.object_format), known, rules)
            reading.all(listing, base)
            return reading.result(listing)
        finally:
            files.close()
    except OSError as error:
        raise _unreadable(place.tree, error) from None


def fingerprint(room: CleanRoom, place: Place, recall: Recall) -> str:
    """Return a word that changes when anything in a work tree does that could be recorded."""
    told = []
    try:
        files = RawFiles(place.tree, room.common_dir / "objects", room.object_format)
        try:
            for path in _listed(room, place, recall).paths:
                seen = files.look(path.rstrip("/"))
                told.append(f"{path}\0{seen and stamp(seen)}\n")
        finally:
            files.close()
    except OSError as error:
        raise _unreadable(place.tree, error) from None
    words = "".join(told).encode("utf-8", "surrogateescape")
    return hashlib.sha256(words).hexdigest()[:16]


def _listed(room: CleanRoom, place: Place, recall: Recall) -> Listing:
    return recall.listing(room, place) or list_files(room, place)


class _Reading:
    """One scan under way."""

    def __init__(self, files: RawFiles, new: NewObjects, known: StatIndex, rules: Rules) -> None:
        self._files, self._new, self._known, self._rules = files, new, known, rules
        self._found: dict[str, Leaf] = {}
        self._stamps: dict[str, Stamp] = {}
        self._fresh: dict[str, Known] = {}
        self._refused: list[HeldBack] = []
        self._read = self._waiting = 0

    def result(self, listing: Listing) -> Scan:
        return Scan(
            self._found,
            self._stamps,
            listing.index,
            tuple(dict.fromkeys((*listing.blind, *self._refused))),
            listing.unmerged,
            self._read,
            self._files.bytes,
            self._new,
            self._known,
            self._fresh,
        )

    def all(self, listing: Listing, base: Mapping[str, Leaf]) -> None:
        """Look at what is listed. Without an index the base says what is in there."""
        for path in dict.fromkeys((*listing.paths, *(() if listing.index else base))):
            plain = path.rstrip("/")
            before = base.get(plain)
            try:
                seen = self._files.look(plain)
                if seen is None:
                    if plain in listing.skipped and before is not None:
                        self._found[plain] = before
                elif not self._as_before(plain, stamp(seen), before):
                    self._one(plain, seen, before, listing.index.get(plain))
            except ChangedError:
                continue  # it went away just now
            except PermissionError:
                self._refuse(plain, "it cannot be read")

    def _as_before(self, path: str, seen: Stamp, before: Leaf | None) -> bool:
        """Take a file that is just as it was read once; False: it is not, or may not be."""
        known = self._known.known.get(path)
        if known is None or not known.sure or known.seen != seen:
            return False
        self._settle(path, known, before)
        return True

    def _one(
        self, path: str, seen: os.stat_result, before: Leaf | None, staged: Leaf | None
    ) -> None:
        link = stat.S_ISLNK(seen.st_mode)
        if refused_name(path) or (link and path.rpartition("/")[2].lower() == ".gitmodules"):
            self._refuse(path, "git refuses this name: it could pass for what is git's own")
        elif stat.S_ISDIR(seen.st_mode):
            self._folder(path, before, staged)
        elif not rawfiles.git_mode(seen.st_mode):
            self._refuse(path, "it is no file and no link")
        elif seen.st_size > self._rules.limit and not link:
            limit = self._rules.limit / 2**20
            why = f"it has {seen.st_size / 2**20:.1f} MiB, more than {limit:g} MiB"
            self._refused.append(HeldBack(path, "size", why))
        else:
            self._file(path, stamp(seen), before)

    def _file(self, path: str, seen: Stamp, before: Leaf | None) -> None:
        known = self._taken(path, seen, before)
        if known is not None:
            self._settle(path, known, before)

    def _settle(self, path: str, known: Known, before: Leaf | None) -> None:
        leaf = Leaf(rawfiles.git_mode(known.seen.mode), known.oid)
        self._fresh[path] = known
        if known.held is not None and leaf != before:
            self._refused.append(known.held)
            return
        self._found[path], self._stamps[path] = leaf, known.seen

    def _taken(self, path: str, seen: Stamp, before: Leaf | None) -> Known | None:
        for _ in range(_TRIES):
            now = time.time_ns()
            content = self._files.read(path, seen)
            self._read += 1
            held = None
            try:
                if before is None or content.oid != before.oid:
                    held = self._kept(path, content)
            except ChangedError:
                seen = content.seen
                continue
            return Known(content.seen, content.oid, held, rawfiles.steady(content.seen, now))
        self._refuse(path, "it changes all the time while it is read")
        return None

    def _kept(self, path: str, content: rawfiles.Content) -> HeldBack | None:
        sieve = self._rules.sieve
        if sieve is not None:
            body = content.body
            held = sieve(path, self._files.peek(path, PEEK) if body is None else body)
            if held is not None:
                return held
        self._files.keep(path, content, self._new)
        self._waiting += len(content.body or b"")
        if self._waiting > WAITING_MAX:
            self._new.store()
            self._waiting = 0
        return None

    def _folder(self, path: str, before: Leaf | None, staged: Leaf | None) -> None:
        """A folder in a file's place: a submodule, or a repository that is none."""
        link = next((x for x in (staged, before) if x is not None and x.mode == SUBMODULE), None)
        if link is not None and self._files.empty(path):
            self._found[path] = link
        elif link is not None:
            self._refuse(path, "it is a submodule, and may hold work of its own")
        elif self._files.look(f"{path}/.git") is not None:
            self._refuse(path, "it is a repository of its own")

    def _refuse(self, path: str, why: str) -> None:
        self._refused.append(HeldBack(path, "kind", why))


def _unreadable(tree: Path, error: OSError) -> SourceError:
    full = error.errno in (28, 122)
    return SourceError(
        f"the work tree {tree} cannot be read" if not full else "the disk is full",
        why=os.strerror(error.errno) if error.errno else str(error),
        fix="free some space, then try again" if full else f"look at the rights of {tree}",
    )
