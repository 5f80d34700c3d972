"""The locks that git takes beside its files: respected, named when they were left behind.

A lock of our own that a kill left is known by its draft, which is the same file, and taken away.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles
from reconciler.model.problems import SourceError

_DRAFT = ".nova"
_FILES = ("index", "HEAD")
_PID = re.compile(r"\.nova(\d{1,10})")


def refuse_locked(admin: Path) -> None:
    """Refuse a tree in which git is at work, or was when it was killed."""
    for name in _FILES:
        lock = admin / f"{name}.lock"
        if not _ours(admin, name):
            try:
                age = time.time() - lock.lstat().st_mtime
            except OSError:
                continue
            raise _held(lock, f"it is {_long(age)} old")


def locked(admin: Path, name: str, body: bytes) -> None:
    """Write one of git's files under its lock. SourceError: somebody else holds that."""
    draft, lock = admin / f"{name}{_DRAFT}{os.getpid()}-tree", admin / f"{name}.lock"
    _ours(admin, name)
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(draft, flags, 0o666), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        # A link, so that a lock which a kill leaves behind can be told for ours.
        lock.hardlink_to(draft)
        lock.rename(admin / name)
    except FileExistsError:
        raise _held(lock, "it is there") from None
    finally:
        draft.unlink(missing_ok=True)


def _ours(admin: Path, name: str) -> bool:
    """Whether there was a lock of ours, whose maker was killed; it is taken away."""
    lock, found = admin / f"{name}.lock", False
    for left in plainfiles.names(admin):
        pid = _PID.match(left.removeprefix(name)) if left.startswith(name) else None
        if pid is None or alive(int(pid[1])):
            continue
        draft = admin / left
        try:
            mine = draft.samefile(lock)
        except OSError:
            mine = False
        if mine:
            lock.unlink(missing_ok=True)
            found = True
        draft.unlink(missing_ok=True)
    return found


def alive(pid: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _held(lock: Path, why: str) -> SourceError:
    return SourceError(
        f"git is at work in that tree, or was killed there: {lock} ({why})",
        why="two would write the same file",
        fix=f"if no git runs there any more: rm {lock}",
    )


def _long(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"
