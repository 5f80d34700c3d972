"""`Apart`: the recorder in a process of its own. A daemon that talks to agents would wait, at every
file that is read for a commit, until it has its interpreter back.

Never asks for a commit twice: what a process that ended was asked for is an error, and the work
stays in its tree.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from reconciler.model.problems import BlindError
from reconciler.model.training import Recorded, Turn
from reconciler.model.unit import Training
from reconciler.model.workspace import SeenWorkspace

SILENCE_S = 60.0
"""Git itself is silent for half as long at most."""
MODULE = "reconciler.adapters.git.record"


@dataclass(slots=True)
class _Helper:
    """One process, and who waits for what it was asked."""

    process: subprocess.Popen[bytes]
    wire: Connection
    waiting: dict[int, Future[Any]] = field(default_factory=dict)
    over: bool = False


class Apart:
    """Records work (`ports.workspaces.Recorder`) in a process that begins with the first question.

    Any thread; close it. `key` and `mask` as `GitRecorder` takes them, the latter's key only.
    """

    def __init__(self, key: Path | None, mask: bytes) -> None:
        self._settings = (key, mask)
        self._helper: _Helper | None = None
        self._lock = threading.Lock()
        self._numbers: Iterator[int] = itertools.count()

    def record(self, seen: SeenWorkspace, policy: Training, turn: Turn) -> Recorded | None:
        """See `Recorder.record`. BlindError: nobody knows whether it was done."""
        made: Recorded | None = self._asked("record", seen, policy, turn)
        return made

    def fingerprint(self, seen: SeenWorkspace) -> str:
        """See `Recorder.fingerprint`."""
        return str(self._asked("fingerprint", seen))

    @property
    def pid(self) -> int | None:
        """The process, None before anything was asked."""
        helper = self._helper
        return helper.process.pid if helper is not None else None

    def close(self) -> None:
        """Let it finish what it was asked, and end. What is asked next begins another."""
        with self._lock:
            helper, self._helper = self._helper, None
            if helper is None:
                return
            _say(helper.wire, None)
        try:
            helper.process.wait(SILENCE_S)
        except subprocess.TimeoutExpired:
            helper.process.kill()
            helper.process.wait()

    # -- inside ------------------------------------------------------------------------------------

    def _asked(self, name: str, *words: object) -> Any:
        done: Future[Any] = Future()
        with self._lock:
            helper = self._helper
            if helper is None or helper.over:
                helper = self._helper = self._opened()
            number = next(self._numbers)
            helper.waiting[number] = done
            if not _say(helper.wire, (number, name, words)):
                helper.waiting.pop(number, None)
                raise _ended(helper.process)
        try:
            return done.result(SILENCE_S)
        except TimeoutError:
            helper.process.kill()
            raise _silent() from None

    def _opened(self) -> _Helper:
        ours, theirs = Pipe()
        words = [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())]
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            raise BlindError(
                "the process that commits agents' work cannot be started",
                why=error.strerror or str(error),
                fix="look at the limits of this user's processes: ulimit -u",
            ) from error
        finally:
            theirs.close()
        helper = _Helper(process, ours)
        _say(ours, self._settings)
        threading.Thread(target=self._hear, args=(helper,), name="recorder", daemon=True).start()
        return helper

    def _hear(self, helper: _Helper) -> None:
        """Give each answer to whoever waits for it, until there are no more."""
        while True:
            try:
                number, made, wrong = helper.wire.recv()
            except (EOFError, OSError):
                break
            done = helper.waiting.pop(number, None)
            if done is None:
                continue
            if wrong is None:
                done.set_result(made)
            else:
                kind, what, why, fix = wrong
                done.set_exception(kind(what, why=why, fix=fix))
        helper.process.wait()
        with self._lock:  # whoever asks from now on begins another
            helper.over = True
            helper.wire.close()
            left, helper.waiting = list(helper.waiting.values()), {}
        for done in left:
            done.set_exception(_ended(helper.process))


def _say(wire: Connection, word: object) -> bool:
    try:
        wire.send(word)
    except OSError:
        return False
    return True


def _ended(process: subprocess.Popen[bytes]) -> BlindError:
    code = process.poll()
    return BlindError(
        "the process that commits agents' work ended in the middle of it",
        why=f"it ended with {code}" if code is not None else "it ended just now",
        fix="nothing is lost: what is not committed is tried again with the next turn",
    )


def _silent() -> BlindError:
    return BlindError(
        f"the process that commits agents' work was silent for {SILENCE_S:g} s, and was ended",
        why="it may wait for a slow disk",
        fix="nothing is lost: what is not committed is tried again with the next turn",
    )
