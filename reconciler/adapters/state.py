"""The folder where novaorch keeps its own files, and the lock of one controller a host.

Looking makes nothing: the folder appears with the first write. Never holds a wish or a truth;
all of it may be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.model.problems import NovaorchError

SOCKET_BYTES_MAX = 100
"""Room for a unix socket path: 108 bytes on Linux, 104 on macOS."""

_FLEET = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


@dataclass(frozen=True, slots=True)
class StateDir:
    """The files of one fleet in one repository, for one user on one machine."""

    root: Path
    store_socket: Path

    @classmethod
    def of(cls, fleet: str, common_dir: Path, environ: Mapping[str, str]) -> StateDir:
        """Return the place for `fleet` of the repository whose shared git folder is `common_dir`.

        Touches nothing on disk. Two paths to one repository (a symlink, a linked worktree) are
        one place.
        """
        if not _FLEET.fullmatch(fleet):
            raise NovaorchError(
                f"{fleet!r} cannot name a fleet",
                why="the name becomes a folder",
                fix="use a-z, 0-9 and -, at most 48 characters",
            )
        mark = hashlib.sha256(os.fsencode(common_dir.resolve())).hexdigest()[:8]
        root = _state_home(environ) / "novaorch" / f"{fleet}-{mark}"
        return cls(root=root, store_socket=_socket_path(root, environ))

    @property
    def cache(self) -> Path:
        """Parsed manifests."""
        return self.root / "manifests.cache"

    @property
    def store(self) -> Path:
        """The embedded store's folder."""
        return self.root / "store"

    @property
    def lock(self) -> Path:
        """Held by the one controller that is at work."""
        return self.root / "controller.lock"

    @property
    def log(self) -> Path:
        """What the controller says when it runs in the background."""
        return self.root / "controller.log"

    @property
    def confirmed(self) -> Path:
        """The word by which a person confirmed what a guard refused, until it is taken."""
        return self.root / "confirmed"

    @property
    def pid(self) -> Path:
        """The process id of the controller in the background."""
        return self.root / "controller.pid"

    def make(self) -> Path:
        """Make the folder, readable by its owner alone whatever the umask, and return it."""
        private_folder(self.root)
        return self.root

    def confirm(self, word: str) -> None:
        """Leave a word for the controller, whole or not at all."""
        draft = self.root / ".confirmed"
        with told(draft, "write"):
            draft.write_text(word, encoding="ascii")
            draft.replace(self.confirmed)

    def make_store(self) -> Path:
        """Make the store's folder and its socket's, and return the former."""
        self.make()
        private_folder(self.store)
        if self.store_socket.parent != self.root:
            private_folder(self.store_socket.parent)
        return self.store

    def check_socket(self) -> None:
        """Refuse a socket folder that somebody else could have prepared; absent is fine."""
        with told(self.store_socket.parent, "look at"):
            if os.path.lexists(self.store_socket.parent):
                _check_private(self.store_socket.parent)


def private_folder(path: Path) -> None:
    """Make `path` and what is missing above it with mode 0700; refuse another user's folder."""
    with told(path, "make"):
        for folder in (*reversed(path.parents), path):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            except OSError:
                if folder.is_dir():
                    continue
                raise
            folder.chmod(0o700)
        if _check_private(path) & 0o777 != 0o700:
            path.chmod(0o700)


def _check_private(folder: Path) -> int:
    """Return the mode of a real folder of ours; a symlink or a stranger's is refused."""
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise NovaorchError(
            f"{folder} is not a folder of yours",
            why="it is a symlink, a file, or belongs to another user, who could read along",
            fix=f"look at it (`ls -ld {folder}`) and remove it, or {_MEND}",
        )
    return seen.st_mode


_MEND = "choose another place: XDG_STATE_HOME=/a/folder/of/yours novaorch ..."


@contextlib.contextmanager
def told(path: Path, verb: str) -> Iterator[None]:
    """Turn an OSError into words that name the path and the mend."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        fix = f"free some space there, or {_MEND}" if error.errno == errno.ENOSPC else _MEND
        raise NovaorchError(f"cannot {verb} {where}", why=error.strerror or "", fix=fix) from error


def _state_home(environ: Mapping[str, str]) -> Path:
    """Return the base folder; a relative XDG_STATE_HOME is ignored, as its standard says."""
    for name, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        value = environ.get(name, "")
        if value.startswith("/"):
            return Path(value, below)
    raise NovaorchError(
        "there is no place for novaorch's own files",
        why="neither XDG_STATE_HOME nor HOME names an absolute folder",
        fix=_MEND,
    )


def _socket_path(root: Path, environ: Mapping[str, str]) -> Path:
    """Return where the store listens: in `root`, or in a short folder when that is too long."""
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [root]
    if runtime.startswith("/"):
        places.append(Path(runtime, f"novaorch-{mark}"))
    for place in places:
        if len(os.fsencode(place / "store.sock")) <= SOCKET_BYTES_MAX:
            return place / "store.sock"
    return Path("/tmp", f"novaorch-{os.getuid()}-{mark}", "store.sock")  # noqa: S108 - checked


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
