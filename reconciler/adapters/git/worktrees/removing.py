"""A folder and all that is in it taken away, however deep, read-only or oddly named.

Never follows a link, and never goes to another disk: what is mounted there is somebody else's.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler.model.problems import SourceError

DEPTH_MAX = 40
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: Path, last: str = "") -> None:
    """Take a folder away; the file `last` in it goes after all others. OSError: it cannot be."""
    try:
        top = _open(os.fsencode(path), None)
    except FileNotFoundError:
        return
    try:
        _Remover(top, os.fstat(top).st_dev, path).all(os.fsencode(last))
    finally:
        os.close(top)
    path.rmdir()


def mounted(path: Path) -> str:
    """Return where another disk begins, at a folder or below it; '' for nowhere."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().split(b"\n")
    except OSError:  # no Linux: then at least the folder itself
        return str(path) if path.is_mount() else ""
    own = os.fsencode(path.resolve())
    for line in lines:
        place = re.sub(rb"\\([0-7]{3})", _character, line.split(b" ")[4]) if line else b""
        if place == own or place.startswith(own + b"/"):
            return os.fsdecode(place)
    return ""


def _character(octal: re.Match[bytes]) -> bytes:
    return bytes([int(octal[1], 8)])


class _Remover:
    """One removal. What lies too deep is first brought up to the top, so that a few descriptors
    are enough for any depth."""

    def __init__(self, top: int, device: int, path: Path) -> None:
        self._top, self._device, self._path = top, device, path
        self._risen = 0

    def all(self, last: bytes) -> None:
        while True:
            names = _names(self._top)
            rest = [name for name in names if name != last]
            if not rest:
                break
            for name in rest:
                self._one(name, self._top, 0)
        if last and names:
            os.unlink(last, dir_fd=self._top)

    def _one(self, name: bytes, here: int, depth: int) -> None:
        seen = os.stat(name, dir_fd=here, follow_symlinks=False)
        if not stat.S_ISDIR(seen.st_mode):
            _with_rights(here, lambda: os.unlink(name, dir_fd=here))
            return
        if seen.st_dev != self._device:
            raise SourceError(
                f"another disk is mounted below {self._path}: {os.fsdecode(name)}",
                why="what is on it is no part of the work tree",
                fix=f"unmount it: umount {self._path}/.../{os.fsdecode(name)}",
            )
        if depth >= DEPTH_MAX:
            self._risen += 1
            risen = b".novaorch-risen-%d" % self._risen
            _with_rights(
                here, lambda: os.rename(name, risen, src_dir_fd=here, dst_dir_fd=self._top)
            )
            return
        below = _open(name, here)
        try:
            for inner in _names(below):
                self._one(inner, below, depth + 1)
        finally:
            os.close(below)
        _with_rights(here, lambda: os.rmdir(name, dir_fd=here))


def _names(folder: int) -> list[bytes]:
    with os.scandir(folder) as entries:
        return [os.fsencode(entry.name) for entry in entries]


def _open(name: bytes, here: int | None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=here)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=here)
        return os.open(name, _FOLDER, dir_fd=here)


def _with_rights(here: int, act: Callable[[], None]) -> None:
    """Do something in a folder, giving ourselves the right to if it is missing."""
    try:
        act()
    except PermissionError:
        os.fchmod(here, 0o700)
        act()
