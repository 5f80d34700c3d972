"""Names that are taken, sessions that are taken over, and people's things."""

from __future__ import annotations

import pytest

from reconciler.model.action import Reason, Verb
from reconciler.model.unit import Desired
from reconciler.model.world import Drain
from tests.bench import Bench, said
from tests.builders import FLEET, agent, agent_id, desired, lone, session, session_id, window

THEIRS = FLEET.__class__("theirs")
MINE = session("main", window("dev", "a"), called="mine", adopt=True)


def strangers(wish: Desired, name: str) -> Bench:
    bench = Bench(wish)
    bench.host.foreign_session(name)
    return bench


def test_a_name_that_a_stranger_has_is_held_and_never_overwritten() -> None:
    bench = strangers(desired(agent("a"), agent("b")), "p/a")
    plan = bench.plan()
    assert said(plan.actions) == ["start agent/b absent", "hold agent/a name-taken"]
    hold = plan.actions[1]
    assert hold.detail == "a session named p/a is there already and belongs to nobody we know"
    assert hold.fix == "rename one of them, or take it over: novaorch adopt 'p/a'"
    bench.once()
    assert bench.shape()["p/a"] == [("[bash]", ["-"])]


def test_a_name_that_another_fleet_has_says_whose_it_is() -> None:
    other = Bench(desired(agent("a"), fleet=THEIRS)).run()
    other.commit(desired(agent("a")))
    (hold,) = other.plan().actions
    assert hold.detail.endswith("belongs to fleet theirs")
    assert hold.fix == "rename one of them"
    assert other.plan().moves == ()


def test_a_name_that_one_of_ours_has_by_hand_says_which() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.human_rename("p/a", "p/b")
    bench.commit(desired(agent("a"), agent("b")))
    (hold,) = bench.plan().actions
    assert hold.detail.endswith("belongs to p/agent/a")


def test_a_session_is_not_renamed_onto_another_one() -> None:
    bench = strangers(desired(agent("a")), "taken").run()
    bench.commit(desired(agent("a"), frames=[lone(agent("a"), session="taken")]))
    assert said(bench.plan().actions) == ["hold agent/a name-taken"]
    bench.host.exit(agent_id("a"), 1)
    assert said(bench.plan().actions) == ["restart agent/a exited", "hold agent/a name-taken"]


def test_a_name_that_is_given_up_by_hand_and_taken_by_another_holds_no_other_change() -> None:
    bench = Bench(desired(session("main", window("dev", "a")))).run()
    bench.commit(desired(session("main", window("dev", "a"), called="taken")))
    bench.host.foreign_session("taken")
    assert said(bench.plan().actions) == ["hold session/main name-taken"]
    bench.host.human_rename("p/main", "mine")
    bench.host.foreign_session("p/main")
    bench.commit(desired(session("main", window("dev", "a"), columns=99)))
    assert said(bench.plan().actions) == ["update session/main changed"]


def test_adoption_marks_everything_and_touches_nothing() -> None:
    bench = strangers(desired(MINE), "mine")
    before = [(p.pane_id, p.pid) for p in bench.panes()]
    (action,) = bench.plan().actions
    assert (action.verb, action.detail) == (Verb.ADOPT, "the live session mine as it is")
    assert [type(s).__name__ for s in action.steps] == [
        "MarkWindow",
        "SetOptions",
        "MarkPane",
        "MarkFrame",
    ]
    assert [e.unit for e in action.expects] == [""]
    bench.run()
    assert [(p.pane_id, p.pid) for p in bench.panes()] == before
    assert bench.shape() == {"mine": [("dev", ["main/dev.0"])]}
    assert bench.plan().actions == ()
    mark = bench.panes()[0].mark
    assert mark is not None
    assert (mark.drain, mark.started) == (Drain.NONE, int(bench.clock.now()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("window", "the live session mine has 2 windows, the manifest 1"),
        ("pane", "window bash has 2 panes, the manifest 1"),
    ],
)
def test_what_is_not_as_described_is_not_adopted(change: str, words: str) -> None:
    bench = strangers(desired(MINE), "mine")
    if change == "window":
        bench.host.human_window("mine")
    else:
        bench.host.human_split("mine")
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.detail) == (Verb.HOLD, Reason.CONFLICT, words)
    assert hold.fix == "write the manifest anew: novaorch adopt 'mine'"


def test_panes_of_others_are_not_adopted_and_an_adopted_process_runs_only_once() -> None:
    a = agent("a")
    bench = strangers(desired(a), "mine").run()
    bench.host.human_move(bench.pane(a.id).pane_id, bench.host.session("mine").windows[0].id)
    two = session("main", window("dev", "x", "y"), called="mine", adopt=True)
    bench.commit(desired(two, a))
    assert [h.detail for h in bench.plan().holds] == [
        "a pane of window bash belongs to somebody already"
    ]
    seat = agent("a", seat=(session_id("main"), "dev"))
    bench = strangers(desired(a), "mine").run()
    bench.commit(desired(session("main", window("dev", seat), called="mine", adopt=True), seat))
    assert [h.detail for h in bench.plan().holds] == [
        "a process wanted in window bash runs elsewhere already"
    ]


def test_without_adopt_a_stranger_is_left_alone() -> None:
    bench = strangers(desired(session("main", window("dev", "a"), called="mine")), "mine")
    assert said(bench.plan().actions) == ["hold session/main name-taken"]


def test_a_grouped_session_shows_panes_twice_and_changes_nothing() -> None:
    bench = Bench(desired(agent("a"), session("main", window("dev", "x", "y")))).run()
    bench.host.grouped = True
    plan = bench.plan()
    assert (plan.actions, plan.notices) == ((), ())
    bench.commit(desired(session("main", window("dev", "y"))))
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0"])]}


def test_a_session_of_another_fleet_is_not_adopted() -> None:
    bench = Bench(desired(session("main", window("dev", "a"), called="mine"), fleet=THEIRS)).run()
    bench.commit(desired(MINE))
    (hold,) = bench.plan().actions
    assert (hold.reason, hold.fix) == (Reason.CONFLICT, "rename one of them")
