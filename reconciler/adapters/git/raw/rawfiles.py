"""Files of a work tree as they are: found by descriptors, read raw, streamed into the objects.

Never follows a link, in no part of a path; never opens anything but a plain file; applies no
filter and no line ends.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from reconciler.adapters.git.formats import LINK, object_id
from reconciler.adapters.git.loose import NewObjects

FILE, EXECUTABLE = "100644", "100755"
SMALL = 2**20
"""A file of more bytes than this is not held in memory, but read piece by piece."""
FRESH_NS = 50_000_000
"""Who was written so shortly before it was read may be written again without a new stamp."""
_SECOND = 1_000_000_000
_TRIES = 3


class ChangedError(Exception):
    """The file was another one, or none, when it was to be read."""


class Stamp(NamedTuple):
    """What tells whether a file is still the one that was read."""

    mode: int
    size: int
    inode: int
    changed_ns: int
    written_ns: int
    user: int
    group: int


class Content(NamedTuple):
    """What was read: its id, the stamp it had before, and its bytes unless it is large."""

    oid: str
    seen: Stamp
    body: bytes | None


def stamp(seen: os.stat_result) -> Stamp:
    """Return the stamp of what `lstat` saw."""
    hours = (seen.st_ctime_ns, seen.st_mtime_ns)
    return Stamp(seen.st_mode, seen.st_size, seen.st_ino, *hours, seen.st_uid, seen.st_gid)


def steady(seen: Stamp, now_ns: int) -> bool:
    """Whether a later write would leave another stamp, even where the clock of files is coarse."""
    coarse = seen.changed_ns % _SECOND == 0
    return now_ns - seen.changed_ns > (2 * _SECOND if coarse else FRESH_NS)


def git_mode(mode: int) -> str:
    """Return the mode that git has for it; '' for what git cannot hold."""
    if stat.S_ISREG(mode):
        return EXECUTABLE if mode & stat.S_IXUSR else FILE
    return LINK if stat.S_ISLNK(mode) else ""


class RawFiles:
    """The files below one folder. One thread only; close it."""

    def __init__(self, root: Path, objects: Path, object_format: str) -> None:
        self._root, self._objects, self._format = root, objects, object_format
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self._top = os.open(root, flags)
        self._folders: dict[str, bool] = {"": True}
        self.bytes = 0  # read so far; told to tests and reports

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._top)

    def look(self, path: str) -> os.stat_result | None:
        """Return what `lstat` says of a path, None when it is not there.

        What lies beyond a link, or beyond a file, is not there. OSError: nobody can tell.
        """
        folder = path.rpartition("/")[0]
        if not self._is_folder(folder):
            return None
        try:
            return os.stat(path, dir_fd=self._top, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_folder(self, path: str) -> bool:
        known = self._folders.get(path)
        if known is None:
            known = self._is_folder(path.rpartition("/")[0]) and self._plainly(path)
            self._folders[path] = known
        return known

    def _plainly(self, path: str) -> bool:
        try:
            seen = os.stat(path, dir_fd=self._top, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISDIR(seen.st_mode)

    def empty(self, path: str) -> bool:
        """Return whether a folder holds nothing."""
        with self._opened(path, os.O_DIRECTORY) as descriptor, os.scandir(descriptor) as entries:
            return next(entries, None) is None

    def read(self, path: str, seen: Stamp) -> Content:
        """Read and hash a file or a link; a file that changes all the time counts as it was read.

        ChangedError: it is gone, or no longer what it was. OSError: it cannot be read.
        """
        if stat.S_ISLNK(seen.mode):
            target = self._target(path)
            return Content(object_id("blob", target, self._format), seen, target)
        for left in reversed(range(_TRIES)):
            content, after = self._once(path)
            if content.seen == after or not left:
                return content
        raise AssertionError  # pragma: no cover - the last try returns

    def keep(self, path: str, content: Content, new: NewObjects) -> None:
        """Give what was read to the object store: to `new`, or at once when it is large.

        ChangedError: a large file is not what was read any more.
        """
        if content.body is not None:
            new.write("blob", content.body)
            return
        if (self._objects / content.oid[:2] / content.oid[2:]).exists():
            return
        with self._opened(path) as descriptor:
            self._streamed(descriptor, content)

    def peek(self, path: str, limit: int) -> bytes:
        """Return at most `limit` bytes of a file's beginning."""
        with self._opened(path) as descriptor:
            return _whole(descriptor, limit)

    # -- inside --------------------------------------------------------------------------------

    def _target(self, path: str) -> bytes:
        folder, _, name = path.rpartition("/")
        with self._opened(folder, os.O_DIRECTORY) as descriptor:
            try:
                return os.readlink(os.fsencode(name), dir_fd=descriptor)
            except OSError as error:
                raise ChangedError(str(error)) from None

    def _once(self, path: str) -> tuple[Content, Stamp]:
        with self._opened(path) as descriptor:
            seen, body = stamp(os.fstat(descriptor)), None
            if not stat.S_ISREG(seen.mode):
                raise ChangedError(f"{path} is no plain file any more")
            if seen.size <= SMALL:
                body = _whole(descriptor, seen.size)
                oid = object_id("blob", body, self._format)
                self.bytes += len(body)
            else:
                oid = self._hashed(descriptor, seen.size)
            return Content(oid, seen, body), stamp(os.fstat(descriptor))

    def _hashed(self, descriptor: int, size: int) -> str:
        found = hashlib.new(self._format, b"blob %d\0" % size, usedforsecurity=False)
        for piece in self._pieces(descriptor, size):
            found.update(piece)
        return found.hexdigest()

    def _streamed(self, descriptor: int, content: Content) -> None:
        draft = self._objects / f"tmp_obj_nova{os.getpid()}_{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(draft, flags, 0o444), "wb") as out:
                oid = self._squeezed(descriptor, content.seen.size, out)
            if oid != content.oid:
                raise ChangedError("it changed while it was read")
            (self._objects / oid[:2]).mkdir(exist_ok=True)
            draft.rename(self._objects / oid[:2] / oid[2:])
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _squeezed(self, descriptor: int, size: int, out: IO[bytes]) -> str:
        head = b"blob %d\0" % size
        found = hashlib.new(self._format, head, usedforsecurity=False)
        squeeze = zlib.compressobj(1)
        out.write(squeeze.compress(head))
        for piece in self._pieces(descriptor, size):
            found.update(piece)
            out.write(squeeze.compress(piece))
        out.write(squeeze.flush())
        return found.hexdigest()

    def _pieces(self, descriptor: int, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = os.read(descriptor, min(left, SMALL))
            if not piece:
                raise ChangedError("it became shorter while it was read")
            self.bytes += len(piece)
            left -= len(piece)
            yield piece

    @contextmanager
    def _opened(self, path: str, kind: int = 0) -> Iterator[int]:
        """Open by one folder after another: none of them may be swapped for a link on the way."""
        # NONBLOCK: should a FIFO take the file's place just now, opening it must not wait.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        here, parts = os.dup(self._top), path.split("/") if path else []
        try:
            for place, part in enumerate(parts):
                last = place == len(parts) - 1
                below = os.open(part, flags | (kind if last else os.O_DIRECTORY), dir_fd=here)
                os.close(here)
                here = below
            yield here
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ChangedError(str(error)) from None
        finally:
            os.close(here)


def _whole(descriptor: int, size: int) -> bytes:
    """Return the content, one byte more than expected at most: then it is another file by now."""
    body = b""
    while len(body) <= size:
        piece = os.read(descriptor, size + 1 - len(body))
        if not piece:
            return body
        body += piece
    return body[:size]
