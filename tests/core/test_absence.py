"""What nobody wants any more: for how long, whether it was protected, and what lifts that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import step as do
from reconciler.model.action import Reason, Verb
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Process
from reconciler.model.world import Drain, Engagement, Presence, SeenPane
from tests.bench import Bench, said
from tests.builders import ON_FAILURE, agent, agent_id, desired, problem, session, window

SLOW = FleetSettings("f", stops_delay_s=60)
A, B = agent_id("a"), agent("b")
BOTH, ALONE = desired(agent("a"), B, fleet=SLOW), desired(B, fleet=SLOW)


def marked(bench: Bench) -> tuple[Drain, int]:
    mark = bench.pane(A).mark
    assert mark is not None
    return mark.drain, mark.drain_until


def test_an_absence_is_noted_then_waited_for_then_believed() -> None:
    bench = Bench(BOTH).run()
    bench.commit(ALONE)
    (note,) = bench.plan().actions
    assert (note.verb, note.reason) == (Verb.UPDATE, Reason.ABSENCE)
    assert note.detail == "nobody wants it; it is stopped in 60 s"
    assert [type(step) for step in note.steps] == [do.MarkPane]
    now = int(bench.clock.now())
    bench.once()
    assert marked(bench) == (Drain.ABSENT, now + 60)
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.until) == (Verb.HOLD, Reason.ABSENCE, now + 60)
    bench.clock.sleep(59.9)
    assert not bench.plan().moves
    bench.clock.sleep(0.1)
    assert said(bench.plan().actions) == ["stop agent/a removed"]
    bench.run()
    assert list(bench.shape()) == ["p/b"]


def test_who_is_wanted_again_and_has_to_wait_begins_its_absence_anew() -> None:
    """Its change is held, because somebody works there; that it is wanted is written down all the
    same."""
    bench = Bench(BOTH).run()
    pid = bench.pids()[A]
    bench.commit(ALONE)
    bench.once()
    bench.commit(replace(BOTH, processes={**BOTH.processes, A: agent("a", command="other")}))
    bench.host.engaged[A] = Presence(Engagement.TYPING, "a person")
    (back,) = bench.plan().actions
    assert (back.verb, back.reason, back.detail) == (Verb.UPDATE, Reason.ABSENCE, "wanted again")
    bench.once()
    assert (bench.pids()[A], marked(bench)) == (pid, (Drain.NONE, 0))
    assert [hold.reason for hold in bench.plan().holds] == [Reason.ENGAGED]


def test_who_is_wanted_again_is_as_if_nothing_had_been() -> None:
    bench = Bench(BOTH).run()
    pid = bench.pids()[A]
    bench.commit(ALONE)
    bench.once()
    bench.commit(BOTH)
    (back,) = bench.plan().actions
    assert (back.verb, back.reason, back.detail) == (Verb.UPDATE, Reason.ABSENCE, "wanted again")
    bench.run()
    assert (bench.pids()[A], marked(bench)) == (pid, (Drain.NONE, 0))
    bench.clock.sleep(100)
    bench.commit(ALONE)
    assert said(bench.plan().actions) == ["update agent/a absent-for-a-moment"]


@pytest.mark.parametrize(
    ("process", "first", "ends"),
    [
        (agent("a", labels={"x": "1"}), "update agent/a changed", False),
        (agent("a", "new"), "restart agent/a changed", True),
        (agent("a", stopped=True), "stop agent/a stopped-by-wish", True),
        (agent("a", restart=ON_FAILURE), "update agent/a absent-for-a-moment", False),
    ],
)
def test_who_comes_back_changed_is_changed_at_once_and_keeps_no_trace(
    process: Process, first: str, ends: bool
) -> None:
    bench = Bench(BOTH).run()
    pid = bench.pids()[A]
    bench.commit(ALONE)
    bench.once()
    bench.commit(desired(process, B, fleet=SLOW))
    assert said(bench.plan().moves) == [first]
    bench.run()
    assert (bench.pids().get(A) != pid) is ends
    assert all(p.mark.drain is Drain.NONE for p in bench.panes() if p.mark)


@pytest.mark.parametrize("status", [0, 1])
def test_who_ended_meanwhile_comes_back_without_a_trace(status: int) -> None:
    wish = desired(agent("a", restart=ON_FAILURE), B, fleet=SLOW)
    bench = Bench(wish).run()
    bench.commit(ALONE)
    bench.once()
    bench.host.exit(A, status)
    bench.run(wish)
    assert (A in bench.pids()) is (status == 1)
    assert marked(bench) == (Drain.NONE, 0)


def test_who_cannot_start_here_loses_the_trace_all_the_same() -> None:
    bench = Bench(BOTH).run()
    bench.commit(ALONE)
    bench.once()
    bench.host.refused[A] = ("no such command", "install it")
    bench.commit(desired(agent("a", "new"), B, fleet=SLOW))
    bench.once()
    assert marked(bench) == (Drain.NONE, 0)
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]


def test_bad_evidence_notes_nothing() -> None:
    bench = Bench(BOTH).run()
    for wish, reason in (
        (desired(B, fleet=SLOW, problems=(problem(),)), Reason.UNSETTLED),
        (desired(fleet=SLOW), Reason.EMPTY),
        (desired(agent("x", project="q"), fleet=SLOW, projects=("q",)), Reason.PROJECT_GONE),
    ):
        bench.commit(wish)
        holds = [hold for hold in bench.plan().holds if hold.unit == A]
        assert [hold.reason for hold in holds] == [reason]
        bench.once()
        assert marked(bench) == (Drain.NONE, 0)


def test_what_a_person_confirms_does_not_wait() -> None:
    bench = Bench(BOTH).run()
    bench.commit(desired(fleet=SLOW))
    word = bench.plan().holds[0].fix.rpartition(" ")[2]
    assert said(bench.plan(word).moves) == ["stop agent/a removed", "stop agent/b removed"]


def test_what_a_person_confirms_in_the_middle_of_its_wait_ends_with_its_own_words() -> None:
    wish = desired(agent("a", quits=("/exit",)), B, fleet=SLOW)
    bench = Bench(wish).run()
    bench.commit(ALONE)
    bench.once()
    bench.commit(desired(fleet=SLOW))
    (hold,) = [hold for hold in bench.plan().holds if hold.unit == A]
    steps = bench.steps(bench.plan(hold.fix.rpartition(" ")[2]))
    assert [step.lines for step in steps if isinstance(step, do.TypeLines)] == [("/exit",)]


def test_a_pane_is_wanted_again_under_another_name() -> None:
    bench = Bench(desired(session("main", window("dev", "x", "y")), fleet=SLOW)).run()
    second = bench.pane(UnitId("p/session/main/dev.1"))
    bench.commit(desired(session("main", window("dev", "x")), fleet=SLOW))
    bench.once()
    bench.commit(desired(session("main", window("dev", "y")), fleet=SLOW))
    (back,) = [o for o in bench.once() if o.action.detail == "wanted again"]
    assert back.action.unit == "p/session/main/dev.0"
    assert back.ok, back.error
    assert bench.run().pids()["p/session/main/dev.0"] == second.pid


def test_a_mass_of_absences_is_still_too_many_stops() -> None:
    many = [agent(f"a{n}") for n in range(10)]
    bench = Bench(desired(*many, B, fleet=SLOW)).run()
    bench.commit(ALONE)
    bench.once()
    bench.clock.sleep(61)
    assert {hold.reason for hold in bench.plan().holds} == {Reason.TOO_MANY_STOPS}


def test_doubles_and_empty_places_do_not_wait() -> None:
    bench = Bench(BOTH).run()
    good, twin = bench.pane(A), bench.pane(B.id)
    board = bench.host._server()
    board.panes[twin.pane_id].mark = board.panes[good.pane_id].mark
    board.panes[twin.pane_id].window.session.touch()
    assert "stop agent/a leftover" in said(bench.plan().actions)


def test_panes_of_a_session_wait_one_by_one_and_come_back() -> None:
    whole = desired(session("main", window("dev", "x", "y")), fleet=SLOW)
    bench = Bench(whole).run()
    pids = bench.pids()
    bench.commit(desired(session("main", window("dev", "y")), fleet=SLOW))
    bench.run()
    assert set(bench.host.alive) == set(pids.values())
    assert [hold.reason for hold in bench.plan().holds] == [Reason.ABSENCE]
    bench.run(whole)
    assert bench.pids() == pids
    assert bench.plan().actions == ()


def test_who_waits_for_an_absent_one_is_not_bothered() -> None:
    follower = desired(B, agent("c", after=["b"]), fleet=SLOW)
    bench = Bench(desired(agent("a"), B, agent("c", after=["b"]), fleet=SLOW)).run()
    bench.commit(follower)
    bench.once()
    assert said(bench.plan().actions) == ["hold agent/a absent-for-a-moment"]


# -- protection ------------------------------------------------------------------------------------


def protected(**more: object) -> Desired:
    return desired(agent("a", protect=True, **more), B)  # type: ignore[arg-type]


def of_a(bench: Bench) -> SeenPane:
    return bench.pane(A)


def test_what_was_protected_is_not_stopped_for_being_absent() -> None:
    bench = Bench(protected()).run()
    bench.commit(desired(B))
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason) == (Verb.HOLD, Reason.PROTECTED)
    assert hold.detail == "nobody wants it any more, and its last manifest said protect: true"
    way, _, command = hold.fix.partition("; or ")
    assert way == "commit it back with protect: false, apply, and then remove it"
    assert command.startswith("novaorch apply --confirm ")
    assert bench.plan("deadbeef").moves == ()
    assert said(bench.plan(command.rpartition(" ")[2]).moves) == ["stop agent/a removed"]
    bench.once(command.rpartition(" ")[2])
    bench.run()
    assert list(bench.shape()) == ["p/b"]


def test_the_way_without_a_word() -> None:
    bench = Bench(protected()).run()
    pid = of_a(bench).pid
    bench.run(desired(agent("a"), B))
    assert of_a(bench).pid == pid
    assert not of_a(bench).mark.protect  # type: ignore[union-attr]
    bench.run(desired(B))
    assert list(bench.shape()) == ["p/b"]


def test_protection_is_written_down_without_touching_what_runs() -> None:
    bench = Bench(desired(agent("a"), B)).run()
    before = of_a(bench)
    bench.commit(protected())
    assert said(bench.plan().actions) == ["update agent/a changed"]
    bench.run()
    assert of_a(bench).pid == before.pid
    assert of_a(bench).mark.protect  # type: ignore[union-attr]
    bench.host.exit(A, 1)
    bench.run()
    assert of_a(bench).mark.protect, "and survives a fall"  # type: ignore[union-attr]
    bench.run(protected(labels={"x": "1"}))
    assert of_a(bench).mark.protect  # type: ignore[union-attr]


def test_a_word_is_for_one_protected_unit_and_no_other_word_counts() -> None:
    both = desired(agent("a", protect=True), agent("c", protect=True), agent("d"), B)
    bench = Bench(both).run()
    bench.commit(desired())
    holds = {hold.unit: hold for hold in bench.plan().holds}
    words = {unit: hold.fix.rpartition(" ")[2] for unit, hold in holds.items()}
    assert holds[A].reason is holds[agent_id("c")].reason is Reason.PROTECTED
    assert holds[B.id].reason is holds[agent_id("d")].reason is Reason.EMPTY
    assert len(set(words.values())) == 3
    assert said(bench.plan(words[A]).moves) == ["stop agent/a removed"]
    assert said(bench.plan(words[B.id]).moves) == ["stop agent/b removed", "stop agent/d removed"]


def test_an_error_in_the_tree_is_stronger_than_any_word() -> None:
    bench = Bench(protected()).run()
    bench.commit(desired(B))
    word = bench.plan().holds[0].fix.rpartition(" ")[2]
    bench.commit(desired(B, problems=(problem(),)))
    assert said(bench.plan(word).actions) == ["hold agent/a tree-has-errors"]


def test_protection_is_not_for_what_is_asked_for_by_name() -> None:
    bench = Bench(protected()).run()
    bench.run(protected(stopped=True))
    assert list(bench.shape()) == ["p/b"]


def test_protection_comes_before_the_wait_and_survives_it() -> None:
    wish = replace(protected(), fleet=SLOW)
    bench = Bench(wish).run()
    bench.commit(ALONE)
    for _ in range(3):
        bench.once()
        bench.clock.sleep(61)
    assert said(bench.plan().actions) == ["hold agent/a protected"]
    assert bench.host.signals == []
