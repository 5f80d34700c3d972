"""Apply: exactly the printed plan, its drains to their end, and a fresh look before saying so."""

from __future__ import annotations

import pytest

from reconciler.core.plan import fingerprint
from reconciler.core.stamp import stamp
from reconciler.loop.converge import converge, select
from reconciler.loop.cycle import Thought, act
from reconciler.model.action import Plan
from reconciler.model.problems import BlindError, StalePlanError
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, lone, seated, session, window

A = agent_id("a")


def test_apply_follows_a_restart_to_its_end_and_a_second_plan_is_empty() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", "new"), agent("c", after=["a"])))
    done = bench.apply()
    assert not done.failed
    assert [o.action.reason.value for o in done.outcomes] == [
        "removed",
        "changed",
        "drained",
        "drained",
        "absent",
    ]
    assert done.after.plan.actions == ()
    assert bench.plan().moves == ()


def test_apply_waits_for_a_stubborn_process_and_no_longer_than_its_limit() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new", grace=5)))
    start = bench.clock.now()
    assert bench.apply().after.plan.actions == ()
    assert 5 <= bench.clock.now() - start < 6
    bench.commit(desired(agent("a", "newer", grace=500)))
    done = converge(bench.ports, bench.think(), bench.told.append, limit_s=10)
    assert said(done.after.plan.actions) == ["hold agent/a draining"]
    assert bench.clock.now() - start < 20


def test_apply_leaves_to_the_next_one_what_its_plan_did_not_name() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", "new"), agent("b")))
    thought = bench.think()
    bench.host.exit("p/agent/b", 1)
    done = converge(bench.ports, thought, bench.told.append)
    assert {o.action.unit for o in done.outcomes} == {A}
    assert said(done.after.plan.actions) == ["restart agent/b exited"]


def test_apply_does_not_run_after_one_that_falls_at_once() -> None:
    bench = Bench(desired(agent("a")))
    bench.host.doomed[A] = 1
    done = bench.apply()
    assert bench.host.starts[A] == 1
    assert said(done.after.plan.actions) == ["restart agent/a exited"]


def test_apply_stops_after_a_failure_and_tells_it() -> None:
    bench = Bench(desired(agent("a"), agent("b")))
    bench.host.fail_in = 0
    done = bench.apply()
    assert [(o.action.unit, o.ok) for o in done.outcomes] == [(A, False), (agent_id("b"), True)]
    assert [o.action.unit for o in done.failed] == [A]
    assert bench.told == list(done.outcomes)
    assert said(done.after.plan.actions) == ["start agent/a absent"]


def test_a_new_window_in_the_middle_is_put_in_order_within_the_same_apply() -> None:
    bench = Bench(desired(session("main", window("a", "a"), window("c", "c")))).run()
    bench.commit(desired(session("main", window("a", "a"), window("b", "b"), window("c", "c"))))
    done = bench.apply()
    assert [key for key, _ in bench.shape()["p/main"]] == ["a", "b", "c"]
    assert done.after.plan.actions == ()


def test_a_move_that_is_stale_by_now_is_not_made() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", "new"), agent("b")))
    thought = bench.think()
    bench.host.exit(A, 0)
    (outcome,) = act(bench.ports, thought.plan.moves, bench.told.append)
    assert outcome.stale
    assert not outcome.ok
    assert bench.host.signals == []


def test_a_saved_plan_is_carried_out_exactly() -> None:
    bench = Bench(desired(agent("a"), agent("b"), agent("x"))).run()
    bench.commit(desired(agent("a", "new"), agent("c"), agent("x", labels={"k": "v"})))
    saved = frozenset(fingerprint(action) for action in bench.plan().moves)
    bench.clock.sleep(100)
    thought = bench.think()
    moves = select(saved, thought)
    assert moves == thought.plan.moves
    bench.host.log.clear()
    act(bench.ports, moves, bench.told.append)
    hour = bench.clock.now()
    printed = [stamp(step, hour) for action in moves for step in action.steps]
    assert sorted(map(repr, bench.host.log)) == sorted(map(repr, printed))


@pytest.mark.parametrize("what", ["world", "wish"])
def test_a_saved_plan_that_no_longer_fits_is_refused_as_a_whole(what: str) -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", "new"), agent("b", "new")))
    saved = frozenset(fingerprint(action) for action in bench.plan().moves)
    if what == "world":
        bench.host.exit(A, 1)
    else:
        bench.commit(desired(agent("a", "newer"), agent("b", "new")))
    with pytest.raises(StalePlanError) as caught:
        select(saved, bench.think())
    assert caught.value.why == "1 of its 2 actions no longer fit the commit or what runs"
    assert "novaorch diff --out" in caught.value.fix


def test_a_saved_plan_names_a_part_and_only_that_part_is_done() -> None:
    bench = Bench(desired(agent("a"), agent("b")))
    first, _ = bench.plan().moves
    moves = select(frozenset({fingerprint(first)}), bench.think())
    assert [action.unit for action in moves] == [A]
    nothing = select(frozenset(), bench.think())
    assert nothing == ()


def test_a_blind_host_acts_nothing() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "new")))
    bench.told.clear()
    bench.host.blind = True
    with pytest.raises(BlindError):
        bench.think()
    bench.host.blind = False
    thought = bench.think()
    bench.host.blind = True
    with pytest.raises(BlindError):
        converge(bench.ports, thought, bench.told.append)
    assert bench.told == []
    assert bench.host.signals == []


def test_an_apply_with_nothing_to_do_looks_once_more_and_does_nothing() -> None:
    bench = Bench(desired(agent("a"))).run()
    before = len(bench.host.log)
    thought = bench.think()
    assert isinstance(thought, Thought)
    assert isinstance(thought.plan, Plan)
    done = converge(bench.ports, thought, bench.told.append)
    assert (done.outcomes, len(bench.host.log)) == ((), before)


def test_the_whole_wish_is_there_after_one_apply() -> None:
    torch = seated("torch", "main", "dev", after=["a"])
    bench = Bench(
        desired(
            agent("a"),
            torch,
            session("main", window("dev", "sh", torch), window("ops", "top")),
            frames=[lone(agent("a"), columns=77)],
        )
    )
    done = bench.apply()
    assert done.after.plan.actions == ()
    assert bench.shape() == {
        "p/a": [("a", ["a"])],
        "p/main": [("dev", ["main/dev.0", "torch"]), ("ops", ["main/ops.0"])],
    }


def test_what_a_session_gets_is_made_before_the_pane_beside_it_goes() -> None:
    """Finishing a stop was more pressing once, and the pane that the rest expected was gone."""
    bench = Bench(
        desired(session("main", window("ops", "sh"), window("log", "sh")), agent("c"))
    ).run()
    guest = seated("c", "main", "dev", command="new")
    bench.commit(desired(session("main", window("dev", guest), window("log", "top")), guest))
    done = bench.apply()
    assert not done.failed
    assert done.after.plan.actions == ()
