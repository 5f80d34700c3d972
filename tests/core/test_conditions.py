"""Ready, Reconciling, Stalled, Healthy: what each unit says of itself, and since when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.conditions import (
    LASTING,
    PASSING,
    began,
    conditions,
    dated,
    health,
    in_vain,
    lasts,
    unknown,
)
from reconciler.core.fold import fold
from reconciler.core.plan import fingerprint
from reconciler.core.retry import Attempt, Attempts
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Restraints, Suspension
from reconciler.model.ids import UnitId
from reconciler.model.status import Condition, Ready, Status
from reconciler.model.unit import Heal, Healing
from tests.bench import Bench
from tests.builders import NEVER, agent, agent_id, desired, problem, session, window
from tests.properties.wishes import Drawn, fleets

A, B = agent_id("a"), agent_id("b")
HOUR = 1_000.0


def statuses(bench: Bench, attempts: Attempts | None = None) -> dict[str, Status]:
    thought = bench.think()
    return {str(s.unit): s for s in fold(thought.scene, thought.plan, (), attempts)}


def said(status: Status) -> dict[str, str]:
    """The conditions in a few words: `True as-wished`."""
    return {c.name: f"{c.value.value} {c.reason}" for c in status.conditions}


# -- which holds last ------------------------------------------------------------------------------

GOLDEN = {
    Reason.BROKEN: "lasts",
    Reason.UNSETTLED: "lasts",
    Reason.CONFLICT: "lasts",
    Reason.TOO_MANY_STOPS: "lasts",
    Reason.PROJECT_GONE: "lasts",
    Reason.EMPTY: "lasts",
    Reason.CANNOT_START: "lasts",
    Reason.CRASHED: "lasts",
    Reason.CRASH_LOOP: "lasts",
    Reason.PROTECTED: "lasts",
    Reason.EDITED: "lasts",
    Reason.UNSAVED: "lasts",
    Reason.BACKING_OFF: "passes",
    Reason.DRAINING: "passes",
    Reason.DEPENDENCY: "passes",
    Reason.STORM: "passes",
    Reason.ABSENCE: "passes",
    Reason.ENGAGED: "passes",
    Reason.NO_LEASE: "passes",
    Reason.WINDOW_CLOSED: "passes",
    Reason.NO_CAPACITY: "passes",
    Reason.SUSPENDED: "until",
    Reason.WITHHELD: "until",
}
MOVES = {
    Reason.ABSENT,
    Reason.CHANGED,
    Reason.EXITED,
    Reason.REMOVED,
    Reason.STOPPED_BY_WISH,
    Reason.DRAINED,
    Reason.DRAIN_OVERDUE,
    Reason.MISPLACED,
    Reason.LEFTOVER,
    Reason.FINISHED,
}


def test_of_every_reason_it_is_decided_whether_it_lasts() -> None:
    assert set(GOLDEN) | MOVES == set(Reason), "a new reason: does such a hold end by itself?"
    assert not LASTING & PASSING


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("until", [0, 2_000])
def test_a_hold_lasts_or_passes(reason: Reason, until: int) -> None:
    expected = {"lasts": True, "passes": False}.get(GOLDEN.get(reason, "until"), until == 0)
    assert lasts(Action(Verb.HOLD, A, reason, until=until)) is expected
    assert not lasts(Action(Verb.RESTART, A, reason, until=until)), "a move is on its way"


# -- golden: what a unit says ----------------------------------------------------------------------

WELL = {
    "Ready": "True as-wished",
    "Reconciling": "False nothing-due",
    "Stalled": "False not-stalled",
    "Healthy": "True running",
}


def moving(reason: str, well: str) -> dict[str, str]:
    return {
        "Ready": f"False {reason}",
        "Reconciling": f"True {reason}",
        "Stalled": "False not-stalled",
        "Healthy": well,
    }


def stalled(reason: str, well: str) -> dict[str, str]:
    return {
        "Ready": f"False {reason}",
        "Reconciling": "False stalled",
        "Stalled": f"True {reason}",
        "Healthy": well,
    }


def test_a_life_in_conditions() -> None:
    bench = Bench(desired(agent("a")))
    assert said(statuses(bench)[A]) == moving("absent", "False absent")
    bench.run()
    assert said(statuses(bench)[A]) == WELL
    bench.host.exit(A, 1)
    assert said(statuses(bench)[A]) == moving("exited", "False exited")
    bench.once()
    assert said(statuses(bench)[A]) == WELL | {"Healthy": "False falling"}
    bench.host.exit(A, 1)
    assert said(statuses(bench)[A]) == moving("backing-off", "False exited")
    bench.clock.sleep(60)
    bench.once()
    bench.clock.sleep(60)
    assert said(statuses(bench)[A]) == WELL


def test_what_rests_as_wished_is_healthy() -> None:
    bench = Bench(desired(agent("off", stopped=True), agent("job", restart=NEVER))).run()
    off, job = agent_id("off"), agent_id("job")
    assert said(statuses(bench)[off]) == WELL | {"Healthy": "True stopped"}
    bench.host.exit(job, 1)
    assert said(statuses(bench)[job]) == WELL | {"Healthy": "True ended"}


def test_what_only_a_person_mends_is_stalled() -> None:
    bench = Bench(desired(agent("a"), agent("b", after=("a",))))
    bench.host.refused[A] = ("no such command", "install it")
    found = statuses(bench)
    assert said(found[A]) == stalled("cannot-start", "False absent")
    assert said(found[B]) == stalled("dependency-not-ready", "False absent"), "it waits in vain"
    (stuck,) = [c for c in found[A].conditions if c.name == "Stalled"]
    assert stuck.message == "no such command; install it"


def test_to_wait_for_what_starts_is_to_be_on_the_way() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.exit(A, 1)
    bench.once()
    bench.host.exit(A, 1)
    bench.commit(desired(agent("a"), agent("b", after=("a",))))
    assert said(statuses(bench)[B]) == moving("dependency-not-ready", "False absent")


def test_to_wait_for_what_is_stopped_by_wish_is_in_vain() -> None:
    bench = Bench(desired(agent("a", stopped=True), agent("b", after=("a",))))
    assert said(statuses(bench)[B]) == stalled("dependency-not-ready", "False absent")


@pytest.mark.parametrize("status", [0, 1])
def test_to_wait_for_one_that_ended_and_is_left_so_is_in_vain(status: int) -> None:
    left = agent("a", healing=Healing(crash=Heal.IGNORE))
    bench = Bench(desired(left)).run()
    bench.host.exit(A, status)
    bench.commit(desired(left, agent("b", after=("a",))))
    assert said(statuses(bench)[B]) == stalled("dependency-not-ready", "False absent")


def test_to_wait_for_one_that_comes_again_is_not_in_vain() -> None:
    bench = Bench(desired(agent("a"), agent("c"))).run()
    for _ in range(2):
        bench.host.exit(A, 1)
        bench.once()
    bench.commit(desired(agent("a"), agent("b", after=("a", "c")), agent("c")))
    assert statuses(bench)[A].reason == "backing-off"
    assert said(statuses(bench)[B]) == moving("dependency-not-ready", "False absent")


def test_a_file_that_cannot_be_read_stalls_and_says_nothing_of_health() -> None:
    bench = Bench(desired(agent("a"))).run()
    held = replace(agent("a"), held=problem())
    bench.commit(desired(held, problems=(problem(),), broken={A: problem()}))
    assert said(statuses(bench)[A]) == stalled("broken-manifest", "True running")
    gone = Bench(desired(held, problems=(problem(),), broken={A: problem()}))
    assert said(statuses(gone)[A]) == stalled("broken-manifest", "Unknown broken-manifest")


def test_sessions_have_conditions_and_leftovers_no_health() -> None:
    bench = Bench(desired(session("main", window("dev", "x")), agent("a"))).run()
    main = "p/session/main"
    assert said(statuses(bench)[main]) == WELL | {"Healthy": "True open"}
    bench.commit(desired(session("main", window("dev", "x")), problems=(problem(),)))
    assert said(statuses(bench)[A]) == stalled("tree-has-errors", "Unknown not-wished")


def test_a_move_that_failed_is_tried_again_and_stalls_after_three() -> None:
    bench = Bench(desired(agent("a")))
    (move,) = bench.plan().moves
    for failures, expected in ((1, moving), (2, moving), (3, stalled), (9, stalled)):
        attempts = {fingerprint(move): Attempt(failures, 1e12, "no pty left free one")}
        status = statuses(bench, attempts)[A]
        assert said(status) == expected("failed", "False absent"), failures
        assert status.message.startswith("no pty left free one")
    other = {"another": Attempt(9, 1e12, "x")}
    assert said(statuses(bench, other)[A]) == moving("absent", "False absent")


def test_what_is_in_vain_goes_through_a_chain_and_a_circle() -> None:
    def waits(name: str, *needs: str) -> Action:
        units = tuple(agent_id(need) for need in needs)
        return Action(Verb.HOLD, agent_id(name), Reason.DEPENDENCY, needs=units)

    chain = [waits("c", "b"), waits("b", "a"), waits("x", "y"), waits("y", "x")]
    assert in_vain(chain, {A}) == {B, agent_id("c")}
    assert in_vain(chain, set()) == frozenset()


def test_no_hour_of_the_future_makes_a_process_fall() -> None:
    bench = Bench(desired(agent("a"))).run()
    process, pane = bench.wishes.wish.processes[A], bench.pane(A)
    assert pane.mark is not None
    fell = replace(pane, mark=replace(pane.mark, falls=3, started=2_000))
    assert health(process, fell, "running", 1_999).value is Ready.TRUE
    assert health(process, fell, "running", 2_000).reason == "falling"
    assert health(process, fell, "running", 2_010).value is Ready.TRUE


# -- suspended -------------------------------------------------------------------------------------


def test_a_suspended_unit_says_so_even_when_nothing_is_due() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    now = bench.clock.now()
    hands_off = Suspension(A, "a demo", "Ada", now - 5, now + 60)
    thought = bench.think()
    scene = replace(thought.scene, restraints=Restraints(suspensions=(hands_off,)))
    one, two = fold(scene, thought.plan)
    assert (one.suspended, two.suspended) == ("a demo", "")
    assert said(one) == WELL
    late = replace(scene, world=replace(scene.world, taken_at=now + 60))
    assert fold(late, thought.plan)[0].suspended == "", "it is over"


# -- never both ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(first=fleets(), second=fleets(), events=st.lists(st.integers(0, 5), max_size=4))
def test_ready_or_on_the_way_or_stalled_and_never_two(
    first: Drawn, second: Drawn, events: list[int]
) -> None:
    bench = Bench(first.wish)
    for event in [*events, 5]:
        _happens(bench, event, second)
        thought = bench.think()
        attempts = {fingerprint(a): Attempt(event, 0) for a in thought.plan.moves[::2]}
        for status in fold(thought.scene, thought.plan, (), attempts):
            values = {c.name: c.value for c in status.conditions}
            assert list(values) == ["Ready", "Reconciling", "Stalled", "Healthy"]
            true = [n for n in ("Ready", "Reconciling", "Stalled") if values[n] is Ready.TRUE]
            assert len(true) == 1, (status.unit, status.reason, true)
            assert values["Ready"] is status.ready
            assert status.observed == bench.wishes.wish.commit


def _happens(bench: Bench, event: int, second: Drawn) -> None:
    if event == 0:
        bench.commit(second.wish)
    elif event == 1:
        bench.once()
    elif event == 2:
        bench.clock.sleep(40)
    elif event == 3:
        for pane in bench.panes()[:2]:
            if pane.mark and not pane.dead and not pane.mark.placeholder:
                bench.host.exit(pane.mark.unit, 1)
    elif event == 4:
        bench.host.refused.update(dict.fromkeys(bench.wishes.wish.processes, ("no", "yes")))


# -- hours -----------------------------------------------------------------------------------------


def one(value: Ready, reason: str = "x", message: str = "") -> Status:
    found = (Condition("Ready", value, reason, message),)
    return Status(A, value, "running", reason, message, "c", conditions=found)


def by_unit(*found: Status) -> dict[UnitId, Status]:
    return {status.unit: status for status in found}


def test_a_condition_dates_from_its_last_change_of_value() -> None:
    (first,) = dated({}, [one(Ready.TRUE)], HOUR)
    assert began(first, "Ready", Ready.TRUE) == HOUR
    (second,) = dated(by_unit(first), [one(Ready.TRUE, "y", "words")], HOUR + 5)
    assert began(second, "Ready", Ready.TRUE) == HOUR, "other words are no change"
    assert second.conditions[0].message == "words"
    (third,) = dated(by_unit(second), [one(Ready.FALSE)], HOUR + 9)
    assert began(third, "Ready", Ready.FALSE) == HOUR + 9
    assert began(third, "Ready", Ready.TRUE) is None
    assert dated({}, [], HOUR) == ()


def test_nothing_changed_is_the_very_same_value() -> None:
    (first,) = dated({}, [one(Ready.TRUE)], HOUR)
    (again,) = dated(by_unit(first), [one(Ready.TRUE)], HOUR + 5)
    assert again is first


@pytest.mark.parametrize("since", [0.0, HOUR + 100])
def test_an_hour_that_cannot_be_is_now(since: float) -> None:
    odd = replace(one(Ready.TRUE), conditions=(Condition("Ready", Ready.TRUE, "x", "", since),))
    (found,) = dated(by_unit(odd), [one(Ready.TRUE)], HOUR)
    assert began(found, "Ready", Ready.TRUE) == HOUR


@given(
    values=st.lists(
        st.tuples(st.sampled_from(list(Ready)), st.integers(1, 50)), min_size=1, max_size=12
    )
)
def test_the_hour_is_that_of_the_first_look_of_a_run(values: list[tuple[Ready, int]]) -> None:
    now, before, expected, last = HOUR, dict[UnitId, Status](), 0.0, None
    for value, wait_s in values:
        now += wait_s
        expected = expected if value is last else now
        (found,) = dated(before, [one(value)], now)
        assert began(found, "Ready", value) == expected
        before, last = by_unit(found), value


def test_equal_conditions_are_one_value() -> None:
    well = health(agent("a", stopped=True), None, "stopped", HOUR)
    first = conditions(Ready.TRUE, "as-wished", "", False, well)
    assert conditions(Ready.TRUE, "as-wished", "", False, well) is first


# -- nobody looks ----------------------------------------------------------------------------------


def test_what_nobody_sees_is_unknown_in_every_aspect() -> None:
    bench = Bench(desired(agent("a"))).run()
    (found,) = unknown(statuses(bench).values(), "nobody looked")
    assert found.ready is Ready.UNKNOWN
    assert {c.value for c in found.conditions} == {Ready.UNKNOWN}
    assert len(found.conditions) == 4
    assert (found.reason, found.message, found.pid) == ("not-seen", "nobody looked", 0)
