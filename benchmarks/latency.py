"""From `git commit` starting to the pane's process running, hook and daemon in place."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.arena import Arena, arena, daemon


def measure(live: int, commits: int) -> tuple[list[float], list[float]]:
    """Return (seconds to the running process, seconds that the commit itself took) per commit."""
    with arena(live) as stage:
        stage.run(*stage.novaorch("hooks", "install"))
        with daemon(stage):
            while stage.sessions() < live:
                time.sleep(0.1)
            time.sleep(1)
            with mouth(stage.root / "mouth") as ear:
                pairs = [_one(stage, ear, number) for number in range(commits)]
    return [a for a, _ in pairs], [b for _, b in pairs]


@contextlib.contextmanager
def mouth(path: Path) -> Iterator[int]:
    """Make a FIFO that programs speak into, and return the end that hears."""
    os.mkfifo(path)
    ear = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield ear
    finally:
        os.close(ear)


def _one(stage: Arena, ear: int, number: int) -> tuple[float, float]:
    script = f"echo {number} > {stage.root}/mouth; exec sleep 100000"
    stage.write(f"new{number}", f"sh, -c, '{script}'")
    stage.run("git", "add", "-A")
    return told(stage, ear, number)


def told(stage: Arena, ear: int, number: int) -> tuple[float, float]:
    """Commit what is staged; return seconds until a program spoke, and until git returned."""
    start = time.perf_counter()
    commit = subprocess.Popen(
        ["git", "commit", "-qm", f"agent {number}"], cwd=stage.repo, env=dict(stage.environ)
    )
    committed = 0.0
    while True:
        ready, _, _ = select.select([ear], [], [], 0.001 if not committed else 10)
        if not committed and commit.poll() is not None:
            committed = time.perf_counter() - start
        if ready:
            running = time.perf_counter() - start
            os.read(ear, 100)
            break
        if committed and time.perf_counter() - start > 10:
            raise SystemExit("the agent did not appear in 10 s")
    commit.wait()
    time.sleep(0.05)
    return running, committed or running
