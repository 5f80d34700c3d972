"""Files of a commit written into a folder just as git holds them, and taken away again.

Applies no filter and no line ends, follows no link on the way, and puts each file in its place
whole.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import LINK, SUBMODULE
from reconciler.adapters.git.process import kill
from reconciler.adapters.git.raw.indexfile import Entry, seen
from reconciler.adapters.git.raw.rawfiles import EXECUTABLE
from reconciler.adapters.git.raw.treefiles import Leaf
from reconciler.model.problems import SourceError

BATCH = 16 * 2**20
"""So many bytes of files are held in memory; a larger file is copied piece by piece."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Planter:
    """Writes below one folder. `drafts` is a folder on the same disk, where files come to be."""

    def __init__(self, top: Path, drafts: Path) -> None:
        self._drafts = drafts
        self._top = os.open(top, _FOLDER)
        self._made = 0

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._top)

    def put(self, path: str, mode: str, body: bytes | BinaryIO) -> None:
        """Let a path be this file, link (its target is the body) or empty folder.

        What stands there is replaced, unless it is a folder that holds something: OSError.
        """
        folder, _, name = path.rpartition("/")
        with self._opened(folder, make=True) as here:
            if mode == SUBMODULE:
                _clear(name, here)
                os.mkdir(name, dir_fd=here)
                return
            draft = self._draft(mode, body)
            try:
                _clear_folder(name, here)
                os.rename(draft, name, dst_dir_fd=here)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    def take(self, path: str) -> None:
        """Take a file, a link or an empty folder away, and the folders that it leaves empty."""
        folder, _, name = path.rpartition("/")
        try:
            with self._opened(folder) as here:
                _clear(name, here)
        except (FileNotFoundError, NotADirectoryError):
            return
        while folder:
            folder, _, name = folder.rpartition("/")
            try:
                with self._opened(folder) as here:
                    os.rmdir(name, dir_fd=here)
            except OSError:
                return

    def entry(self, path: str, leaf: Leaf) -> Entry:
        """Return the line of an index for a file that was written."""
        raw = os.fsencode(path)
        if leaf.mode == SUBMODULE:
            return Entry(raw, leaf.mode, leaf.oid)
        folder, _, name = path.rpartition("/")
        with self._opened(folder) as here:
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
        return Entry(raw, leaf.mode, leaf.oid, seen=seen(status))

    def rights(self, path: str, rights: int) -> None:
        """Give a plain file these rights."""
        folder, _, name = path.rpartition("/")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._opened(folder) as here:
            descriptor = os.open(name, flags, dir_fd=here)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, rights)
        finally:
            os.close(descriptor)

    def folder(self, path: str) -> None:
        """Make an empty folder, and those above it."""
        with self._opened(path, make=True):
            return

    def _draft(self, mode: str, body: bytes | BinaryIO) -> Path:
        self._made += 1
        draft = self._drafts / f"draft-{os.getpid()}-{self._made}"
        draft.unlink(missing_ok=True)
        if mode == LINK:
            target = body if isinstance(body, bytes) else body.read()
            draft.symlink_to(os.fsdecode(target))
            return draft
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        permissions = 0o777 if mode == EXECUTABLE else 0o666
        try:
            with os.fdopen(os.open(draft, flags, permissions), "wb") as file:
                if isinstance(body, bytes):
                    file.write(body)
                else:
                    shutil.copyfileobj(body, file, 2**20)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return draft

    @contextmanager
    def _opened(self, folder: str, *, make: bool = False) -> Iterator[int]:
        """Open a folder step by step, so that no link leads out of the tree."""
        here = os.dup(self._top)
        try:
            for part in folder.split("/") if folder else ():
                below = _step(here, part, make=make)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)


def _step(here: int, part: str, *, make: bool) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=here)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(part, dir_fd=here)
    return os.open(part, _FOLDER, dir_fd=here)


def _clear(name: str, here: int) -> None:
    try:
        os.unlink(name, dir_fd=here)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        os.rmdir(name, dir_fd=here)


def _clear_folder(name: str, here: int) -> None:
    """Take an empty folder out of the way of a file."""
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            os.rmdir(name, dir_fd=here)
    except FileNotFoundError:
        return


def plant(room: CleanRoom, planter: Planter, files: Mapping[str, Leaf]) -> None:
    """Write files of the repository's objects. OSError: they cannot be; SourceError: not read."""
    batch: list[tuple[str, Leaf]] = []
    weight = 0
    for path, leaf, size in _sized(room, files):
        if leaf.mode == SUBMODULE:
            planter.put(path, leaf.mode, b"")
        elif size > BATCH:
            _stream(room, planter, path, leaf)
        else:
            batch.append((path, leaf))
            weight += size
        if weight > BATCH:
            _write(room, planter, batch)
            batch, weight = [], 0
    _write(room, planter, batch)


def _sized(room: CleanRoom, files: Mapping[str, Leaf]) -> list[tuple[str, Leaf, int]]:
    ordered = sorted(files.items())
    wanted = [leaf.oid for _, leaf in ordered if leaf.mode != SUBMODULE]
    with room.reading() as objects:
        sizes = {one.oid: one.size for one in objects.headers(wanted)} if wanted else {}
    return [(path, leaf, sizes.get(leaf.oid, 0)) for path, leaf in ordered]


def _write(room: CleanRoom, planter: Planter, batch: list[tuple[str, Leaf]]) -> None:
    if not batch:
        return
    with room.reading() as objects:
        bodies = objects.contents([leaf.oid for _, leaf in batch], "blob")
    for (path, leaf), body in zip(batch, bodies, strict=True):
        planter.put(path, leaf.mode, body)


def _stream(room: CleanRoom, planter: Planter, path: str, leaf: Leaf) -> None:
    process = room.command().start("cat-file", "blob", leaf.oid)
    try:
        planter.put(path, leaf.mode, cast("BinaryIO", process.stdout))
        if process.wait():
            raise SourceError(f"object {leaf.oid} cannot be read", fix="run `git fsck`")
    finally:
        kill(process)
