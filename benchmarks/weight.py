"""What a daemon weighs that has nothing to do, and what one changed file among many costs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arena import Arena, arena, daemon
from benchmarks.latency import mouth, told

PAUSE_S = 0.3
"""Between two commits: without it each waits for what the one before still has to write down."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Weight:
    """One idle daemon: resident MB, percent of a core, processes it began, over `seconds`."""

    megabytes: float
    percent: float
    spawned: int
    seconds: float


def idle(agents: int, seconds: float) -> Weight:
    """Watch a daemon that keeps so many agents for a while."""
    with arena(agents) as stage, daemon(stage) as child:
        while stage.sessions() < agents:
            time.sleep(0.2)
        time.sleep(8)
        stat = Path(f"/proc/{child.pid}/stat")
        before, reaped = _times(stat)
        seen: set[str] = set(_children(child.pid))
        fresh: set[str] = set()
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            fresh |= set(_children(child.pid)) - seen
            time.sleep(0.02)
        after, reaped_after = _times(stat)
        took = time.monotonic() - start
        spawned = len(fresh) + (reaped_after != reaped)
        return Weight(_resident(child.pid), 100 * (after - before) / took, spawned, took)


def _times(stat: Path) -> tuple[float, int]:
    """Return (seconds of CPU, page faults of children that ended: they tell of any child)."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[8]) + int(fields[10])


def _children(pid: int) -> list[str]:
    found: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    return found


def _resident(pid: int) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmRSS")) / 1024


def changed(agents: int, commits: int) -> list[float]:
    """Return seconds from `git commit` starting to one changed agent of many running anew."""
    with arena(agents) as stage:
        stage.run(*stage.novaorch("hooks", "install"))
        with daemon(stage):
            while stage.sessions() < agents:
                time.sleep(0.2)
            time.sleep(3)
            with mouth(stage.root / "mouth") as ear:
                return [_change(stage, ear, number) for number in range(commits)]


def _change(stage: Arena, ear: int, number: int) -> float:
    script = f"echo {number} > {stage.root}/mouth; exec sleep 100000"
    stage.write(f"a{number}", f"sh, -c, '{script}'")
    stage.run("git", "add", "-A")
    running, _ = told(stage, ear, number)
    time.sleep(PAUSE_S)
    return running
