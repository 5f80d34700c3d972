"""One campaign: the desk in one process, the agents in another, and a hand that kills the desk."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.campaign.training.ground import Ground
from tests.campaign.training.oracle import Report, judge

ROOT = Path(__file__).parents[3]
SETTLE_S = 4.0


class Campaign:
    """`agents` work for `seconds`; the desk is killed every `kill_every_s`, 0 for never."""

    def __init__(self, agents: int, seconds: float, *, seed: int, kill_every_s: float = 0) -> None:
        self._agents, self._seconds, self._seed = agents, seconds, seed
        self._kill_every_s, self._chance = kill_every_s, random.Random(seed)
        self._desk: subprocess.Popen[str] | None = None
        self._kills: list[float] = []
        self.left = ""
        """What is in the object store at the end, as git counts it."""

    def run(self) -> Report:
        ground = Ground(self._agents)
        try:
            self._open(ground)
            began = time.monotonic()
            self._work(ground)
            self._close(signal.SIGTERM)
            report = judge(ground, self._kills, time.monotonic() - began)
            ground.git("fsck", "--connectivity-only")
            self.left = " ".join(ground.git("count-objects", "-v").decode().split())
            return report
        finally:
            self._close(signal.SIGKILL)
            ground.close()

    def _open(self, ground: Ground) -> None:
        words = [sys.executable, "-m", "tests.campaign.training.desk", str(ground.config)]
        self._desk = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=_environ(ground)
        )
        assert self._desk.stdout is not None
        assert self._desk.stdout.readline() == "ready\n"

    def _close(self, how: signal.Signals) -> None:
        if self._desk is not None:
            self._desk.send_signal(how)
            self._desk.wait(60)
            if self._desk.stdout is not None:
                self._desk.stdout.close()
            self._desk = None

    def _work(self, ground: Ground) -> None:
        words = [sys.executable, "-m", "tests.campaign.training.agents", str(ground.config)]
        words += [str(self._seconds), str(self._seed)]
        ground.began = time.time()
        agents = subprocess.Popen(words, cwd=ROOT, env=_environ(ground))
        try:
            end = time.monotonic() + self._seconds - SETTLE_S
            while self._kill_every_s and self._waited(agents, end):
                self._kills.append(time.time())
                self._close(signal.SIGKILL)
                self._open(ground)
            assert agents.wait(self._seconds + 60) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                agents.kill()
            agents.wait()

    def _waited(self, agents: subprocess.Popen[bytes], end: float) -> bool:
        """Wait for the next kill; False: it would be too close to the end."""
        at = time.monotonic() + self._kill_every_s * self._chance.uniform(0.5, 1.5)
        if at > end:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            agents.wait(max(0.0, at - time.monotonic()))
            return False
        return True


def _environ(ground: Ground) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return {**keep, "HOME": str(ground.folder), "GIT_CONFIG_NOSYSTEM": "1"}
