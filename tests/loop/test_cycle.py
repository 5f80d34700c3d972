"""One pass: read once, think, act, tell."""

from __future__ import annotations

import pytest

from reconciler.loop.cycle import act, consider, think
from reconciler.model.problems import BlindError
from reconciler.model.step import MarkPane, Respawn
from reconciler.ports import Order
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, seated, session, window

A = agent_id("a")


def test_thinking_touches_nothing_and_says_the_same_twice() -> None:
    bench = Bench(desired(agent("a"), agent("b")))
    first, second = think(bench.ports), think(bench.ports)
    assert first.plan == second.plan
    assert first.desired is bench.wishes.wish
    assert bench.host.orders == []
    assert consider(bench.ports, bench.wishes.wish).plan == first.plan


def test_a_fleet_as_wished_is_one_look_and_no_question() -> None:
    bench = Bench(desired(agent("a"))).run()

    def never(*_: object) -> object:
        raise AssertionError("nobody needs to know")

    bench.host.applied = never  # type: ignore[assignment,method-assign]
    bench.host.refusals = never  # type: ignore[assignment,method-assign]
    assert bench.plan().actions == ()


def test_one_wave_is_one_call_and_each_outcome_is_told_in_order() -> None:
    torch = seated("torch", "main", "dev", after=["a"])
    bench = Bench(desired(agent("a"), agent("b"), torch, session("main", window("dev", torch))))
    calls: list[list[Order]] = []
    perform = bench.host.perform

    def counted(orders: list[Order]) -> object:
        calls.append(list(orders))
        return perform(orders)

    bench.host.perform = counted  # type: ignore[assignment,method-assign]
    outcomes = bench.once()
    assert [sorted(order.unit.name for order in call) for call in calls] == [
        ["a", "b", "main"],
        ["torch"],
    ]
    assert bench.told == outcomes
    assert all(outcome.ok for outcome in outcomes)


def test_the_hour_of_acting_is_the_hour_in_the_mark() -> None:
    bench = Bench(desired(agent("a")))
    thought = bench.think()
    bench.clock.sleep(90)
    act(bench.ports, thought.plan.moves, bench.told.append)
    mark = bench.pane(A).mark
    assert mark is not None
    assert mark.started == int(bench.clock.now())


def test_a_wave_without_a_due_action_asks_nothing_of_the_host() -> None:
    bench = Bench(desired(agent("a"), agent("b", after=["a"])))
    bench.host.fail_in = 0
    outcomes = bench.once()
    assert [order.unit for order in bench.host.orders] == [A]
    assert [outcome.ok for outcome in outcomes] == [False, False]


def test_a_host_that_goes_blind_in_the_middle_is_an_error_and_the_next_look_goes_on() -> None:
    bench = Bench(desired(agent("a"), agent("b", after=["a"])))
    moves = bench.plan().moves

    def told(outcome: object) -> None:
        bench.host.blind = True

    with pytest.raises(BlindError):
        act(bench.ports, moves, told)
    bench.host.blind = False
    assert said(bench.plan().actions) == ["start agent/b absent"]


def test_every_order_of_a_pane_expects_that_very_pane() -> None:
    bench = Bench(desired(agent("a"), agent("b"), agent("c"))).run()
    bench.host.exit("p/agent/c", 1)
    bench.commit(desired(agent("a", "new"), agent("c")))
    for action in bench.plan().moves:
        panes = {getattr(s, s.__match_args__[0]) for s in action.steps}
        assert panes <= {e.pane_id for e in action.expects}, action
        assert any(isinstance(s, MarkPane | Respawn) for s in action.steps)
