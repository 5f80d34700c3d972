"""What a look costs: a no-op pass, a cold diff, `--version`."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence

from benchmarks.arena import arena, timed
from reconciler.adapters.tmux.talk import Reply
from reconciler.cli.main import GARBAGE_AFTER
from reconciler.loop.cycle import think
from reconciler.ports import Host
from reconciler.wiring import Wiring


def noop_pass(agents: int, rounds: int) -> tuple[float, float, int]:
    """Return (median seconds of a pass, of `list-panes` alone, tmux round trips a pass)."""
    with arena(agents) as stage:
        stage.run(*stage.novaorch("apply", "--yes"))
        wiring = Wiring(stage.repo, stage.environ)
        ports = wiring.ports(wiring.wishes.read().fleet, on_event=lambda _word: None)
        gc.set_threshold(GARBAGE_AFTER, 20, 100)
        trips = _counted(ports.host)
        think(ports)
        gc.freeze()
        passes = []
        for _ in range(rounds):
            trips.clear()
            start = time.perf_counter()
            thought = think(ports)
            passes.append(time.perf_counter() - start)
            if thought.plan.actions:
                raise SystemExit(f"not a no-op: {thought.plan.actions[0]}")
        ports.host.close()
        alone = [
            timed(stage, *stage.tmux_argv, "list-panes", "-a", "-F", "#{pane_id} #{pane_pid}")
            for _ in range(5)
        ]
        return statistics.median(passes), statistics.median(alone), len(trips)


def _counted(host: Host) -> list[int]:
    """Return a list that grows by one with each question that the host asks its server."""
    trips: list[int] = []
    link = host._link  # type: ignore[attr-defined]
    ask = link.read

    def read(lines: Sequence[str], *, connect: bool) -> list[Reply]:
        trips.append(len(lines))
        answer: list[Reply] = ask(lines, connect=connect)
        return answer

    link.read = read
    return trips


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
