"""One process: started, restarted, updated in place, drained, waited for."""

from __future__ import annotations

import pytest

from reconciler.core.backoff import falls_after, wait_s
from reconciler.model import step as do
from reconciler.model.action import Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.unit import Process, Restart, RestartPolicy
from reconciler.model.world import Drain
from tests.bench import Bench, said
from tests.builders import (
    NEVER,
    ON_FAILURE,
    agent,
    agent_id,
    desired,
    seated,
    session,
    window,
)

A = agent_id("a")
TORCH = seated("torch", "main", "dev")


def running(process: Process) -> Bench:
    return Bench(desired(process)).run()


def test_a_hot_change_is_written_down_and_touches_nothing() -> None:
    bench = running(agent("a"))
    before = bench.pane(A)
    bench.commit(desired(agent("a", labels={"x": "1"})))
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.UPDATE, Reason.CHANGED)
    assert [type(step) for step in action.steps] == [do.MarkPane]
    assert [(c.field, c.wanted, c.applied) for c in action.changes] == [("labels.x", "1", None)]
    bench.run()
    after = bench.pane(A)
    assert (after.pid, after.mark.started) == (before.pid, before.mark.started)  # type: ignore[union-attr]
    assert bench.host.signals == []


def test_a_changed_command_ends_the_process_first_and_keeps_its_pane() -> None:
    bench = running(agent("a"))
    before = bench.pane(A)
    bench.commit(desired(agent("a", "new", grace=7)))
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.RESTART, Reason.CHANGED)
    ask, mark = action.steps
    assert ask == do.Signal(before.pane_id, before.pid, "TERM")
    assert isinstance(mark, do.MarkPane)
    assert (mark.mark.drain, mark.mark.drain_until, mark.applied) == (Drain.RESTART, -7, "")
    bench.once()
    (follow,) = bench.plan().actions
    assert (follow.verb, follow.reason, follow.continues) == (Verb.RESTART, Reason.DRAINED, True)
    bench.run()
    after = bench.pane(A)
    assert after.pane_id == before.pane_id
    assert after.pid != before.pid
    assert bench.host.alive[after.pid].argv == ("new",)  # type: ignore[union-attr]


def test_a_stubborn_process_is_killed_when_its_grace_is_over_and_not_before() -> None:
    bench = running(agent("a"))
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new", grace=7)))
    bench.once()
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.until) == (
        Verb.HOLD,
        Reason.DRAINING,
        int(bench.clock.now()) + 7,
    )
    bench.clock.sleep(6.99)
    assert said(bench.plan().actions) == ["hold agent/a draining"]
    bench.clock.sleep(0.01)
    (kill,) = bench.plan().actions
    assert (kill.verb, kill.reason, kill.continues) == (Verb.RESTART, Reason.DRAIN_OVERDUE, True)
    assert [type(s).__name__ + s.name for s in kill.steps if isinstance(s, do.Signal)] == [
        "SignalKILL"
    ]
    bench.run()
    assert [name for _, _, name in bench.host.signals] == ["TERM", "KILL"]


def test_a_wish_that_changes_during_a_drain_starts_what_is_wished_for_then() -> None:
    bench = running(agent("a"))
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new")))
    bench.once()
    bench.commit(desired(agent("a", "newer")))
    bench.host.exit(A)
    bench.run()
    assert bench.host.alive[bench.pane(A).pid].argv == ("newer",)  # type: ignore[union-attr]
    assert bench.host.starts[A] == 2


def test_a_removed_unit_that_is_wished_for_again_comes_back_after_its_drain() -> None:
    both = desired(agent("a"), agent("b"))
    bench = Bench(both).run()
    bench.commit(desired(agent("b")))
    bench.host.stubborn.add(A)
    bench.once()
    assert bench.pane(A).mark.drain is Drain.STOP  # type: ignore[union-attr]
    bench.commit(both)
    assert said(bench.plan().actions) == ["hold agent/a draining"]
    bench.host.exit(A)
    bench.run()
    assert bench.host.starts[A] == 2
    assert bench.pane(A).mark.drain is Drain.NONE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("restart", "status", "expected"),
    [
        (Restart(), 0, ["restart agent/a exited"]),
        (Restart(), 1, ["restart agent/a exited"]),
        (ON_FAILURE, 0, []),
        (ON_FAILURE, 1, ["restart agent/a exited"]),
        (ON_FAILURE, None, ["restart agent/a exited"]),
        (NEVER, 0, []),
        (NEVER, 1, []),
    ],
)
def test_what_ended_by_itself_is_restarted_by_policy(
    restart: Restart, status: int | None, expected: list[str]
) -> None:
    bench = running(agent("a", restart=restart))
    bench.host.exit(A, status)
    assert said(bench.plan().actions) == expected
    if expected:
        how = "unknown" if status is None else status
        assert bench.plan().actions[0].detail == f"exited with status {how}"


def test_who_falls_again_and_again_waits_longer_and_longer_and_is_forgiven() -> None:
    bench = running(agent("a", restart=Restart(burst_count=100)))
    waits: list[float] = []
    for _ in range(9):
        bench.host.exit(A, 1)
        start = bench.clock.now()
        while not bench.plan().moves:
            (hold,) = bench.plan().actions
            assert hold.reason is Reason.BACKING_OFF
            falls = len(waits) + 1
            how = f"exited with status 1, {falls} times in a row; its next start waits"
            assert hold.detail == how
            assert hold.until >= bench.clock.now()
            bench.clock.sleep(0.25)
        waits.append(bench.clock.now() - start)
        bench.once()
    assert waits[0] == 0
    assert waits[1] <= 1.5
    assert 29 <= waits[-1] <= 61
    assert bench.pane(A).mark.falls == 9  # type: ignore[union-attr]
    bench.clock.sleep(600)
    bench.host.exit(A, 1)
    bench.once()
    assert bench.pane(A).mark.falls == 1  # type: ignore[union-attr]
    assert bench.pane(A).mark.started == int(bench.clock.now())  # type: ignore[union-attr]


def test_a_clock_that_was_set_back_does_not_hold_a_fallen_process() -> None:
    bench = running(agent("a"))
    for _ in range(3):
        bench.host.exit(A, 1)
        bench.clock.sleep(100)
        bench.once()
    bench.host.exit(A, 1)
    bench.clock.hour -= 5_000
    assert said(bench.plan().moves) == ["restart agent/a exited"]


def test_a_change_of_wish_ends_the_wait_of_a_fallen_process() -> None:
    bench = running(agent("a"))
    bench.host.exit(A, 1)
    bench.once()
    bench.host.exit(A, 1)
    assert said(bench.plan().actions) == ["hold agent/a backing-off"]
    bench.commit(desired(agent("a", "mended")))
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.RESTART, Reason.CHANGED)
    assert [type(step).__name__ for step in action.steps] == ["Respawn"]
    bench.run()
    assert bench.pane(A).mark.falls == 0  # type: ignore[union-attr]


def test_the_wait_doubles_to_its_cap_and_differs_from_unit_to_unit() -> None:
    restart = Restart(RestartPolicy.ALWAYS, base_s=2, max_s=30)
    waits = [wait_s(A, restart, falls) for falls in range(8)]
    assert waits[0] == 0
    for falls, cap in enumerate((2, 4, 8, 16, 30, 30, 30), start=1):
        assert cap / 2 <= waits[falls] <= cap
    assert wait_s(A, restart, 10_000) <= 30
    assert wait_s(UnitId("p/agent/b"), restart, 3) != waits[3]


def test_falls_are_counted_in_a_row() -> None:
    restart = Restart()
    assert falls_after(1_000, restart, 4, 1_599) == 5
    assert falls_after(1_000, restart, 4, 1_600) == 1
    slow = Restart(RestartPolicy.ALWAYS, 1, 1_000)
    assert falls_after(1_000, slow, 4, 2_999) == 5
    assert falls_after(1_000, slow, 4, 3_000) == 1


def test_what_cannot_start_here_is_held_and_what_runs_runs_on() -> None:
    bench = Bench(desired(agent("a")))
    bench.host.refused[A] = ("claude: command not found", "install it")
    (hold,) = bench.plan().actions
    assert (hold.reason, hold.detail, hold.fix) == (
        Reason.CANNOT_START,
        "claude: command not found",
        "install it",
    )
    bench.host.refused.clear()
    bench.run()
    bench.host.refused[A] = ("no such directory", "make it")
    bench.commit(desired(agent("a", "new")))
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]
    bench.host.exit(A, 1)
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]
    bench.commit(desired(agent("a")))
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]


def test_an_own_pane_that_cannot_start_keeps_its_place_for_later() -> None:
    wish = desired(session("main", window("dev", "a", "b")))
    bench = Bench(wish)
    bench.host.refused[UnitId("p/session/main/dev.1")] = ("no b", "install b")
    assert said(bench.plan().actions) == [
        "start session/main absent",
        "hold session/main/dev.1 cannot-start",
    ]
    bench.once()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "[main/dev.1]✗"])]}
    bench.host.refused.clear()
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "main/dev.1"])]}


def test_a_stopped_agent_is_asked_to_end_and_its_own_session_goes() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", stopped=True), agent("b")))
    (stop,) = bench.plan().actions
    assert (stop.verb, stop.reason) == (Verb.STOP, Reason.STOPPED_BY_WISH)
    bench.run()
    assert list(bench.shape()) == ["p/b"]
    assert bench.plan().actions == ()
    bench.run(desired(agent("a"), agent("b")))
    assert bench.shape()["p/a"] == [("a", ["a"])]


def test_a_stopped_agent_in_a_session_keeps_its_last_screen() -> None:
    bench = Bench(desired(session("main", window("dev", "a", TORCH)), TORCH)).run()
    pane = bench.pane(TORCH.id)
    off = seated("torch", "main", "dev", stopped=True)
    bench.run(desired(session("main", window("dev", "a", off)), off))
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "torch✗"])]}
    assert bench.plan().actions == ()
    bench.run(desired(session("main", window("dev", "a", TORCH)), TORCH))
    assert bench.pane(TORCH.id).pane_id == pane.pane_id
    assert bench.host.starts[TORCH.id] == 2


def test_a_stubborn_stopped_agent_is_held_then_killed() -> None:
    bench = running(agent("a"))
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", stopped=True)))
    bench.once()
    assert said(bench.plan().actions) == ["hold agent/a draining"]
    bench.clock.sleep(15)
    assert said(bench.plan().actions) == ["stop agent/a drain-overdue"]
    bench.run()
    assert bench.shape() == {}


def test_a_stopped_agent_that_never_ran_is_not_started() -> None:
    off = seated("torch", "main", "dev", stopped=True)
    bench = Bench(desired(session("main", window("dev", off)), off, agent("z", stopped=True)))
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["[torch]✗"])]}
    assert bench.host.starts[TORCH.id] == 0


def test_fields_that_cannot_be_read_count_as_changed() -> None:
    bench = running(agent("a"))
    bench.host.session("p/a").fields.clear()
    assert bench.plan().actions == ()
    bench.commit(desired(agent("a", labels={"x": "1"})))
    (action,) = bench.plan().actions
    assert (action.verb, action.detail) == (
        Verb.RESTART,
        "what was applied last cannot be read: every field counts",
    )


def test_what_was_applied_is_found_in_its_session_when_a_person_moved_the_pane() -> None:
    bench = Bench(
        desired(
            session("main", window("dev", "a", TORCH)), session("side", window("x", "b")), TORCH
        )
    ).run()
    pid = bench.pane(TORCH.id).pid
    there = bench.host.session("p/side").windows[0].id
    bench.host.human_move(bench.pane(TORCH.id).pane_id, there)
    (notice,) = bench.plan().notices
    pane = bench.pane(TORCH.id).pane_id
    assert notice == f"p/agent/torch: its pane {pane} was moved to session p/side by hand"
    assert bench.plan().actions == ()
    new = seated("torch", "main", "dev", labels={"x": "1"})
    bench.run(
        desired(session("main", window("dev", "a", new)), session("side", window("x", "b")), new)
    )
    assert bench.pane(TORCH.id).pid == pid
    assert bench.shape()["p/side"] == [("x", ["side/x.0", "torch"])]


def test_of_doubles_the_one_that_runs_as_wished_stays() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    twin = bench.pane(agent_id("b"))
    good = bench.pane(A)
    board = bench.host._server()
    pane = board.panes[twin.pane_id]
    pane.mark = bench.host._server().panes[good.pane_id].mark
    pane.window.session.touch()
    stops = [a for a in bench.plan().moves if a.verb is Verb.STOP]
    assert said(stops) == ["stop agent/a leftover"]
    assert [e.pane_id for e in stops[0].expects] == [twin.pane_id]
    bench.host._end(board.panes[good.pane_id], 0)
    stops = [a for a in bench.plan().moves if a.verb is Verb.STOP]
    assert [e.pane_id for e in stops[0].expects] == [good.pane_id]
    assert [type(s).__name__ for s in stops[0].steps] == ["Close"]


def test_old_words_of_a_session_about_a_unit_that_left_it_are_not_believed() -> None:
    bench = running(agent("a"))
    old = bench.host.session("p/a").fields[A]
    bench.run(desired(agent("a", "new")))
    bench.host.session("p/a").fields[A] = old
    bench.commit(desired(agent("a", "run", labels={"x": "1"})))
    (action,) = bench.plan().actions
    assert action.verb is Verb.RESTART, "it runs `new`, whatever the session says"
