"""An agent whose file cannot be read: its slot is kept, whatever runs there is left alone."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.action import Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Process
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, problem, seated, session, session_id, window

A, OWN = agent_id("a"), UnitId("p/session/main/dev.1")


def wished(a: Process, *others: Process) -> Desired:
    frame = session("main", window("dev", a, "htop"))
    found = desired(frame, a, *others)
    if a.held is None:
        return found
    return replace(found, broken={a.id: a.held}, problems=(a.held,))


def unread() -> Process:
    well = seated("a", "main", "dev")
    return replace(well, held=problem(), digest="", fields=(), launch=replace(well.launch, argv=()))


def test_it_is_held_once_and_nothing_is_touched() -> None:
    bench = Bench(wished(seated("a", "main", "dev"))).run()
    before = bench.pids()
    bench.commit(wished(unread()))
    (action,) = bench.plan().actions
    assert (action.verb, action.unit, action.reason) == (Verb.HOLD, A, Reason.BROKEN)
    assert problem().where in action.detail
    assert bench.run().pids() == before


def test_its_neighbours_are_healed_and_it_is_not() -> None:
    bench = Bench(wished(seated("a", "main", "dev"))).run()
    bench.commit(wished(unread()))
    bench.host.exit("p/agent/a", 1)
    bench.host.exit(OWN, 1)
    bench.run()
    assert set(bench.pids()) == {OWN}
    assert bench.host.starts[A] == 1


def test_where_it_never_ran_its_slot_is_kept_until_it_is_mended() -> None:
    bench = Bench(wished(unread())).run()
    assert bench.shape() == {"p/main": [("dev", ["[a]✗", "main/dev.1"])]}
    bench.run(wished(seated("a", "main", "dev")))
    assert bench.shape() == {"p/main": [("dev", ["a", "main/dev.1"])]}


def test_mended_without_a_change_it_goes_on_and_with_one_it_is_restarted() -> None:
    bench = Bench(wished(seated("a", "main", "dev"))).run()
    pid = bench.pids()[A]
    bench.run(wished(unread())).run(wished(seated("a", "main", "dev")))
    assert bench.pids()[A] == pid
    bench.run(wished(seated("a", "main", "dev", command="other")))
    assert bench.pids()[A] != pid


def test_what_waits_for_it_starts_while_it_runs() -> None:
    bench = Bench(wished(seated("a", "main", "dev"))).run()
    bench.run(wished(unread(), agent("b", after=["a"])))
    assert agent_id("b") in bench.pids()
    fresh = Bench(wished(unread(), agent("b", after=["a"])))
    assert "hold agent/b dependency-not-ready" in said(fresh.plan().actions)


def test_a_live_session_is_not_adopted_while_a_file_of_it_has_an_error() -> None:
    bench = Bench(desired())
    bench.host.foreign_session("p/main")
    frame, owns = session("main", window("dev", unread()), adopt=True)
    bench.commit(desired((frame, owns), unread()))
    holds = {action.unit: action for action in bench.plan().actions}
    assert holds[session_id("main")].verb is Verb.HOLD
    assert "has an error" in holds[session_id("main")].detail


def test_whom_only_an_unread_session_seats_stays_where_it_is() -> None:
    """Nothing of its own says where it lives, so for as long as nobody knows it is not moved."""
    bench = Bench(wished(seated("a", "main", "dev"))).run()
    before = bench.pids()
    lost = replace(
        desired(agent("a", command="other"), agent("c")),
        broken={session_id("main"): problem()},
        problems=(problem(),),
    )
    bench.run(lost)
    assert bench.pids().items() >= before.items()
    assert agent_id("c") in bench.pids()
    holds = {a.unit: a.reason for a in bench.plan().actions if a.verb is Verb.HOLD}
    assert holds[A] is Reason.BROKEN
    bench.run(wished(seated("a", "main", "dev")))
    assert bench.pids()[A] == before[A]
