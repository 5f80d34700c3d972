"""Objects of a clean room, read by one running `git cat-file`: each is checked against its id.

Never believes an object that is another than its name says, and never holds one that is too large.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterable
from typing import IO, NamedTuple, cast

from reconciler.adapters.git.formats import Commit, Entry, object_id, parse_commit, parse_tree
from reconciler.adapters.git.lines.leanroom import LeanRoom, ended
from reconciler.model.problems import BlindError, SourceError

SILENCE_S = 20.0
SIZE_MAX = 64 * 2**20
_PORTION = 256
_CHUNK = 2**18


class Held(NamedTuple):
    """One object. `size` is known of one that is too large, and then `body` is empty."""

    oid: str
    kind: str
    body: bytes
    size: int = 0


class Shelf:
    """Answers for objects of one room. One thread only."""

    def __init__(self, room: LeanRoom) -> None:
        self._room = room
        self._process = room.start("cat-file", "--batch")
        self._buffer = b""
        self._known: dict[str, bytes] = {}

    def find(self, name: str) -> Held | None:
        """Return the object that a name means (an id, a ref, `REV^{commit}`); None: nothing."""
        if not name or "\n" in name or "\0" in name:
            return None
        return self._ask([name])[0]

    def body(self, oid: str, kind: str) -> bytes | None:
        """Return the content of an object of that kind; None when it is not here."""
        if oid not in self._known:
            found = self.find(oid)
            if found is None or found.kind != kind or found.size > SIZE_MAX:
                return None
            self._keep(found)
            return found.body
        return self._known[oid]

    def commit(self, oid: str) -> Commit | None:
        """Return what a commit says about itself; None when it is not here."""
        body = self.body(oid, "commit")
        return None if body is None else self._parsed(oid, body)

    def fetch(self, oids: Iterable[str]) -> None:
        """Read many small objects at once, so that `body` and `commit` know them."""
        unknown = [oid for oid in dict.fromkeys(oids) if oid not in self._known]
        for at in range(0, len(unknown), _PORTION):
            for found in self._ask(unknown[at : at + _PORTION]):
                if found is not None and found.size <= SIZE_MAX:
                    self._keep(found)

    def entry(self, tree: str, path: str) -> Entry | None:
        """Return what is at a path below a tree; None when there is nothing."""
        found: Entry | None = None
        at = tree
        for name in path.split("/"):
            if found is not None and found.mode != "040000":
                return None
            body = self.body(at, "tree")
            found = self._named(at, body, name) if body is not None else None
            if found is None:
                return None
            at = found.oid
        return found

    def close(self) -> None:
        """End the helper."""
        ended(self._process)

    # -- inside ------------------------------------------------------------------------------

    def _named(self, oid: str, body: bytes, name: str) -> Entry | None:
        try:
            entries = parse_tree(body, self._room.object_format)
        except ValueError as error:
            raise _damaged(f"tree {oid[:12]}", str(error)) from None
        return next((entry for entry in entries if entry.name == name), None)

    @staticmethod
    def _parsed(oid: str, body: bytes) -> Commit:
        try:
            return parse_commit(oid, body)
        except (ValueError, UnicodeError) as error:
            raise _damaged(f"commit {oid[:12]}", str(error)) from None

    def _keep(self, found: Held) -> None:
        if len(found.body) < _CHUNK:
            self._known[found.oid] = found.body

    def _ask(self, names: list[str]) -> list[Held | None]:
        given = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        try:
            stdin = cast("IO[bytes]", self._process.stdin)
            stdin.write(given)
            stdin.flush()
        except (OSError, ValueError):
            raise self._silent() from None
        return [self._one() for _ in names]

    def _one(self) -> Held | None:
        while b"\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        words = line.split(b" ")
        if len(words) < 3 or words[-1] in (b"missing", b"ambiguous") or not words[2].isdigit():
            return None
        oid, kind, size = words[0].decode(), words[1].decode(), int(words[2])
        body = self._content(size)
        if size <= SIZE_MAX and object_id(kind, body, self._room.object_format) != oid:
            raise _damaged(f"object {oid[:12]}", "its content is another than its name says")
        return Held(oid, kind, body, size)

    def _content(self, size: int) -> bytes:
        """Read one content and the line break behind it; of a huge one nothing is held."""
        parts, left = [], size + 1
        while left > 0:
            if not self._buffer:
                self._more()
            part, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(part)
            if size <= SIZE_MAX:
                parts.append(part)
        return b"".join(parts)[:-1]

    def _more(self) -> None:
        out = cast("IO[bytes]", self._process.stdout).fileno()
        if not select.select([out], [], [], SILENCE_S)[0]:
            raise BlindError(
                f"git said nothing for {SILENCE_S:g} s", fix="look at the disk, then try again"
            )
        data = os.read(out, _CHUNK)
        if not data:
            raise self._silent()
        self._buffer += data

    def _silent(self) -> SourceError:
        with contextlib.suppress(OSError, ValueError):
            self._process.wait(1)
        return SourceError(
            f"the repository at {self._room.place.root} cannot be read",
            why=self._room.complaint() or "git ended without a word",
            fix="run `git fsck` there and mend what it names",
        )


def _damaged(what: str, why: str) -> SourceError:
    return SourceError(
        f"{what} is damaged", why=why, fix="run `git fsck`, then restore it from a healthy clone"
    )
