"""The line to a remote: git is started, waited for within limits, and ended when nobody waits.

Never leaves a process behind, and never lets a remote fill the disk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.adapters.git.elsewhere.quarantine import Quarantine
from reconciler.adapters.git.process import GitCommand, Reply, kill
from reconciler.model.problems import BlindError, NovaorchError, SourceError

LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """How long git may speak to a remote, and how much one fetch may bring."""

    patience_s: float = 300.0
    bytes_max: int = 2 * 2**30


USUAL = Limits()


class Line:
    """One git at a time that speaks to a remote; `cut` may come from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._end = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None

    def speak(
        self, command: GitCommand, words: Sequence[str], quarantine: Quarantine | None
    ) -> Reply:
        """Run git to its end. BlindError: too long, or cut; SourceError: too much was sent."""
        if self._end.is_set():
            raise _cut()
        process = self._running = command.start(*words)
        try:
            out, err = self._waited(process, quarantine)
        except NovaorchError:
            kill(process)
            raise
        finally:
            self._running = None
        self._endure(time.monotonic(), quarantine)
        return Reply(process.returncode, out, err.decode("utf-8", "replace"))

    def cut(self) -> None:
        """End what is under way, and let nothing else begin."""
        self._end.set()
        running = self._running
        if running is not None and running.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(running.pid, signal.SIGKILL)

    def _waited(
        self, process: subprocess.Popen[bytes], quarantine: Quarantine | None
    ) -> tuple[bytes, bytes]:
        until = time.monotonic() + self._limits.patience_s
        while True:
            try:
                return process.communicate(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                self._endure(until, quarantine)

    def _endure(self, until: float, quarantine: Quarantine | None) -> None:
        """Raise when there is no more waiting for git."""
        if self._end.is_set():
            raise _cut()
        if quarantine is not None and quarantine.size() > self._limits.bytes_max:
            raise SourceError(
                f"the remote sent more than {self._limits.bytes_max // 2**20} MiB at once",
                why="so much could fill the disk",
                fix="if that is right, run `git fetch` by hand once; then little is left to bring",
            )
        if time.monotonic() > until + LOOK_S:
            raise BlindError(
                f"the remote took longer than {self._limits.patience_s:g} s",
                why="a slow network, or a very large answer",
                fix="run `git fetch` by hand once; then little is left to bring",
            )


def _cut() -> BlindError:
    return BlindError("the remote was let go of", why="novaorch ends", fix="nothing")
