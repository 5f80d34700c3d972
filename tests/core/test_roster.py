"""Who is where, from one photograph: whoever is being ended, or has ended, sits nowhere."""

from __future__ import annotations

from reconciler.core.roster import roster
from reconciler.model.agent import Seat
from reconciler.model.unit import Process
from tests.bench import Bench
from tests.builders import NEVER, agent, agent_id, desired, session, window

A, B = agent_id("a"), agent_id("b")


def seat(bench: Bench, process: Process) -> Seat:
    return roster(bench.think().scene).seats[process.id]


def nowhere(process: Process) -> Seat:
    """The seat of an agent that does not run."""
    launch = process.launch
    return Seat(process.id, launch.persona, process.mode, directory=launch.directory)


def test_who_runs_sits_in_its_pane_since_its_last_start() -> None:
    bench = Bench(desired(agent("a"))).run()
    pane, found = bench.pane(A), seat(bench, agent("a"))
    assert pane.mark is not None
    assert (found.pane, found.pid, found.began) == (pane.pane_id, pane.pid, pane.mark.started)
    assert (found.unit, found.mode, found.directory) == (A, agent("a").mode, "/work")


def test_who_does_not_run_sits_nowhere() -> None:
    once = agent("a", restart=NEVER)
    bench = Bench(desired(once))
    assert seat(bench, once) == nowhere(once)
    bench.run()
    bench.host.exit(A, 0)
    assert seat(bench, once) == nowhere(once)


def test_who_is_asked_to_end_sits_nowhere_until_the_next_start() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new")))
    bench.once()
    assert A in bench.pids()
    assert seat(bench, agent("a", "new")).pane == ""
    bench.clock.sleep(20)
    assert seat(bench.run(), agent("a", "new")).pid == bench.pids()[A]


def test_the_panes_of_a_session_are_no_agents() -> None:
    bench = Bench(desired(agent("b"), session("main", window("dev", "x")))).run()
    found = roster(bench.think().scene)
    assert list(found.seats) == [B]
    assert (found.fleet, found.commit) == ("f", bench.wishes.wish.commit)
