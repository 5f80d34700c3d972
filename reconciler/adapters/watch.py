"""What shortens the daemon's wait: a FIFO that git hooks write to, and a watch on the refs.

Never carries news, and never is needed: with both broken the loop still polls. What does not
work is said in `degraded`.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import stat
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from reconciler.model.problems import NovaorchError

_FIRST = ("stop", "hook", "tmux", "watch")  # the word that is told when several came at once
_CHUNK = 2**16
_CHUNKS_MAX = 16  # what a flood may cost one wait; the rest makes the next one return at once
_OF_AGENTS = re.compile(r"/refs/heads/training(?:/|\Z)")
"""Branches of agents' work: no wish comes from there, so a commit on one asks for no pass."""
_HEADS = frozenset({"HEAD", "packed-refs", "tables.list"})
# Only changes. Opening and closing are events too, and our own reading would wake us for ever.
_CHANGES: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


class Nudges:
    """A Trigger. `wait` belongs to one thread; `poke` may be called from any, and from signals.

    `fifo` None listens to no hook; `git_dir` None watches no refs. `common_dir` is where the
    refs are, when `git_dir` belongs to a linked work tree.
    """

    def __init__(
        self, fifo: Path | None, git_dir: Path | None = None, common_dir: Path | None = None
    ) -> None:
        self._words: dict[str, bool] = {}
        self._faults: dict[str, str] = {}
        self._fifo = _Fifo(fifo) if fifo else None
        self._watch: BaseObserver | None = None
        try:
            self._waking, self._wake = os.pipe()
            os.set_blocking(self._waking, False)
            os.set_blocking(self._wake, False)
            self._selector = selectors.DefaultSelector()
        except OSError as error:
            raise NovaorchError(
                "the daemon cannot wait for anything",
                why=str(error),
                fix="raise the limit of open files (`ulimit -n`)",
            ) from error
        self._selector.register(self._waking, selectors.EVENT_READ)
        self._listen()
        if git_dir is not None:
            self._observe(git_dir, common_dir or git_dir)

    @property
    def degraded(self) -> tuple[str, ...]:
        """Why hooks or watches do not shorten the wait; empty when all is well."""
        return tuple(self._faults.values())

    def poke(self, word: str) -> None:
        """Make the current wait, or the next one, return `word`. Never blocks, takes no lock."""
        self._words[word] = True
        with contextlib.suppress(BlockingIOError, OSError):  # full: the waiter will wake anyway
            os.write(self._wake, b"!")

    def wait(self, timeout_s: float) -> str:
        """Return the most pressing word that came, `poll` when none did within `timeout_s`.

        However many came, they are one: the pass that follows reads everything.
        """
        end = time.monotonic() + timeout_s
        if word := self._taken():  # `pressing` took its byte
            return word
        while True:
            left = max(0.0, end - time.monotonic())
            for key, _ in self._selector.select(left):
                if _drain(key.fd) and key.fd != self._waking:
                    self._words["hook"] = True
            if word := self._taken():
                return word
            if time.monotonic() >= end:
                self._listen()  # a FIFO that someone removed is made again here
                return "poll"

    def pressing(self) -> str:
        """Return the most pressing word that came by now; it stays for the next `wait`."""
        for key, _ in self._selector.select(0):
            if _drain(key.fd) and key.fd != self._waking:
                self._words["hook"] = True
        return _first(list(self._words))

    def close(self) -> None:
        """Stop watching and remove the FIFO. A second close does nothing."""
        if self._watch is not None:
            self._watch.stop()
            self._watch.join(5)
            self._watch = None
        if self._fifo is not None:
            self._fifo.remove()
            self._fifo = None
        if self._wake >= 0:
            self._selector.close()
            wake, self._wake = self._wake, -1
            os.close(wake)
            os.close(self._waking)

    def _taken(self) -> str:
        came = [word for word in list(self._words) if self._words.pop(word, False)]
        return _first(came)

    def _listen(self) -> None:
        """Open the FIFO, or open it again when another file took its place."""
        if self._fifo is None or self._fifo.in_place():
            return
        if self._fifo.descriptor >= 0:
            self._selector.unregister(self._fifo.descriptor)
        try:
            self._fifo.open()
            self._selector.register(self._fifo.descriptor, selectors.EVENT_READ)
            self._faults.pop("hook", None)
        except OSError as error:
            self._faults["hook"] = f"git hooks cannot wake the daemon: {error}"

    def _observe(self, git_dir: Path, common_dir: Path) -> None:
        # watchdog says so when a new folder is seen twice at once, which is no fault of anyone's.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        handler = _RefChanges(lambda: self.poke("watch"))
        folders = {git_dir: False, common_dir: False, common_dir / "refs" / "heads": True}
        optional = {git_dir / "logs": False, common_dir / "reftable": False}
        folders |= {path: deep for path, deep in optional.items() if path.is_dir()}
        observer = None
        try:
            observer = Observer()
            for path, deep in folders.items():
                observer.schedule(handler, str(path), recursive=deep, event_filter=_CHANGES)
            observer.start()
            self._watch = observer
        except (OSError, RuntimeError) as error:  # limits of watches, descriptors or threads
            self._faults["watch"] = f"changes of refs are not watched: {error}"
            if observer is not None:
                observer.stop()


def _first(words: list[str]) -> str:
    return min(words, key=lambda w: _FIRST.index(w) if w in _FIRST else len(_FIRST), default="")


class _RefChanges(FileSystemEventHandler):
    """Tells of changes of refs; of nothing else in a git directory."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        path = os.fsdecode(event.dest_path or event.src_path)
        if path.endswith(".lock") or _OF_AGENTS.search(path):
            return
        if "/refs/heads" in path or path.rpartition("/")[2] in _HEADS:
            self._tell()


class _Fifo:
    """Our FIFO, 0600 in a folder 0700. Nothing else in its place is opened or removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1

    def in_place(self) -> bool:
        """Whether the path still names the FIFO that we read."""
        try:
            there, ours = self._path.lstat(), os.fstat(self.descriptor)
        except OSError:
            return False
        return os.path.samestat(there, ours)

    def open(self) -> None:
        """Make the FIFO if it is missing, and open it; an OSError says why not."""
        self.forget()
        self._own_folder()
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        # For writing too, or the end of the first writer would read as the end of the file.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        if not stat.S_ISFIFO(self._path.lstat().st_mode):
            raise OSError(f"{self._path} is not a FIFO; remove it")
        descriptor = os.open(self._path, flags)
        status = os.fstat(descriptor)
        if not stat.S_ISFIFO(status.st_mode) or status.st_uid != os.geteuid():
            os.close(descriptor)
            raise OSError(f"{self._path} is not a FIFO of ours; remove it")
        os.fchmod(descriptor, 0o600)
        self.descriptor = descriptor

    def _own_folder(self) -> None:
        folder = self._path.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise OSError(f"{folder} is not a folder of ours; remove it")
        if stat.S_IMODE(status.st_mode) & 0o022:
            raise OSError(f"others may write to {folder}; run `chmod 700` on it")

    def forget(self) -> None:
        """Close it, and leave the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """Close it and remove the file, if it is still ours."""
        if self.in_place():
            with contextlib.suppress(OSError):
                self._path.unlink()
        self.forget()


def _drain(descriptor: int) -> bool:
    """Read what is there, up to a limit; return whether there was anything."""
    came = False
    with contextlib.suppress(BlockingIOError):
        for _ in range(_CHUNKS_MAX):
            if not os.read(descriptor, _CHUNK):
                break
            came = True
    return came
