"""Locks that the system itself takes back when their holder dies, and who holds them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.adapters.state.folder import private_folder, told


class Lock:
    """An exclusive lock that the system itself takes back when its holder dies."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path, self._fd = path, fd

    @classmethod
    def acquire(cls, path: Path) -> Lock | None:
        """Take the lock at `path`, or return None when another process has it.

        The folder must exist. Children that are started by exec do not inherit it.
        """
        while True:
            with told(path, "lock"):
                fd = _lock_file(path)
            if fd is None:
                return None
            lock = cls(path, fd)
            if lock.intact():
                break
            lock.release()  # somebody deleted the file while we opened it
        try:
            with told(path, "write"):
                lock._sign()
        except BaseException:
            lock.release()  # nobody could say who holds it
            raise
        return lock

    def intact(self) -> bool:
        """Whether the file that we hold is still the one that others would try to lock."""
        try:
            seen, held = self._path.stat(), os.fstat(self._fd)
        except OSError:
            return False
        return (seen.st_dev, seen.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Let go; a second call does nothing. The file stays: deleting it would race."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)  # a process that lives on is no holder any more
            os.close(self._fd)
            self._fd = -1

    def _sign(self) -> None:
        os.ftruncate(self._fd, 0)
        # The file system's hour, so that this room needs no clock.
        since = int(os.fstat(self._fd).st_mtime)
        pid = os.getpid()
        line = json.dumps({"pid": pid, "born": born(pid), "since": since})
        os.pwrite(self._fd, line.encode() + b"\n", 0)


@dataclass(slots=True)
class LockFile:
    """The place of a lock, and the lock while it is ours (`loop.stakes.Ground`).

    In a folder of `ours`, which is made when it is missing, a lock is a must. A folder of another
    program may be closed to us: then nobody else like us can have a lock there either.
    """

    path: Path
    ours: bool = True
    _lock: Lock | None = None

    @property
    def place(self) -> str:
        """What tells this lock from any other."""
        return str(self.path)

    def hold(self) -> bool:
        """Take it, or take it anew if its file was deleted; False: another process has it."""
        if self._lock is not None and self._lock.intact():
            return True
        if self.ours:
            private_folder(self.path.parent)
        elif not os.access(self.path.parent, os.W_OK | os.X_OK):
            return True
        fresh = Lock.acquire(self.path)
        if fresh is None:
            return False
        self.release()
        self._lock = fresh
        return True

    def holder(self) -> str:
        """Return who has it, for people."""
        return holder(self.path)

    def release(self) -> None:
        """Let go; a second call does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def holder(path: Path) -> str:
    """Return who holds the lock, for a message: `pid 42, since 2026-01-01 09:00:00 UTC`, or ''.

    Only reads: trying the lock to find out would refuse it to a controller that starts just now.
    """
    signed = _signature(path)
    if signed is None:
        return ""
    pid, since = signed
    return f"pid {pid}, since {since:%Y-%m-%d %H:%M:%S} UTC"


def holder_pid(path: Path) -> int | None:
    """Return the process that holds the lock, or None."""
    signed = _signature(path)
    return signed[0] if signed is not None else None


def _signature(path: Path) -> tuple[int, datetime] | None:
    try:
        said = json.loads(path.read_bytes()[:4096])
        pid, since = int(said["pid"]), datetime.fromtimestamp(int(said["since"]), UTC)
        mark = str(said["born"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if pid <= 0 or not mark or born(pid) != mark:
        return None
    return pid, since


def born(pid: int) -> str:
    """Return a word that tells this process from an earlier one with the same id; '' when gone.

    Where there is no /proc the word is only `alive`.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _alive(pid)
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return ""
    except PermissionError:
        pass
    return "alive"


def _lock_file(path: Path) -> int | None:
    """Open and lock; None when it is held. O_CLOEXEC, or a child would keep it for ever."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd
