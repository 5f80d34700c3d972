"""Nothing is stopped on bad evidence, and not much at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.action import Reason, Verb
from reconciler.model.fleet import FleetSettings
from reconciler.model.unit import Desired
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, problem, seated, session, warning, window


def fleet(*numbers: int, **more: object) -> Desired:
    return desired(*(agent(f"a{n}") for n in numbers), **more)  # type: ignore[arg-type]


def test_a_removed_agent_is_asked_to_end_then_its_pane_goes() -> None:
    bench = Bench(fleet(0, 1)).run()
    bench.commit(fleet(1))
    (stop,) = bench.plan().actions
    assert (stop.verb, stop.reason, stop.unit) == (Verb.STOP, Reason.REMOVED, agent_id("a0"))
    bench.once()
    (close,) = bench.plan().actions
    assert (close.reason, close.continues) == (Reason.DRAINED, True)
    bench.run()
    assert list(bench.shape()) == ["p/a1"]


def test_nothing_is_stopped_while_a_file_has_an_error_and_a_warning_is_none() -> None:
    bench = Bench(fleet(0, 1)).run()
    bench.commit(fleet(1, problems=(problem(),)))
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.steps) == (Verb.HOLD, Reason.UNSETTLED, ())
    assert "p/agents/bad.yaml:4:2" in hold.detail
    assert hold.fix == "novaorch validate"
    bench.commit(fleet(1, problems=(warning(),)))
    assert said(bench.plan().actions) == ["stop agent/a0 removed"]


def test_a_broken_file_holds_its_own_unit_and_says_where() -> None:
    bench = Bench(fleet(0, 1)).run()
    bad = problem("p/agents/a0.yaml")
    bench.commit(fleet(1, 2, problems=(bad,), broken={agent_id("a0"): bad}))
    plan = bench.plan()
    assert said(plan.actions) == ["start agent/a2 absent", "hold agent/a0 broken-manifest"]
    hold = plan.actions[1]
    assert (hold.detail, hold.fix) == (f"{bad.where}: not a number", "write one")
    assert hold.source is not None
    assert (hold.source.path, hold.source.line) == ("p/agents/a0.yaml", 4)


def test_a_broken_file_holds_its_replicas_too() -> None:
    bench = Bench(desired(agent("r-0"), agent("r-1"), agent("x"))).run()
    bad = problem("p/agents/r.yaml")
    bench.commit(desired(agent("x"), problems=(bad,), broken={agent_id("r"): bad}))
    assert said(bench.plan().actions) == [
        "hold agent/r broken-manifest",
        "hold agent/r-0 broken-manifest",
        "hold agent/r-1 broken-manifest",
    ]


def test_a_stop_that_began_goes_on_although_a_file_has_an_error_now() -> None:
    bench = Bench(fleet(0, 1)).run()
    bench.commit(fleet(1))
    bench.once()
    bench.commit(fleet(1, problems=(problem(),)))
    assert said(bench.plan().moves) == ["stop agent/a0 drained"]


def test_an_emptied_folder_stops_nothing_by_itself() -> None:
    bench = Bench(fleet(0, 1)).run()
    bench.commit(desired())
    plan = bench.plan()
    assert said(plan.actions) == ["hold agent/a0 nothing-desired", "hold agent/a1 nothing-desired"]
    word = plan.actions[0].fix.rpartition(" ")[2]
    assert plan.actions[0].fix == f"novaorch apply --confirm {word}"
    assert said(bench.plan(word).moves) == ["stop agent/a0 removed", "stop agent/a1 removed"]


def test_a_vanished_project_stops_nothing_by_itself() -> None:
    bench = Bench(desired(agent("a"), agent("b", project="q"), projects=("p", "q"))).run()
    bench.commit(desired(agent("a")))
    (hold,) = bench.plan().actions
    assert (hold.reason, hold.detail) == (Reason.PROJECT_GONE, "the whole folder q/ is gone")
    bench.commit(desired(agent("a"), projects=("p", "q")))
    assert said(bench.plan().actions) == ["stop agent/b removed"]


@pytest.mark.parametrize(
    ("total", "removed", "held"),
    [(10, 5, False), (10, 6, True), (50, 10, False), (50, 11, True)],
)
def test_many_stops_at_once_want_a_confirmation(total: int, removed: int, held: bool) -> None:
    bench = Bench(fleet(*range(total))).run()
    bench.commit(fleet(*range(removed, total)))
    plan = bench.plan()
    assert len(plan.holds if held else plan.moves) == removed
    assert not (plan.moves if held else plan.holds)
    if held:
        assert {a.reason for a in plan.holds} == {Reason.TOO_MANY_STOPS}
        limit = max(5, total // 5)
        assert plan.holds[0].detail == f"{removed} stops in one plan, more than {limit} of {total}"


def test_the_limit_is_the_fleet_s_own() -> None:
    strict = FleetSettings("f", stops_count_max=0, stops_percent_max=0)
    bench = Bench(fleet(0, 1)).run()
    bench.commit(fleet(1, fleet=strict))
    assert [a.reason for a in bench.plan().holds] == [Reason.TOO_MANY_STOPS]


def test_a_confirmation_is_for_exactly_these_stops_of_these_processes() -> None:
    bench = Bench(fleet(*range(10))).run()
    bench.commit(fleet(9))
    word = bench.plan().holds[0].fix.rpartition(" ")[2]
    assert len(bench.plan(word).moves) == 9
    assert not bench.plan("").moves
    assert not bench.plan(word[:-1]).moves
    bench.commit(fleet(8, 9))
    assert not bench.plan(word).moves
    bench.commit(fleet(9))
    bench.host.exit(agent_id("a0"))
    bench.commit(fleet(*range(10)))
    bench.run()
    bench.commit(fleet(9))
    assert not bench.plan(word).moves, "another process is in that pane now"


def test_panes_of_a_session_that_lives_on_count_one_by_one_a_removed_session_once() -> None:
    many = session("main", window("dev", *(f"c{n}" for n in range(7))))
    bench = Bench(desired(many, agent("x"))).run()
    bench.commit(desired(session("main", window("dev", "c0")), agent("x")))
    plan = bench.plan()
    assert len(plan.holds) == 6
    assert plan.holds[0].detail == "6 stops in one plan, more than 5 of 8"
    bench.commit(desired(agent("x")))
    (stop,) = bench.plan().actions
    assert (stop.reason, stop.detail, len(stop.expects)) == (Reason.REMOVED, "7 panes", 7)


def test_moves_that_stop_nothing_are_never_refused() -> None:
    bench = Bench(fleet(0, 1)).run()
    changed = desired(agent("a0", "new"), agent("a1", stopped=True), problems=(problem(),))
    bench.commit(changed)
    assert said(bench.plan().moves) == ["stop agent/a1 stopped-by-wish", "restart agent/a0 changed"]


def test_a_stubborn_removed_process_has_its_grace_even_with_a_new_daemon() -> None:
    bench = Bench(fleet(0, 1)).run()
    bench.host.stubborn.add(agent_id("a0"))
    bench.commit(fleet(1))
    bench.once()
    (hold,) = bench.plan().actions
    assert (hold.reason, hold.until) == (Reason.DRAINING, int(bench.clock.now()) + 15)
    bench.clock.sleep(15)
    (kill,) = bench.plan().actions
    assert (kill.verb, kill.reason) == (Verb.STOP, Reason.DRAIN_OVERDUE)
    assert kill.detail == "did not end in its grace"
    bench.run()
    assert list(bench.shape()) == ["p/a1"]


def test_who_shares_a_session_and_cannot_be_read_keeps_place_and_process() -> None:
    torch = seated("torch", "main", "dev")
    bench = Bench(desired(session("main", window("dev", "a", torch)), torch)).run()
    before = bench.pane(torch.id)
    bad = problem("p/agents/torch.yaml")
    lost = replace(torch, fields=(), digest="", held=bad)
    wish = desired(
        session("main", window("dev", "b", "a", lost)),
        lost,
        problems=(bad,),
        broken={torch.id: bad},
    )
    bench.commit(wish)
    assert "hold agent/torch broken-manifest" in said(bench.plan().actions)
    assert torch.id not in {action.unit for action in bench.plan().moves}
    bench.once()
    assert bench.pane(torch.id) == replace(before, index=2)
    assert bench.plan().moves == ()
