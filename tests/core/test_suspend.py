"""Hands off: every kind of move of a suspended unit waits; what was begun is finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.plan import plan
from reconciler.core.suspend import active, line, suspended, with_suspension, without
from reconciler.loop.cycle import act
from reconciler.model.action import Plan, Reason
from reconciler.model.control import Controls, Restraints, Suspension
from reconciler.model.ids import UnitId
from reconciler.model.world import Drain
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, seated, session, session_id, window

A, B = agent_id("a"), agent_id("b")
HOUR = 3600.0


def suspension(bench: Bench, scope: str = "", hours: float = 1) -> Suspension:
    now = bench.clock.now()
    return Suspension(scope, "a demo", "Ada <ada@example.org>", now, now + hours * HOUR)


def planned(bench: Bench, *said_: Suspension) -> Plan:
    scene = bench.think().scene
    return plan(replace(scene, restraints=Restraints(suspensions=said_)))


@pytest.mark.parametrize("scope", ["", "p", "p/agent/a"])
def test_every_kind_of_move_waits_and_says_for_whom_and_how_to_end_it(scope: str) -> None:
    bench = Bench(desired(agent("a")))
    pause = suspension(bench, scope)
    (start,) = planned(bench, pause).actions
    assert start.reason is Reason.SUSPENDED
    assert "by Ada until 20" in start.detail
    assert start.detail.endswith("UTC: a demo")
    assert "ada@" not in start.detail
    assert start.until == pause.until
    assert start.fix == f"novaorch resume {scope}".strip()
    assert start.steps == ()

    bench.run()
    pause = suspension(bench, scope)
    bench.host.exit(A, 1)
    bench.clock.sleep(120)
    assert said(planned(bench, pause).actions) == ["hold agent/a suspended"]
    bench.run()
    for wish in (
        desired(agent("a", "other")),
        desired(agent("a", labels={"x": "y"})),
        desired(agent("a", stopped=True)),
        desired(agent("b"), projects=["p"]),
    ):
        bench.commit(wish)
        held = [a for a in planned(bench, pause).actions if a.unit == A]
        assert [a.reason for a in held] == [Reason.SUSPENDED]


def test_an_adoption_waits() -> None:
    bench = Bench(desired(session("main", window("dev", "vim"), called="old", adopt=True)))
    bench.host.foreign_session("old")
    assert said(bench.plan().actions)[0].startswith("adopt")
    assert {a.reason for a in planned(bench, suspension(bench, "p")).actions} == {Reason.SUSPENDED}


def test_others_go_on() -> None:
    bench = Bench(desired(agent("a"), agent("ab"), agent("c", project="q")))
    moves = planned(bench, suspension(bench, "p/agent/a")).moves
    assert [a.unit for a in moves] == ["p/agent/ab", "q/agent/c"]
    moves = planned(bench, suspension(bench, "p")).moves
    assert [a.unit for a in moves] == ["q/agent/c"]


def test_a_session_covers_its_own_panes_and_no_agent_in_it() -> None:
    torch = seated("torch", "main", "dev")
    bench = Bench(desired(torch, session("main", window("dev", "vim", torch)))).run()
    bench.host.exit(torch.id, 1)
    bench.host.exit("p/session/main/dev.0", 1)
    bench.clock.sleep(120)
    assert said(planned(bench, suspension(bench, session_id("main"))).actions) == [
        "restart agent/torch exited",
        "hold session/main/dev.0 suspended",
    ]
    assert said(planned(bench, suspension(bench, torch.id)).actions) == [
        "restart session/main/dev.0 exited",
        "hold agent/torch suspended",
    ]
    both = planned(bench, suspension(bench, "p"))
    assert both.moves == ()


def test_what_was_begun_is_finished() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "other")))
    bench.once()
    mark = bench.pane(A).mark
    assert mark is not None
    assert mark.drain is not Drain.NONE
    pause = suspension(bench, "p")
    bench.clock.sleep(120)
    (kill,) = planned(bench, pause).actions
    assert kill.continues
    assert kill.steps
    for _ in range(6):
        moves = planned(bench, pause).moves
        if not moves:
            break
        act(bench.ports, moves, bench.told.append)
        bench.clock.sleep(60)
    assert bench.pane(A).mark.digest == bench.wishes.wish.processes[A].digest  # type: ignore[union-attr]
    assert not bench.pane(A).dead


def test_it_ends_by_itself() -> None:
    bench = Bench(desired(agent("a")))
    pause = suspension(bench)
    bench.clock.sleep(HOUR - 0.5)
    assert planned(bench, pause).moves == ()
    bench.clock.sleep(0.5)
    assert said(planned(bench, pause).moves) == ["start agent/a absent"]


def test_a_hold_says_the_end_that_comes_last() -> None:
    bench = Bench(desired(agent("a")))
    short, long = suspension(bench, "p/agent/a"), suspension(bench, "p", hours=2)
    (held,) = planned(bench, short, long).actions
    assert held.until == long.until
    assert held.fix == "novaorch resume p"
    assert suspended((short, long), A, short.since) == long
    assert suspended((short, long), UnitId("q/agent/a"), short.since) is None


def test_a_line_says_it_all() -> None:
    pause = Suspension("", "a demo", "Ada <ada@example.org>", 0.0, 90_000.0)
    assert line(pause, 0.0) == (
        "suspended: the whole fleet by Ada until 1970-01-02 01:00 UTC (1d1h left): a demo"
    )
    assert "(59m left)" in line(replace(pause, until=3600.0), 60.0)
    assert "(0m left)" in line(pause, 90_000.0)


def test_words_replace_each_other_by_scope_and_what_is_over_is_forgotten() -> None:
    old = Suspension("p", "old", "Ada", 0.0, 50.0)
    over = Suspension("q", "over", "Ada", 0.0, 10.0)
    new = Suspension("p", "new", "Bob", 20.0, 90.0)
    fleet = Suspension("", "all", "Bob", 20.0, 90.0)
    controls = Controls(suspensions=(old, over, fleet), version="x")
    made = with_suspension(controls, new)
    assert made.suspensions == (fleet, new)
    assert made.version == "x"
    assert without(made, ["p"], 30.0).suspensions == (fleet,)
    assert without(made, [""], 30.0).suspensions == (new,)
    assert without(made, [], 90.0).suspensions == ()
    assert active((new, over, fleet), 5.0) == (fleet, new, over)
