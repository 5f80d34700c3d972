"""Many small packs kept few: each batch is one, and sixteen of a kind become one larger.

Takes away no pack that it did not write itself, and none before its objects are in another one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.pack import write_pack
from reconciler.adapters.git.process import kill
from reconciler.model.problems import SourceError

FAN = 16
"""So many packs of one level are merged: fifty in all is where git itself would begin to tidy."""
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
        self.written = self.merged = 0  # told to tests and reports

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
        """Begin to merge what has become many, or finish what was begun; waits for nothing."""
        if self._merge is not None:
            if self._merge.process.poll() is None:
                return
            self._finish(self._merge)
        for level, names in enumerate(self._levels):
            if len(names) >= FAN:
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
        for gone in old - {name}:
            for end in reversed(_ENDS):  # the index first: then nobody looks for the pack
                (self._folder / f"{gone}.{end}").unlink(missing_ok=True)


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
