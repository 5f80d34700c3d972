"""An agent's index brought along with a commit that was made beside it: git's format, in Python.

Goes by git's own lock, never waits for it long, and leaves alone what it does not understand.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.adapters.git.raw.rawfiles import Stamp
from reconciler.adapters.git.raw.treefiles import Leaf

LOCK = "index.lock"
_DRAFT = "index.nova"
_HEAD = struct.Struct(">4sII")
_STAT = struct.Struct(">10I")
_EXTENDED, _STAGE, _NAME_MAX = 0x4000, 0x3000, 0xFFF
_STOP = (b"link", b"sdir")
"""Extensions that change what the entries mean: a split index, a sparse one."""
_SIZE_MAX = 256 * 2**20


class UnknownIndexError(Exception):
    """The index is damaged, or of a kind that is not understood here."""


Change = tuple[Leaf, Stamp | None]
"""What an entry should say; without a stamp git looks at the file itself the next time."""


def bring_along(index: Path, changes: Mapping[str, Change | None], object_format: str) -> None:
    """Write the index anew with these entries changed; None takes one away, everything else stays.

    FileExistsError: somebody holds the lock, or wrote the index meanwhile. OSError: it cannot be
    written. UnknownIndexError: it stays as it is.
    """
    lock, draft = index.with_name(LOCK), index.with_name(f"{_DRAFT}{os.getpid()}")
    _sweep(index.parent, lock)
    if os.path.lexists(lock):
        raise FileExistsError(lock)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        before = _stamp(index)
        body = _changed(index, changes, object_format)
        with os.fdopen(os.open(draft, flags, 0o666), "wb") as file:
            file.write(body)
        # A link, so that a lock which a killed process leaves behind can be told for ours.
        os.link(draft, lock)
        try:
            if _stamp(index) != before:
                raise FileExistsError(index)
            lock.rename(index)
        except BaseException:
            lock.unlink(missing_ok=True)
            raise
    finally:
        draft.unlink(missing_ok=True)


def _sweep(admin: Path, lock: Path) -> None:
    """Take away what a process of ours left when it was killed: its draft, and its lock."""
    with os.scandir(admin) as entries:
        left = [entry.name for entry in entries if entry.name.startswith(_DRAFT)]
    for name in left:
        pid = name.removeprefix(_DRAFT)
        if pid.isdigit() and int(pid) != os.getpid() and not _runs(int(pid)):
            draft = admin / name
            with contextlib.suppress(FileNotFoundError):
                if draft.samefile(lock):
                    lock.unlink()
            draft.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _stamp(index: Path) -> tuple[int, ...]:
    try:
        seen = index.lstat()
    except FileNotFoundError:
        return ()
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def _changed(index: Path, changes: Mapping[str, Change | None], object_format: str) -> bytes:
    entries = _read(index, object_format)
    for path, change in changes.items():
        raw = path.encode("utf-8", "surrogateescape")
        if change is None:
            entries.pop(raw, None)
        else:
            entries[raw] = _entry(raw, *change)
    return _written(entries, object_format)


def _read(index: Path, object_format: str) -> dict[bytes, bytes]:
    """Return the entries by name, as they stand there; none when there is no index."""
    try:
        descriptor = os.open(index, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_SIZE_MAX)
    try:
        return _parsed(data, object_format)
    except (struct.error, ValueError, IndexError) as error:
        raise UnknownIndexError(str(error)) from None


def _parsed(data: bytes, object_format: str) -> dict[bytes, bytes]:
    magic, version, count = _HEAD.unpack_from(data)
    if magic != b"DIRC" or version not in (2, 3):
        raise UnknownIndexError(f"an index of version {version}")
    width = hashlib.new(object_format, usedforsecurity=False).digest_size
    entries, at, fixed = {}, _HEAD.size, _STAT.size + width
    for _ in range(count):
        flags = int.from_bytes(data[at + fixed : at + fixed + 2], "big")
        start = at + fixed + (4 if flags & _EXTENDED else 2)
        end = data.index(b"\0", start)
        if flags & _STAGE:
            raise UnknownIndexError("a merge is under way")
        entries[data[start:end]] = data[at:end]
        at += (end - at + 8) & ~7
    for name in _extensions(data[at : len(data) - width]):
        if name in _STOP:
            raise UnknownIndexError(f"it has the extension {name!r}")
    return entries


def _extensions(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from(">4sI", data, at)
        yield name
        at += 8 + size


def _written(entries: Mapping[bytes, bytes], object_format: str) -> bytes:
    """Return an index of version 2, or 3 where an entry needs it; its extensions are git's to
    make again."""
    fixed = _STAT.size + hashlib.new(object_format, usedforsecurity=False).digest_size
    extended = any(entry[fixed] & (_EXTENDED >> 8) for entry in entries.values())
    parts = [_HEAD.pack(b"DIRC", 3 if extended else 2, len(entries))]
    for _, entry in sorted(entries.items()):
        parts.append(entry)
        parts.append(b"\0" * (8 - len(entry) % 8))
    body = b"".join(parts)
    return body + hashlib.new(object_format, body, usedforsecurity=False).digest()


def _entry(name: bytes, leaf: Leaf, seen: Stamp | None) -> bytes:
    flags = min(len(name), _NAME_MAX).to_bytes(2, "big")
    return _STAT.pack(*_stats(seen, int(leaf.mode, 8))) + bytes.fromhex(leaf.oid) + flags + name


def _stats(seen: Stamp | None, mode: int) -> tuple[int, ...]:
    """Return what git compares; all zero lets it look for itself."""
    if seen is None:
        return (0, 0, 0, 0, 0, 0, mode, 0, 0, 0)
    low = 0xFFFFFFFF
    hours = (*divmod(seen.changed_ns, 10**9), *divmod(seen.written_ns, 10**9))
    who = (seen.user & low, seen.group & low)
    return (*(part & low for part in hours), 0, seen.inode & low, mode, *who, seen.size & low)
