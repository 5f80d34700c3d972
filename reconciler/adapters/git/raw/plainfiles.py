"""The small files that git and novaorch keep beside a tree: read with care, written whole.

Never follows a link, waits at a pipe, or reads more than a small file can hold: an agent may have
put anything in their place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

LIMIT = 2**20

Stamp = tuple[int, int, int]
"""What changes when a file does: inode, size, and nanosecond of its last change."""


def read(path: str | Path, limit: int = LIMIT) -> bytes | None:
    """Return a plain file's content, None when there is nothing. OSError: nobody can tell."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise OSError(f"{os.fspath(path)} is no small plain file")
        return file.read(limit + 1)


def line(path: str | Path) -> str | None:
    """Return the one line of a file, without its end; None when there is no such file."""
    body = read(path)
    return None if body is None else os.fsdecode(body).rstrip("\r\n")


def stamp(path: str | Path) -> Stamp | None:
    """Return what changes when the file does; None when there is none."""
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def put(path: Path, body: bytes) -> None:
    """Write a file whole, or not at all, so that not even a power cut leaves half of it."""
    draft = path.with_name(f"{path.name}.nova{os.getpid()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o666), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def names(path: str | Path) -> list[str]:
    """Return the names of all that is in a folder, sorted. OSError: it cannot be listed."""
    with os.scandir(path) as entries:
        return sorted([entry.name for entry in entries])


def folders(path: str | Path) -> Iterator[str]:
    """Yield the names of the folders (not links to such) in a folder; none when it is not there."""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name
    except (FileNotFoundError, NotADirectoryError):
        return
