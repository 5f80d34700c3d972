"""Without the lease nothing is ended; past a closed window no commit is begun. Healing goes on."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.plan import plan
from reconciler.loop.cycle import act
from reconciler.model.action import Plan, Reason
from reconciler.model.control import Consent, Restraints
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, seated, session, window

A, B = agent_id("a"), agent_id("b")
NO_LEASE, CLOSED = Restraints(leased=False), Restraints(overrun=False)


def planned(bench: Bench, restraints: Restraints, *, now: bool = False) -> Plan:
    scene = bench.think().scene
    return plan(replace(scene, restraints=restraints, consent=Consent(now=now)))


def test_without_the_lease_nothing_is_ended_and_the_rest_goes_on() -> None:
    torch = seated("torch", "main", "dev")
    before = [agent(name) for name in ("a", "b", "c", "d", "e")]
    bench = Bench(desired(*before, torch, session("main", window("dev", "vim", torch)))).run()
    bench.host.exit(agent_id("d"), 1)
    bench.clock.sleep(120)
    bench.commit(
        desired(
            agent("a", "other"),
            agent("b", stopped=True),
            agent("d"),
            agent("e", labels={"x": "y"}),
            agent("new"),
            torch,
            session("main", window("dev", torch)),
        )
    )
    made = planned(bench, NO_LEASE)
    assert {a.unit.name for a in made.holds if a.reason is Reason.NO_LEASE} >= {"a", "b", "c"}
    assert all("nothing is ended until it does" in a.detail for a in made.holds)
    assert set(said(made.moves)) >= {
        "restart agent/d exited",
        "start agent/new absent",
        "update agent/e changed",
    }
    assert not any(a.verb == "stop" for a in made.moves)


def test_without_the_lease_a_new_command_for_what_is_dead_already_ends_nothing() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.exit(A, 1)
    bench.clock.sleep(120)
    bench.commit(desired(agent("a", "other")))
    assert said(planned(bench, NO_LEASE).moves) == ["restart agent/a changed"]


def test_without_the_lease_nothing_is_taken_over() -> None:
    bench = Bench(desired(session("main", window("dev", "vim"), called="old", adopt=True)))
    bench.host.foreign_session("old")
    assert {a.reason for a in planned(bench, NO_LEASE).actions} == {Reason.NO_LEASE}


def test_what_was_begun_is_finished_without_lease_and_window() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "other"), agent("b")))
    bench.once()
    bench.clock.sleep(120)
    for restraints in (NO_LEASE, CLOSED):
        (kill,) = planned(bench, restraints).moves
        assert kill.continues


def test_a_stop_by_wish_that_was_begun_goes_to_its_end() -> None:
    for restraints in (NO_LEASE, CLOSED):
        bench = Bench(desired(agent("a"), agent("b"))).run()
        bench.commit(desired(agent("a", stopped=True), agent("b")))
        bench.once()
        for _ in range(4):
            act(bench.ports, planned(bench, restraints).moves, bench.told.append)
            bench.clock.sleep(5)
        assert set(bench.pids()) == {B}
        assert planned(bench, restraints).actions == ()


def test_past_a_closed_window_no_commit_is_begun_but_falls_are_healed() -> None:
    bench = Bench(desired(agent("a"), agent("b"), agent("c"))).run()
    bench.host.exit(B, 1)
    bench.clock.sleep(120)
    bench.commit(desired(agent("a", labels={"x": "y"}), agent("b")))
    made = planned(bench, CLOSED)
    assert said(made.moves) == ["restart agent/b exited"]
    assert {a.unit.name: a.reason for a in made.holds} == {
        "a": Reason.WINDOW_CLOSED,
        "c": Reason.WINDOW_CLOSED,
    }
    assert {a.fix for a in made.holds} == {"novaorch apply --now"}
    assert len(planned(bench, CLOSED, now=True).moves) == 3
