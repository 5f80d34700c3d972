"""Git's index, read and written in plain Python: what is staged, of every stage and flag.

Never guesses: an index in a form that is not understood to the last byte is an error that says how
to bring it into the usual one.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.adapters.git.raw import plainfiles
from reconciler.model.problems import SourceError

LIMIT = 2**30
_SIGNATURE, _FIXED = b"DIRC", 40
_ASSUMED, _EXTENDED, _NAME = 0x8000, 0x4000, 0x0FFF
_SKIPPED, _INTENDED = 0x4000, 0x2000
_FOREIGN = {b"link": "--no-split-index", b"sdir": "--force-write-index"}


class Entry(NamedTuple):
    """One line of an index. `path` is as git holds it; `mode` has six digits; `stage` is 0 unless
    a merge is under way there. `seen` is what `stat` said, all 0 for not known."""

    path: bytes
    mode: str
    oid: str
    stage: int = 0
    assumed: bool = False
    skipped: bool = False
    intended: bool = False
    seen: tuple[int, ...] = (0,) * 9

    @property
    def plain(self) -> bool:
        """Whether a tree object says all there is to say."""
        return not (self.stage or self.assumed or self.skipped or self.intended)


def load(path: Path, object_format: str) -> list[Entry] | None:
    """Return the entries of an index, None when there is none. SourceError: not understood."""
    try:
        body = plainfiles.read(path, LIMIT)
        return None if body is None else parse(body, object_format)
    except OSError as error:
        raise _unread(path, error.strerror or str(error)) from error
    except (ValueError, struct.error, IndexError) as error:
        raise _unread(path, str(error)) from error


def parse(body: bytes, object_format: str) -> list[Entry]:
    """Return the entries of an index (versions 2 to 4). ValueError: it is none, or damaged."""
    width = hashlib.new(object_format, usedforsecurity=False).digest_size
    signature, version, count = struct.unpack(">4sII", body[:12])
    if signature != _SIGNATURE or version not in (2, 3, 4):
        raise ValueError("it is no index of a known version")
    told, content = body[-width:], body[:-width]
    real = hashlib.new(object_format, content, usedforsecurity=False).digest()
    if told not in (real, bytes(width)):
        raise ValueError("its checksum is wrong")
    at, before, entries = 12, b"", []
    for _ in range(count):
        entry, at = _entry(content, at, (width, version, before))
        before = entry.path
        entries.append(entry)
    _refuse_foreign(content, at)
    return entries


def render(entries: Iterable[Entry], object_format: str) -> bytes:
    """Return an index of these entries, in the order that git wants."""
    ordered = sorted(entries, key=lambda e: (e.path, e.stage))
    version = 3 if any(e.skipped or e.intended for e in ordered) else 2
    parts = [struct.pack(">4sII", _SIGNATURE, version, len(ordered))]
    parts += [_line(entry) for entry in ordered]
    whole = b"".join(parts)
    return whole + hashlib.new(object_format, whole, usedforsecurity=False).digest()


def seen(status: os.stat_result) -> tuple[int, ...]:
    """Return what an index keeps of a file's `stat`, so that git need not read the file again."""
    low = 0xFFFFFFFF
    changed, written = status.st_ctime_ns, status.st_mtime_ns
    return (
        changed // 10**9 & low,
        changed % 10**9,
        written // 10**9 & low,
        written % 10**9,
        status.st_dev & low,
        status.st_ino & low,
        status.st_uid & low,
        status.st_gid & low,
        status.st_size & low,
    )


def _entry(body: bytes, at: int, form: tuple[int, int, bytes]) -> tuple[Entry, int]:
    width, version, before = form
    start = at
    numbers = struct.unpack(">10I", body[at : at + _FIXED])
    at += _FIXED
    oid = body[at : at + width].hex()
    (flags,) = struct.unpack(">H", body[at + width : at + width + 2])
    at += width + 2
    more = 0
    if flags & _EXTENDED:
        (more,) = struct.unpack(">H", body[at : at + 2])
        at += 2
    if version == 4:
        cut, at = _varint(body, at)
        end = body.index(b"\0", at)
        path, at = before[: len(before) - cut] + body[at:end], end + 1
    else:
        end = body.index(b"\0", at)
        path = body[at:end]
        at = start + (end - start + 8 & ~7)
    entry = Entry(
        path,
        f"{numbers[6]:06o}",
        oid,
        flags >> 12 & 3,
        bool(flags & _ASSUMED),
        bool(more & _SKIPPED),
        bool(more & _INTENDED),
        (*numbers[:6], *numbers[7:]),
    )
    return entry, at


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = body[at] & 0x7F
    while body[at] & 0x80:
        at += 1
        value = (value + 1 << 7) | body[at] & 0x7F
    return value, at + 1


def _refuse_foreign(content: bytes, at: int) -> None:
    """Pass over what only speeds git up; refuse what changes the meaning of the entries."""
    while at + 8 <= len(content):
        name, size = struct.unpack(">4sI", content[at : at + 8])
        if not name[:1].isupper():
            known = _FOREIGN.get(name, "--force-write-index")
            raise ValueError(f"it is split or sparse (git update-index {known} mends it)")
        at += 8 + size
    if at != len(content):
        raise ValueError("it is cut short")


def _line(entry: Entry) -> bytes:
    more = entry.skipped << 14 | entry.intended << 13
    flags = entry.assumed << 15 | bool(more) << 14 | entry.stage << 12
    flags |= min(len(entry.path), _NAME)
    numbers = (*entry.seen[:6], int(entry.mode, 8), *entry.seen[6:])
    body = struct.pack(">10I", *numbers) + bytes.fromhex(entry.oid) + struct.pack(">H", flags)
    if more:
        body += struct.pack(">H", more)
    body += entry.path
    return body + bytes(8 - len(body) % 8)


def paths(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return the entries of stage 0 by path."""
    return {os.fsdecode(entry.path): entry for entry in entries if not entry.stage}


def _unread(path: Path, why: str) -> SourceError:
    return SourceError(
        f"the index {path} cannot be read",
        why=f"{why}; so nobody can tell what is staged",
        fix="write it anew: in that work tree, git update-index --no-split-index "
        "--force-write-index, or git reset",
    )
