"""`after` means after, in plans and in what is carried out."""

from __future__ import annotations

import time

from reconciler.core.order import waves
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from tests.bench import Bench, said
from tests.builders import ALWAYS, NEVER, agent, agent_id, desired, lone, seated, session, window

A, B, C = agent_id("a"), agent_id("b"), agent_id("c")


def test_starts_come_in_the_order_of_their_needs_whatever_their_names() -> None:
    wish = desired(agent("a", after=["b"]), agent("b", after=["c"]), agent("c"))
    plan = Bench(wish).plan()
    assert [action.unit for action in plan.moves] == [C, B, A]
    assert [[a.unit for a in wave] for wave in waves(plan.moves)] == [[C], [B], [A]]


def test_what_runs_already_is_no_wait() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a"), agent("b", after=["a"])))
    (start,) = bench.plan().moves
    assert (start.unit, start.needs) == (B, (A,))


def test_who_waits_for_a_fallen_one_waits_although_its_session_is_there() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.exit(A, 1)
    bench.once()
    bench.host.exit(A, 1)
    bench.commit(desired(agent("a"), agent("b", after=["a"])))
    plan = bench.plan()
    assert said(plan.actions) == ["hold agent/a backing-off", "hold agent/b dependency-not-ready"]
    hold = plan.actions[1]
    assert (hold.detail, hold.steps, hold.expects) == ("waits for p/agent/a", (), ())


def test_a_settings_change_of_a_fallen_one_lets_nobody_through() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.exit(A, 1)
    bench.once()
    bench.host.exit(A, 1)
    frames = [lone(agent("a"), columns=90)]
    bench.commit(desired(agent("a"), agent("b", after=["a"]), frames=frames))
    assert said(bench.plan().actions) == [
        "update agent/a changed",
        "hold agent/a backing-off",
        "hold agent/b dependency-not-ready",
    ]


def test_who_comes_after_one_that_is_restarted_waits_for_the_new_one() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "new"), agent("b", after=["a"])))
    assert said(bench.plan().actions) == [
        "restart agent/a changed",
        "hold agent/b dependency-not-ready",
    ]
    bench.once()
    assert said(bench.plan().actions) == ["restart agent/a drained", "start agent/b absent"]
    bench.run()
    assert bench.host.starts == {A: 2, B: 1}


def test_nobody_comes_after_one_that_is_to_be_stopped() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", stopped=True), agent("b", after=["a"])))
    assert said(bench.plan().actions) == [
        "stop agent/a stopped-by-wish",
        "hold agent/b dependency-not-ready",
    ]


def test_a_job_that_ended_well_lets_others_through_and_one_that_failed_does_not() -> None:
    for restart, status, through in ((NEVER, 0, True), (NEVER, 1, False), (ALWAYS, 0, False)):
        bench = Bench(desired(agent("a", restart=restart))).run()
        bench.once()
        bench.host.exit(A, status)
        bench.host.refused[A] = ("no", "yes")
        bench.commit(desired(agent("a", restart=restart), agent("b", after=["a"])))
        started = [a.unit for a in bench.plan().moves]
        assert (B in started) is through, (restart, status)


def test_a_hold_holds_whatever_needs_it_in_turn() -> None:
    wish = desired(agent("a"), agent("b", after=["a"]), agent("c", after=["b"]), agent("d"))
    bench = Bench(wish)
    bench.host.refused[A] = ("no such command", "install it")
    plan = bench.plan()
    assert said(plan.actions) == [
        "start agent/d absent",
        "hold agent/a cannot-start",
        "hold agent/b dependency-not-ready",
        "hold agent/c dependency-not-ready",
    ]
    assert plan.actions[2].detail == "waits for p/agent/a"


def test_a_circle_waits_for_ever_and_harms_nobody() -> None:
    wish = desired(agent("a", after=["b"]), agent("b", after=["a"]), agent("c"))
    plan = Bench(wish).plan()
    assert [a.unit for a in plan.moves] == [C]
    assert {a.reason for a in plan.holds} == {Reason.DEPENDENCY}


def test_what_is_made_comes_before_what_goes_and_starts_come_last() -> None:
    old = desired(agent("gone"), agent("hot"), agent("new"), session("main", window("w", "x")))
    bench = Bench(old).run()
    bench.commit(
        desired(
            agent("fresh"),
            agent("hot", labels={"x": "1"}),
            agent("new", "other"),
            session("main", window("w", "y")),
        )
    )
    verbs = [action.verb.value for action in bench.plan().moves]
    assert verbs == ["update", "update", "stop", "restart", "restart", "start"]


def test_agents_of_a_session_wait_for_it_and_for_each_other() -> None:
    a, b = seated("a", "main", "w", after=["b"]), seated("b", "main", "w")
    bench = Bench(desired(session("main", window("w", a, b)), a, b))
    plan = bench.plan()
    assert [[action.unit.name for action in wave] for wave in waves(plan.moves)] == [
        ["main"],
        ["b"],
        ["a"],
    ]


def test_what_needs_a_failed_one_is_not_begun() -> None:
    a, b = seated("a", "main", "w"), agent("b", after=["a"])
    bench = Bench(desired(session("main", window("w", a)), a, b, agent("z")))
    bench.host.fail_in = 1  # after z
    outcomes = {o.action.unit: o for o in bench.once()}
    assert [unit.name for unit, outcome in outcomes.items() if outcome.ok] == ["z"]
    assert outcomes[A].error == "not begun: p/session/main failed"
    assert outcomes[B].error == "not begun: p/agent/a failed"
    assert outcomes[B].fix == "mend that one first"


def test_a_chain_of_ten_thousand_is_no_recursion_and_no_hour() -> None:
    chain = [agent("n0")]
    chain += [agent(f"n{i}", after=[f"n{i - 1}"]) for i in range(1, 10_000)]
    bench = Bench(desired(*reversed(chain)))
    start = time.process_time()
    plan = bench.plan()
    cut = waves(plan.moves)
    assert time.process_time() - start < 8
    assert len(cut) == 10_000
    assert [wave[0].unit for wave in cut[:3]] == [agent_id("n0"), agent_id("n1"), agent_id("n2")]


def test_a_stop_of_a_double_is_no_level_of_its_unit() -> None:
    def move(verb: Verb, unit: UnitId, *needs: UnitId) -> Action:
        return Action(verb, unit, Reason.ABSENT, needs=needs)

    moves = (
        move(Verb.STOP, A),
        move(Verb.START, C),
        move(Verb.START, A, C),
        move(Verb.START, B, A),
    )
    assert [[(a.verb.value, a.unit) for a in wave] for wave in waves(moves)] == [
        [("stop", A), ("start", C)],
        [("start", A)],
        [("start", B)],
    ]
