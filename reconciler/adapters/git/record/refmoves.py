"""One running `git update-ref`, told by pipe: transactions of refs without a process each.

Never moves a ref that is not what it was read to be: all of a transaction, or nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, cast

from reconciler.adapters.git.process import kill, said
from reconciler.model.problems import BlindError

SILENCE_S = 10.0
MOVES_MAX = 100
"""So many transactions are one helper's: git searches every pack that it ever saw, and each of
ours is joined with others soon, so one that lives long takes ever longer."""
_DONE = b"commit: ok\n"


class RefMoves:
    """Moves refs. Any thread, one transaction at a time; close it."""

    def __init__(self, start: Callable[..., subprocess.Popen[bytes]]) -> None:
        self._start = start
        self._helper: subprocess.Popen[bytes] | None = None
        self._moved = 0
        self._lock = threading.Lock()

    def move(self, lines: Sequence[str]) -> str:
        """Do what these lines of `update-ref --stdin` say; return '' or why nothing was done.

        BlindError: nobody can tell whether it was.
        """
        words = "".join(f"{line}\n" for line in ("start", *lines, "prepare", "commit"))
        with self._lock:
            for _ in range(2):  # a helper that died meanwhile is started anew, once
                fresh = self._helper is None
                answer = self._told(words.encode("utf-8", "surrogateescape"))
                if answer is None:
                    return ""
                if answer or fresh:
                    break
            return answer or "git update-ref ends at once"

    def rest(self) -> None:
        """Let a fresh helper take over after many transactions; for a moment when nobody waits.

        BlindError: it cannot be started.
        """
        with self._lock:
            if self._moved >= MOVES_MAX:
                self._end()
                self._begin()

    def close(self) -> None:
        """End the helper."""
        with self._lock:
            self._end()

    def _told(self, words: bytes) -> str | None:
        """Return None when it is done, else git's words; the helper is gone then."""
        helper = self._helper or self._begin()
        pipes = (helper.stdin, helper.stdout, helper.stderr)
        send, hear, err = (cast("IO[bytes]", pipe).fileno() for pipe in pipes)
        with contextlib.suppress(BrokenPipeError):
            _write_all(send, words)
        if self._heard(hear):
            self._moved += 1
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            helper.wait(SILENCE_S)
        os.set_blocking(err, False)
        last = b""
        with contextlib.suppress(OSError):
            last = os.read(err, 65536) or b""
        self._end()
        lines = last.decode("utf-8", "replace").splitlines()
        return said(" ".join(line for line in lines if not line.startswith("hint:")))

    def _begin(self) -> subprocess.Popen[bytes]:
        words = ("update-ref", "--no-deref", "-m", "novaorch: turn", "--stdin")
        self._helper, self._moved = self._start(*words), 0
        return self._helper

    def _heard(self, descriptor: int) -> bool:
        answer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not answer.endswith(_DONE):
                if not selector.select(SILENCE_S):
                    self._end()
                    raise BlindError(
                        f"git did not move its refs within {SILENCE_S:g} s",
                        why="its update-ref helper was silent and has been ended",
                        fix="check the disk that holds the repository; the next turn tries again",
                    )
                piece = os.read(descriptor, 65536)
                if not piece:
                    return False
                answer += piece
        return True

    def _end(self) -> None:
        if self._helper is not None:
            kill(self._helper)
            self._helper = None


def _write_all(descriptor: int, words: bytes) -> None:
    view = memoryview(words)
    while view:
        view = view[os.write(descriptor, view) :]
