"""From a death to a new life: one killed pane among many, a killed server with all its agents."""

from __future__ import annotations

import os
import random
import select
import signal
import time

from benchmarks.arena import Arena, arena, daemon
from benchmarks.latency import mouth

PATIENCE_S = 60.0
PAUSE_S = 0.25
"""Between two kills: more than fifty falls in ten seconds would be one cause, and made to wait."""


def panes(live: int, kills: int) -> tuple[list[float], list[float]]:
    """Return seconds from SIGKILL to the new process running: by novaorch, and the bare floor.

    The floor is a tmux client of its own that respawns the pane at once, knowing all beforehand.
    """
    with arena() as stage:
        script = f"echo $$ > {stage.root}/mouth; exec sleep 100000"
        for number in range(live):
            stage.write(f"a{number}", f"sh, -c, '{script}'")
        stage.commit("fleet")
        with mouth(stage.root / "mouth") as ear:
            with daemon(stage):
                _hear(ear, live)
                time.sleep(2)
                ours = [_killed(stage, ear) for _ in range(kills)]
            floor = [_respawned(stage, ear) for _ in range(min(kills, 20))]
    return ours, floor


def server(agents: int) -> float:
    """Return seconds from killing the tmux server to the last of its agents running again."""
    with arena() as stage:
        script = f"echo $$ > {stage.root}/mouth; exec sleep 100000"
        for number in range(agents):
            stage.write(f"a{number}", f"sh, -c, '{script}'")
        stage.commit("fleet")
        with mouth(stage.root / "mouth") as ear, daemon(stage):
            _hear(ear, agents)
            time.sleep(2)
            pid = int(stage.run(*stage.tmux_argv, "display-message", "-p", "#{pid}").stdout)
            start = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            _hear(ear, agents)
            return time.perf_counter() - start


def _hear(ear: int, births: int) -> None:
    """Wait for so many processes to say that they run."""
    heard, end = 0, time.monotonic() + PATIENCE_S
    while heard < births:
        if time.monotonic() > end:
            raise SystemExit(f"only {heard} of {births} came up in {PATIENCE_S:.0f} s")
        if select.select([ear], [], [], 1)[0]:
            heard += os.read(ear, 65536).count(b"\n")


def _victim(stage: Arena) -> tuple[str, int]:
    rows = stage.run(
        *stage.tmux_argv, "list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{@novaorch_pane}"
    )
    chosen = random.choice([row for row in rows.stdout.splitlines() if "agent" in row])
    pane, pid, *_ = chosen.split()
    return pane, int(pid)


def _killed(stage: Arena, ear: int) -> float:
    _, pid = _victim(stage)
    start = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    _hear(ear, 1)
    took = time.perf_counter() - start
    time.sleep(PAUSE_S)
    return took


def _respawned(stage: Arena, ear: int) -> float:
    pane, _ = _victim(stage)
    script = f"echo $$ > {stage.root}/mouth; exec sleep 100000"
    start = time.perf_counter()
    stage.run(*stage.tmux_argv, "respawn-pane", "-k", "-t", pane, "sh", "-c", script)
    _hear(ear, 1)
    return time.perf_counter() - start
