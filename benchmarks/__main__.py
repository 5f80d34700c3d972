"""Print the table. `python -m benchmarks [--quick] [create|latency|idle ...]`."""

from __future__ import annotations

import sys

from benchmarks import create, idle, latency
from benchmarks.arena import quantile


def main(words: list[str]) -> None:
    """Run the chosen measurements, or all."""
    quick = "--quick" in words
    chosen = [word for word in words if not word.startswith("-")]
    for name, part in (("create", _create), ("latency", _latency), ("idle", _idle)):
        if not chosen or name in chosen:
            part(quick)


def _create(quick: bool) -> None:
    count = 100 if quick else 500
    rows = create.measure(count, 1 if quick else 5)
    base, ours = rows[0][1], rows[2][1]
    print(f"\n{count} sessions from nothing")
    for name, seconds in rows:
        print(f"  {name:<32} {seconds:8.3f} s   {seconds / base:6.2f} x raw", end="")
        print(f"   novaorch is {seconds / ours:5.1f} x as fast")


def _latency(quick: bool) -> None:
    live, commits = (50, 10) if quick else (200, 100)
    running, committed = latency.measure(live, commits)
    print(f"\ncommit -> process running, through the hook, {live} agents live, {commits} commits")
    for name, values in (("running", running), ("git commit alone returned", committed)):
        p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
        print(f"  {name:<32} p50 {p50 * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms")


def _idle(quick: bool) -> None:
    agents = 200 if quick else 1000
    seconds, alone, trips = idle.noop_pass(agents, 20)
    print(f"\nno-op pass at {agents} agents")
    print(f"  pass                             {seconds * 1e3:6.1f} ms, {trips} tmux round trips")
    ratio = seconds / alone
    print(f"  list-panes, a client of its own  {alone * 1e3:6.1f} ms   pass = {ratio:.2f} x")
    absent, present = idle.cold_diff(100, 5)
    print("\ncold, whole process")
    print(f"  novaorch diff, 100 agents absent {absent * 1e3:6.0f} ms")
    print(f"  novaorch diff, 100 agents there  {present * 1e3:6.0f} ms")
    print(f"  novaorch --version               {idle.version(7) * 1e3:6.0f} ms")


main(sys.argv[1:])
