"""Print the table: `python -m benchmarks [--quick] [PART ...]`, all parts when none is named."""

from __future__ import annotations

import sys

from benchmarks import create, heal, idle, latency, messages, weight, why
from benchmarks.arena import quantile


def main(words: list[str]) -> None:
    """Run the chosen measurements, or all."""
    quick = "--quick" in words
    chosen = [word for word in words if not word.startswith("-")]
    parts = {
        "create": _create,
        "latency": _latency,
        "idle": _idle,
        "heal": _heal,
        "weight": _weight,
        "messages": _messages,
        "why": _why,
    }
    for name, part in parts.items():
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


def _heal(quick: bool) -> None:
    live, kills = (50, 10) if quick else (500, 100)
    ours, floor = heal.panes(live, kills)
    print(f"\nkilled process -> running again, {live} agents live, {kills} kills")
    for name, values in (("novaorch", ours), ("a bare respawn-pane, told which", floor)):
        p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
        print(f"  {name:<32} p50 {p50 * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms")
    agents = 20 if quick else 100
    print(f"  killed server, {agents} agents all back {heal.server(agents):8.2f} s")


def _weight(quick: bool) -> None:
    agents, seconds, commits = (100, 10.0, 10) if quick else (1000, 60.0, 60)
    weight_ = weight.idle(agents, seconds)
    print(f"\ndaemon with {agents} agents and nothing to do, {weight_.seconds:.0f} s")
    print(f"  resident {weight_.megabytes:.0f} MB, {weight_.percent:.2f} % of a core,", end="")
    print(f" {weight_.spawned} processes begun")
    values = weight.changed(agents, commits)
    p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
    print(f"  1 changed file of {agents} -> running anew, {commits} commits")
    print(f"  {'novaorch':<32} p50 {p50 * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms")


def _messages(quick: bool) -> None:
    agents, count, real = (20, 60, 10) if quick else (100, 500, 50)
    made = messages.measure(agents, count, real)
    print(f"\nmessages, {agents} idle agents")
    rows = (
        ("accepted by the store", made.broker),
        ("the same, in one burst", made.burst),
        ("accepted -> text in an idle pane", made.typed),
        ("accepted -> given to its model", made.given),
        ("as peers do -> text in the pane", made.peers_typed),
        ("as peers do -> given to its model", made.peers_given),
        ("real agent: accepted -> submitted", made.real),
        ("real agent: accepted -> model asked", made.real_asked),
        ("real agent, as peers do -> asked", made.peers_asked),
    )
    for name, values in rows:
        if values:
            p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
            said = f"p50 {p50 * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms   n {len(values)}"
            print(f"  {name:<36} {said}")
    if made.missing:
        print(f"  no real agent: {made.missing}")


def _why(quick: bool) -> None:
    commits, rounds = (2_000, 5) if quick else (10_000, 20)
    rows = why.measure(commits, rounds)
    print(f"\nwhy FILE:LINE, whole process, {commits} commits")
    for row in rows:
        ours, blame, log = (quantile(v, 0.5) for v in (row.ours, row.blame, row.log))
        worst = max(row.ours)
        print(f"  {row.name:<40} p50 {ours * 1e3:4.0f} ms   worst {worst * 1e3:4.0f} ms", end="")
        print(f"   first ask {row.first * 1e3:5.0f} ms   git blame {blame * 1e3:4.0f} ms", end="")
        print(f" ({ours / blame:.2f} x)   git log -L {log * 1e3:5.0f} ms ({ours / log:.2f} x)")


main(sys.argv[1:])
