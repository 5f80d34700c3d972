"""One look at a few objects for a verb in a hurry: one `git cat-file`, without GitPython.

Answers None to whatever is not plain: the slow way knows what to say of it.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from reconciler.adapters.git.hardened import CONFIG, NO_USER_CONFIG, OPTIONS, SETTINGS

SILENCE_S = 5.0
_SIZE_MAX = 16 * 2**20


class UnclearError(Exception):
    """git said something else than an object, or nothing."""


class Glance:
    """A running `cat-file`. What it reads is small, so nothing here can block on a full pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._in = cast("IO[bytes]", process.stdin)
        self._out = cast("IO[bytes]", process.stdout).fileno()
        self._buffer = b""

    def ask(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the contents of objects by name; None for what is not there."""
        try:
            self._in.write("".join(f"{name}\n" for name in names).encode())
            self._in.flush()
        except (OSError, ValueError) as error:
            raise UnclearError from error
        return [self._object() for _ in names]

    def _object(self) -> bytes | None:
        while b"\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        words = line.split(b" ")
        if words[-1] == b"missing":
            return None
        if len(words) != 3 or not words[2].isdigit() or int(words[2]) > _SIZE_MAX:
            raise UnclearError
        size = int(words[2])
        while len(self._buffer) < size + 1:
            self._more()
        body, self._buffer = self._buffer[:size], self._buffer[size + 1 :]
        return body

    def _more(self) -> None:
        if not select.select([self._out], [], [], SILENCE_S)[0]:
            raise UnclearError
        data = os.read(self._out, 2**18)
        if not data:
            raise UnclearError
        self._buffer += data


@contextmanager
def glance(directory: Path) -> Iterator[Glance]:
    """Look at the repository that `directory` is in. UnclearError: take the slow way."""
    settings = [word for pair in CONFIG for word in ("-c", pair)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        process = subprocess.Popen(
            ["git", *OPTIONS, *settings, "-C", str(directory), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, **SETTINGS, **NO_USER_CONFIG},
        )
    except OSError as error:
        raise UnclearError from error
    try:
        yield Glance(process)
    finally:
        # It has nothing to lose, and ending by itself would take longer than all the rest.
        process.kill()
        process.communicate()


def names_in(tree: bytes) -> list[tuple[bool, str]]:
    """Return the entries of a tree: whether it is a folder, and its name. ValueError: no tree."""
    for width in (20, 32):  # of an id: sha1, sha256
        found, at = [], 0
        while at < len(tree):
            end = tree.find(b"\0", at)
            mode, _, name = tree[at : max(end, at)].partition(b" ")
            if end < 0 or mode not in (b"40000", b"100644"):
                break
            found.append((mode == b"40000", name.decode("utf-8", "replace")))
            at = end + 1 + width
        else:
            if at == len(tree):
                return found
    raise ValueError("no tree of plain files and folders")
