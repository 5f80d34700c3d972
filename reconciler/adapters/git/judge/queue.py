"""One promotion at a time in a repository: a lock that the system itself takes back.

Whoever comes second waits, and is told for whom.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.adapters.git.formats import printable
from reconciler.model.problems import SourceError

LOCK = "novaorch-promote.lock"
_SAID_MAX = 1000


@contextlib.contextmanager
def turn(common_dir: Path, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the one turn of a repository, for a run of this name; wait for whoever has it."""
    path = common_dir / LOCK
    descriptor = _locked(path, say)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "run": name}).encode(), 0)
        yield
    finally:
        # The file stays: to delete it would let two in at once.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _locked(path: Path, say: Callable[[str], None]) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise SourceError(
                f"{path} cannot be opened", why=str(error), fix="look at who owns that folder"
            ) from error
        try:
            _wait(descriptor, say)
            if _same(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # somebody deleted the file while we waited


def _wait(descriptor: int, say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for {_holder(descriptor)}, which is being promoted here")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(descriptor: int) -> str:
    try:
        said = json.loads(os.pread(descriptor, _SAID_MAX, 0))
        return f"{printable(str(said['run']))} (pid {int(said['pid'])})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"


def _same(path: Path, descriptor: int) -> bool:
    try:
        seen, held = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (seen.st_dev, seen.st_ino) == (held.st_dev, held.st_ino)
