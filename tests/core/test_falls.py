"""Processes that fall: bursts, crash loops, what heals and what is only said, storms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.backoff import burst_after, looping, pace_s, ready_at, wait_s
from reconciler.core.explain import hour
from reconciler.model.action import Reason, Verb
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.unit import Heal, Healing, Restart
from reconciler.model.world import PaneMark
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, session, window

A = agent_id("a")
OWN = UnitId("p/session/main/dev.0")


def falling(bench: Bench, times: int, status: int = 1) -> Bench:
    """Let A fall so often, and be started again each time but the last."""
    for n in range(times):
        bench.host.exit(A, status)
        if n < times - 1:
            bench.clock.sleep(max(0, next((a.until for a in bench.plan().holds), 0)
                                  - bench.clock.now()))  # fmt: skip
            bench.once()
    return bench


# -- bursts ----------------------------------------------------------------------------------------


def test_five_falls_in_ten_minutes_are_a_crash_loop_and_said_aloud() -> None:
    bench = falling(Bench(desired(agent("a"))).run(), 4)
    assert [a.reason for a in bench.plan().holds] == [Reason.BACKING_OFF]
    began = bench.pane(A).mark.burst_since  # type: ignore[union-attr]
    bench.clock.sleep(20)
    bench.once()
    falling(bench, 1, status=7)
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason) == (Verb.HOLD, Reason.CRASH_LOOP)
    assert hold.detail == (
        f"fell 5 times since {hour(began)}, and last exited with status 7; "
        f"next try {hour(hold.until)}"
    )
    started = bench.pane(A).mark.started  # type: ignore[union-attr]
    assert 120 <= hold.until - started <= 151
    bench.clock.sleep(hold.until - bench.clock.now() - 0.5)
    assert not bench.plan().moves
    bench.clock.sleep(0.5)
    assert said(bench.plan().moves) == ["restart agent/a exited"]


def test_a_crash_loop_outlives_its_window_and_the_daemon_until_the_process_was_healthy() -> None:
    bench = falling(Bench(desired(agent("a"))).run(), 12)
    assert bench.clock.now() - bench.pane(A).mark.burst_since > 600  # type: ignore[union-attr]
    (hold,) = bench.plan().actions
    assert hold.reason is Reason.CRASH_LOOP
    assert hold.detail.startswith("fell 12 times since")
    bench.clock.sleep(200)
    bench.once()
    bench.clock.sleep(600)
    bench.host.exit(A, 1)
    bench.once()
    mark = bench.pane(A).mark
    assert mark is not None
    assert (mark.falls, mark.burst, mark.burst_since) == (1, 1, int(bench.clock.now()) - 600)


def test_a_new_wish_and_a_planned_restart_begin_without_a_past() -> None:
    bench = falling(Bench(desired(agent("a"))).run(), 6)
    bench.commit(desired(agent("a", "mended")))
    assert said(bench.plan().moves) == ["restart agent/a changed"]
    bench.run()
    mark = bench.pane(A).mark
    assert mark is not None
    assert (mark.falls, mark.burst, mark.burst_since) == (0, 0, 0)
    falling(bench, 2)
    bench.clock.sleep(2)
    bench.once()
    bench.run(desired(agent("a", "again")))
    mark = bench.pane(A).mark
    assert mark is not None
    assert (mark.falls, mark.burst) == (0, 0), "a drain is no fall"


def test_a_label_forgives_who_lies_there_and_not_who_runs() -> None:
    bench = falling(Bench(desired(agent("a"))).run(), 6)
    bench.commit(desired(agent("a", labels={"x": "1"})))
    bench.once()
    assert said(bench.plan().moves) == ["restart agent/a exited"]
    bench.once()
    bench.commit(desired(agent("a", labels={"x": "2"})))
    bench.once()
    mark = bench.pane(A).mark
    assert mark is not None
    assert (mark.falls, mark.burst) == (1, 1)


def test_falls_that_are_far_apart_are_no_burst() -> None:
    bench = Bench(desired(agent("a"))).run()
    for _ in range(12):
        bench.host.exit(A, 1)
        bench.clock.sleep(300)
        bench.once()
    assert bench.pane(A).mark.falls == 12  # type: ignore[union-attr]
    assert bench.pane(A).mark.burst <= 3  # type: ignore[union-attr]


def mark(started: int = 0, burst: int = 0, since: int = 0, falls: int = 0) -> PaneMark:
    return PaneMark("f", A, "d", "c", started, falls, burst=burst, burst_since=since)


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (mark(1_000), 1_010, (1, 1_000)),
        (mark(1_000, 2, 900), 1_010, (3, 900)),
        (mark(1_000, 2, 400), 1_500, (3, 400)),
        (mark(1_001, 2, 400), 1_002, (1, 1_001)),
        (mark(1_001, 5, 400), 1_002, (6, 400)),
        (mark(1_000, 5, 400), 1_599, (6, 400)),
        (mark(1_000, 5, 400), 1_600, (1, 1_000)),
        (mark(1_000, 2, 5_000), 1_010, (3, 5_000)),
    ],
)
def test_a_burst_is_what_falls_in_a_window(
    before: PaneMark, now: float, after: tuple[int, int]
) -> None:
    assert burst_after(before, Restart(), now) == after


def test_a_crash_loop_is_tried_seldom_and_never_so_seldom_that_it_looks_healthy() -> None:
    for restart in (
        Restart(),
        Restart(max_s=900),
        Restart(burst_count=1, burst_window_s=100_000),
        Restart(burst_count=1000, burst_window_s=1, max_s=0.1),
    ):
        paces = [pace_s(A, restart, burst) for burst in range(1, 50)]
        assert len(set(paces)) > 40, "each try differs"
        assert min(paces) >= restart.max_s
        assert max(paces) < max(600, 2 * restart.max_s)
    assert pace_s(A, Restart(), 5) != pace_s(agent_id("b"), Restart(), 5)
    assert all(pace_s(A, Restart(), burst) >= 120 for burst in range(50)), "no burst by itself"


def test_a_crash_loop_has_a_number_and_zero_is_none() -> None:
    assert [looping(Restart(burst_count=2), burst) for burst in (0, 1, 2, 3)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert not looping(Restart(burst_count=0), 99)
    assert ready_at(A, Restart(burst_count=2), mark(1_000, 1, 990, 1), 1_001) >= 1_300
    assert ready_at(A, Restart(burst_count=3), mark(1_000, 1, 990, 1), 1_001) <= 1_001


# -- what is done about a fall ---------------------------------------------------------------------


def healed(crash: Heal) -> Bench:
    return Bench(desired(agent("a", healing=Healing(crash)))).run()


def test_a_fall_that_is_only_warned_of_is_held_until_a_person_says_now() -> None:
    bench = healed(Heal.WARN)
    bench.host.exit(A, 3)
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.until) == (Verb.HOLD, Reason.CRASHED, 0)
    assert hold.detail == "exited with status 3; it stays so, as its heal.crash says"
    assert hold.fix == "novaorch apply --now"
    bench.clock.sleep(10_000)
    assert not bench.plan().moves
    assert said(bench.plan(now=True).moves) == ["restart agent/a exited"]
    bench.once(now=True)
    assert A in bench.pids()
    bench.host.exit(A, 3)
    assert said(bench.plan(now=True).moves) == ["restart agent/a exited"], "no back-off for people"


def test_a_fall_that_is_ignored_is_not_spoken_of() -> None:
    bench = healed(Heal.IGNORE)
    bench.host.exit(A, 3)
    assert bench.plan().actions == ()
    assert bench.plan(now=True).actions == ()
    bench.run(desired(agent("a", "other", healing=Healing(Heal.IGNORE))))
    assert A in bench.pids(), "a changed wish is no healing"


@pytest.mark.parametrize("crash", Heal)
def test_what_is_gone_was_perhaps_never_there_and_is_started(crash: Heal) -> None:
    bench = healed(crash)
    bench.host.kill_server()
    assert said(bench.plan().moves) == ["start agent/a absent"]
    bench.run()
    bench.host.human_close(bench.pane(A).pane_id)
    assert said(bench.plan().moves) == ["start agent/a absent"]


@pytest.mark.parametrize("crash", Heal)
def test_a_planned_restart_is_finished_whatever_is_said_of_falls(crash: Heal) -> None:
    bench = healed(crash)
    bench.run(desired(agent("a", "new", healing=Healing(crash))))
    assert bench.host.alive[bench.pane(A).pid].argv == ("new",)  # type: ignore[union-attr]


def test_what_ended_as_it_should_is_no_fall() -> None:
    once = Restart(policy=agent("a").restart.policy.NEVER)
    bench = Bench(desired(agent("a", restart=once, healing=Healing(Heal.WARN)))).run()
    bench.host.exit(A, 1)
    assert bench.plan().actions == ()


def test_a_session_speaks_for_the_panes_it_declares() -> None:
    wish = desired(session("main", window("dev", "x"), healing=Healing(Heal.WARN)))
    bench = Bench(wish).run()
    bench.host.exit(OWN, 1)
    assert said(bench.plan().actions) == ["hold session/main/dev.0 crashed"]


# -- many at once ----------------------------------------------------------------------------------

CALM = FleetSettings("f", restarts_count_max=3, restarts_window_s=10)
MANY = desired(*(agent(f"a{n}") for n in range(8)), fleet=CALM)


def fallen(bench: Bench, *numbers: int) -> None:
    for n in numbers:
        bench.host.exit(agent_id(f"a{n}"), 1)


def test_many_that_fall_at_once_rise_a_few_at_a_time() -> None:
    bench = Bench(MANY).run()
    fallen(bench, *range(8))
    plan = bench.plan()
    assert said(plan.moves) == [f"restart agent/a{n} exited" for n in range(3)]
    assert {hold.reason for hold in plan.holds} == {Reason.STORM}
    assert {hold.detail for hold in plan.holds} == {
        "8 fell at once: one cause, not many; its turn comes"
    }
    now = int(bench.clock.now())
    assert [hold.until - now for hold in plan.holds] == [11, 11, 11, 22, 22]
    bench.once()
    assert not bench.plan().moves
    assert {hold.detail for hold in bench.plan().holds} == {
        "8 fell at once: one cause, not many; its turn comes"
    }
    bench.clock.sleep(10.5)
    assert not bench.plan().moves
    bench.clock.sleep(0.5)
    assert said(bench.plan().moves) == [f"restart agent/a{n} exited" for n in (3, 4, 5)]
    bench.once()
    bench.clock.sleep(11)
    bench.once()
    assert len(bench.pids()) == 8


def test_as_many_as_the_limit_are_no_storm_and_who_waits_longest_is_first() -> None:
    bench = Bench(MANY).run()
    fallen(bench, 0, 1, 2)
    assert len(bench.plan().moves) == 3
    bench.once()
    bench.clock.sleep(20)
    fallen(bench, 0, 1, 6, 7)
    (late,) = [hold.unit for hold in bench.plan().holds]
    other = agent_id("a0") if late == agent_id("a1") else agent_id("a1")
    assert late in (agent_id("a0"), agent_id("a1")), "who fell before is due later"
    assert wait_s(late, Restart(), 1) > wait_s(other, Restart(), 1)


def test_a_dead_server_and_a_new_wish_are_no_storm() -> None:
    bench = Bench(MANY).run()
    bench.host.kill_server()
    assert len(bench.plan().moves) == 8
    bench.run()
    fallen(bench, *range(8))
    bench.commit(desired(*(agent(f"a{n}", "new") for n in range(8)), fleet=CALM))
    assert len(bench.plan().moves) == 8


def test_a_bucket_without_room_lets_nobody_rise() -> None:
    wish = replace(MANY, fleet=replace(CALM, restarts_count_max=0))
    bench = Bench(wish).run()
    fallen(bench, 0)
    (hold,) = bench.plan().actions
    assert (hold.reason, hold.until - int(bench.clock.now())) == (Reason.STORM, 11)
