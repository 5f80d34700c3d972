"""What a look costs: a no-op pass, a cold diff, `--version`."""

from __future__ import annotations

import statistics
import time

from benchmarks.arena import arena, timed
from reconciler.loop.cycle import think
from reconciler.wiring import Wiring


def noop_pass(agents: int, rounds: int) -> tuple[float, float, int]:
    """Return (median seconds of a pass, of `list-panes` alone, tmux round trips a pass)."""
    with arena(agents) as stage:
        stage.run(*stage.novaorch("apply", "--yes"))
        wiring = Wiring(stage.repo, stage.environ)
        ports = wiring.ports(wiring.wishes.read().fleet)
        ports.host.photograph(0.0)
        passes, trips = [], 0
        for _ in range(rounds):
            before = ports.host.round_trips
            start = time.perf_counter()
            thought = think(ports)
            passes.append(time.perf_counter() - start)
            trips = ports.host.round_trips - before
            if thought.plan.actions:
                raise SystemExit(f"not a no-op: {thought.plan.actions[0]}")
        ports.host.close()
        alone = [
            timed(stage, *stage.tmux_argv, "list-panes", "-a", "-F", "#{pane_id} #{pane_pid}")
            for _ in range(5)
        ]
        return statistics.median(passes), statistics.median(alone), trips


def cold_diff(agents: int, rounds: int) -> tuple[float, float]:
    """Return median seconds of `novaorch diff` as a whole process: nothing runs, all runs."""
    with arena(agents) as stage:
        stage.run(*stage.novaorch("validate"))
        absent = [timed(stage, *stage.novaorch("diff")) for _ in range(rounds)]
        stage.run(*stage.novaorch("apply", "--yes"))
        present = [timed(stage, *stage.novaorch("diff")) for _ in range(rounds)]
        return statistics.median(absent), statistics.median(present)


def version(rounds: int) -> float:
    """Return the median seconds of `novaorch --version`."""
    with arena() as stage:
        argv = stage.novaorch("--version")
        return statistics.median(timed(stage, argv[0], "--version") for _ in range(rounds))
