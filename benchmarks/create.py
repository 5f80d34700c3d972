"""500 sessions from nothing: novaorch, raw tmux, a libtmux loop, tmuxp load."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.arena import Arena, arena, timed
from reconciler.loop.cycle import act, think
from reconciler.wiring import Wiring

COLUMNS, ROWS = 200, 50
LIBTMUX = """
import sys, libtmux
server = libtmux.Server(socket_name=sys.argv[1])
for number in range(int(sys.argv[2])):
    server.new_session(
        session_name=f"s{number}", attach=False, x=200, y=50, window_command="sleep 100000"
    )
"""


def measure(count: int, rounds: int) -> list[tuple[str, float]]:
    """Return (who, median seconds) of each way to make `count` sessions."""
    ways = {
        "raw tmux source-file": _raw,
        "novaorch, the plan carried out": _act,
        "novaorch apply (whole process)": _apply,
        "libtmux new_session loop": _libtmux,
        "tmuxp load": _tmuxp,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    with arena(count) as stage:
        stage.run(*stage.novaorch("validate"))
        for turn in range(rounds):
            for name, way in ways.items():
                if turn and way in (_libtmux, _tmuxp):
                    continue  # one round says enough of what takes ten times as long
                found[name].append(way(stage, count))
                if stage.sessions() < count:
                    raise SystemExit(f"{name} made {stage.sessions()} of {count} sessions")
                stage.kill_server()
    return [(name, sorted(times)[len(times) // 2]) for name, times in found.items()]


def _server(stage: Arena) -> None:
    """Every way but novaorch's own finds a server that runs already, as a courtesy."""
    stage.run(*stage.tmux_argv, "-f", "/dev/null", "new-session", "-d", "-s", "first", "sleep 1d")


def _raw(stage: Arena, count: int) -> float:
    batch = stage.root / "batch.tmux"
    line = f"new-session -d -x {COLUMNS} -y {ROWS} -s s{{}} sleep 100000\n"
    batch.write_text("".join(line.format(number) for number in range(count)))
    _server(stage)
    return timed(stage, *stage.tmux_argv, "source-file", str(batch))


def _act(stage: Arena, _count: int) -> float:
    """What a running daemon needs for it: the plan is made, nothing is there."""
    wiring = Wiring(stage.repo, stage.environ)
    ports = wiring.ports(wiring.wishes.read().fleet)
    plan = think(ports).plan
    start = time.perf_counter()
    act(ports, plan.moves, lambda _outcome: None)
    seconds = time.perf_counter() - start
    ports.host.close()
    wiring.close()
    return seconds


def _apply(stage: Arena, _count: int) -> float:
    return timed(stage, *stage.novaorch("apply", "--yes"))


def _libtmux(stage: Arena, count: int) -> float:
    _server(stage)
    return timed(stage, sys.executable, "-c", LIBTMUX, stage.socket, str(count))


def _tmuxp(stage: Arena, count: int) -> float:
    folder = stage.root / "tmuxp"
    folder.mkdir(exist_ok=True)
    files = []
    for number in range(count):
        path = folder / f"s{number}.yaml"
        path.write_text(
            f"session_name: s{number}\nwindows:\n- window_name: w\n  window_shell: sleep 100000\n"
            "  panes:\n  - blank\n"
        )
        files.append(str(path))
    _server(stage)
    tmuxp = str(Path(sys.executable).parent / "tmuxp")
    start = time.perf_counter()
    stage.run(tmuxp, "load", "-d", "-y", "-L", stage.socket, *files)
    return time.perf_counter() - start
