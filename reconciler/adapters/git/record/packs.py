"""Many small packs kept few: each batch is one, and sixteen of a kind become one larger. The
smallest are joined here, as they come quickly; git packs what is larger, in its own time.

Takes away no pack that it did not write itself, and none before its objects are in another one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.pack import join_packs, write_pack
from reconciler.adapters.git.process import kill
from reconciler.model.problems import SourceError

FAN = 16
"""So many packs of one level are merged: fifty in all is where git itself would begin to tidy."""
JOINED_MAX = 4 * 2**20
"""Joining more than so many bytes would keep commits waiting."""
_WAIT_S = 60.0
_NICE = 15
"""Tidying is the least urgent thing there is: agents wait for commits."""
_FULL = (28, 122)  # no space, quota


class Packs:
    """The packs that one process writes to one repository. One thread at a time."""

    def __init__(self, room: CleanRoom) -> None:
        self._room = room
        self._folder = room.common_dir / "objects" / "pack"
        self._levels: list[list[str]] = []
        self._merge: _Merge | None = None
        self.written = self.joined = self.merged = 0  # told to tests and reports

    def add(self, objects: Mapping[str, tuple[str, bytes]]) -> None:
        """Write objects, so that not even a power cut takes them. SourceError: they cannot be."""
        try:
            name = write_pack(self._folder, objects, self._room.object_format)
        except OSError as error:
            full = error.errno in _FULL
            raise SourceError(
                "the disk is full" if full else f"git objects cannot be written: {self._folder}",
                why=f"{self._folder}: {error.strerror or error}",
                fix="free some space there: nothing is lost, the next turn is recorded with this "
                "one's work" if full else "look at the rights of that folder",
            ) from error  # fmt: skip
        self.written += 1
        self._put(name, 0)

    def tidy(self) -> None:
        """Join the smallest when they are many; begin to merge larger ones, or finish what was
        begun; waits for nothing."""
        if self._levels and len(self._levels[0]) >= FAN:
            self._join(self._levels[0][:FAN])
        if self._merge is not None:
            if self._merge.process.poll() is None:
                return
            self._finish(self._merge)
        for level, names in enumerate(self._levels):
            if level and len(names) >= FAN:
                self._merge = self._begin(level, names[:FAN])
                return

    def close(self) -> None:
        """Finish a merge that is under way."""
        if self._merge is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._merge.process.wait(_WAIT_S)
            self._finish(self._merge)

    def _put(self, name: str, level: int) -> None:
        while len(self._levels) <= level:
            self._levels.append([])
        if name not in self._levels[level]:
            self._levels[level].append(name)

    def _join(self, names: list[str]) -> None:
        """Join packs of the lowest level, unless they are large: then they are git's to merge."""
        self._levels[0] = self._levels[0][len(names) :]
        try:
            size = sum((self._folder / f"{name}.pack").stat().st_size for name in names)
            if size <= JOINED_MAX:
                name = join_packs(self._folder, names, self._room.object_format)
                self._put(name, 1)
                self._drop(names, name)
                self.joined += 1
                return
        except (OSError, ValueError):  # they were packed by somebody else, or there is no space
            return
        for name in names:
            self._put(name, 1)

    def _drop(self, names: Iterable[str], new: str) -> None:
        """Take packs away whose objects are all in a new one."""
        for gone in set(names) - {new}:
            for end in reversed(_ENDS):  # the index first: then nobody looks for the pack
                (self._folder / f"{gone}.{end}").unlink(missing_ok=True)

    def _begin(self, level: int, names: list[str]) -> _Merge:
        words = ("pack-objects", "--quiet", "--stdin-packs", "--delta-base-offset", "--window=4")
        place = str(self._folder / "pack")
        process = self._room.command().start("-c", "pack.threads=1", *words, place)
        with contextlib.suppress(OSError):  # it may have ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        assert process.stdin is not None  # noqa: S101 - `start` opens three pipes
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("".join(f"{name}.pack\n" for name in names).encode())
            process.stdin.close()
        return _Merge(process, level, names)

    def _finish(self, merge: _Merge) -> None:
        """Take the small ones away if the large one is there; else they stay as they are."""
        self._merge = None
        name = merge.made()
        kill(merge.process)
        old = set(merge.names)
        self._levels[merge.level] = [n for n in self._levels[merge.level] if n not in old]
        if not name or not all((self._folder / f"{name}.{end}").is_file() for end in _ENDS):
            return
        self.merged += 1
        self._put(name, merge.level + 1)
        self._drop(old, name)


class _Merge:
    """One `git pack-objects` under way."""

    def __init__(self, process: subprocess.Popen[bytes], level: int, names: list[str]) -> None:
        self.process, self.level, self.names = process, level, names

    def made(self) -> str:
        """Return the name of the new pack, '' when there is none."""
        if self.process.returncode != 0 or self.process.stdout is None:
            return ""
        said = os.read(self.process.stdout.fileno(), 4096).decode("ascii", "replace").strip()
        return f"pack-{said}" if said.isalnum() else ""


_ENDS = ("pack", "idx")
