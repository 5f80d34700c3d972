"""The small verbs: changes, layouts, stamps, statuses, words, fingerprints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.change import applied_text, changes, worst
from reconciler.core.ending import LONGEST_S, Ending, has_time, press, unheeded
from reconciler.core.explain import (
    action_json,
    clean,
    counts_json,
    explain,
    outcome_line,
    problem_lines,
    problems_json,
    summary,
)
from reconciler.core.fold import fold
from reconciler.core.inquire import inquire
from reconciler.core.layouts import arranged, fits
from reconciler.core.plan import fingerprint
from reconciler.core.scene import drain_mark
from reconciler.core.stamp import stamp
from reconciler.model import step as do
from reconciler.model.action import Action, Outcome, Plan, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready
from reconciler.model.unit import Desired, Disruption, Field, Launch
from reconciler.model.world import NOW, Drain, PaneMark, SeenPane
from reconciler.ports import Order
from tests.bench import Bench, said
from tests.builders import (
    HOT,
    NEVER,
    RESTART,
    agent,
    agent_id,
    desired,
    problem,
    seated,
    session,
    session_id,
    window,
)

A = agent_id("a")
DRAWN2 = "b25d,200x50,0,0{100x50,0,0,0,99x50,101,0,1}"

# -- change ----------------------------------------------------------------------------------------


def test_only_fields_that_differ_are_changes_sorted_by_name() -> None:
    fields = (Field("b", 2, HOT), Field("a", 1, RESTART), Field("c", None, HOT))
    found = changes(fields, {"a": 0, "b": 2, "c": None})
    assert [(c.field, c.wanted, c.applied, c.disruption) for c in found] == [("a", 1, 0, RESTART)]
    assert changes(fields, {"a": 1, "b": 2, "c": None}) == ()
    assert [c.field for c in changes(fields, {"a": 1, "b": 2})] == ["c"]
    assert [c.field for c in changes(fields, None)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "fields", "disruption"),
    [
        ("env.X", (Field("env.Y", "1", RESTART),), RESTART),
        ("env.X", (Field("env.Y", "1", HOT),), HOT),
        ("env.X", (), RESTART),
        ("labels.x", (), HOT),
        ("options.status", (), HOT),
        ("windows.dev.layout", (), HOT),
        ("size.rows", (), HOT),
        ("charter", (), HOT),
        ("session", (), HOT),
        ("after", (), HOT),
        ("stop.grace", (), HOT),
        ("restart.policy", (), HOT),
    ],
)
def test_a_field_that_is_wanted_no_longer_costs_what_its_group_costs(
    name: str, fields: tuple[Field, ...], disruption: Disruption
) -> None:
    kept = {field.name: field.value for field in fields}
    (found,) = changes(fields, {**kept, name: "old"})
    assert (found.field, found.wanted, found.applied) == (name, None, "old")
    assert found.disruption is disruption
    assert worst((found,)) is disruption


def test_nothing_changed_costs_nothing() -> None:
    assert worst(()) is Disruption.HOT
    assert applied_text((Field("b", [1], HOT), Field("a", "ü", HOT))) == '{"a":"ü","b":[1]}'


# -- layouts ---------------------------------------------------------------------------------------


def test_a_drawn_layout_holds_as_many_panes_as_it_has_cells() -> None:
    assert [fits(DRAWN2, n) for n in (1, 2, 3)] == [True, True, False]
    assert fits("tiled", 99)
    assert arranged("@1", "", 2) == ()
    assert arranged("@1", "tiled", 0) == ()
    assert arranged("@1", DRAWN2, 3) == ()
    assert arranged("@1", DRAWN2, 2) == (do.Arrange("@1", DRAWN2),)


# -- stamp -----------------------------------------------------------------------------------------


def test_the_hour_is_written_into_every_mark_and_nowhere_else() -> None:
    mark = PaneMark("f", A, "d", "c", started=NOW, drain_until=-7)
    new = do.NewPane(mark, Launch((), "/"), "{}")
    win = do.NewWindow("k", "k", "", (new,))
    steps: tuple[do.Step, ...] = (
        do.OpenSession("s", 1, 1, 1, "m", "{}", (win,)),
        do.OpenWindow("$1", win),
        do.OpenPane("%1", new),
        do.Respawn("%1", new),
        do.MarkPane("%1", mark),
        do.Close("%1"),
    )
    texts = [repr(stamp(step, 1_000.9)) for step in steps]
    assert all("started=1000" in t and "drain_until=1008" in t for t in texts[:-1])
    assert stamp(steps[-1], 5) is steps[-1]
    settled = do.MarkPane("%1", replace(mark, started=3, drain_until=9))
    assert stamp(settled, 1_000) == settled
    zero = do.MarkPane("%1", replace(mark, started=0, drain_until=0))
    assert stamp(zero, 1_000) == zero


def test_a_grace_is_never_shorter_than_was_promised() -> None:
    for grace_s, hour in [(1.0, 1_000.9), (1.0, 1_000.0), (1.4, 1_000.5), (0.2, 1_000.99)]:
        mark = drain_mark(PaneMark("f", A, "d", "c"), Drain.STOP, grace_s)
        asked = stamp(do.MarkPane("%1", mark), hour)
        assert isinstance(asked, do.MarkPane)
        assert hour + grace_s <= asked.mark.drain_until < hour + grace_s + 2


# -- fold ------------------------------------------------------------------------------------------


def status(bench: Bench, unit: str, outcomes: tuple[Outcome, ...] = ()) -> tuple[str, str, str]:
    thought = bench.think()
    found = {s.unit: s for s in fold(thought.scene, thought.plan, outcomes)}
    assert list(found) == sorted(found)
    one = found[UnitId(unit)]
    return one.ready.value, one.state, one.reason


def test_a_unit_has_one_status_made_from_what_is_seen() -> None:
    wish = desired(agent("a"), agent("off", stopped=True), agent("job", restart=NEVER))
    bench = Bench(wish)
    assert status(bench, A) == ("False", "absent", "absent")
    assert status(bench, "p/agent/off") == ("True", "stopped", "as-wished")
    bench.run()
    assert status(bench, A) == ("True", "running", "as-wished")
    bench.host.exit("p/agent/job", 1)
    assert status(bench, "p/agent/job") == ("True", "ended", "as-wished")
    bench.host.exit(A, 1)
    assert status(bench, A) == ("False", "exited", "exited")
    bench.once()
    bench.host.exit(A, 1)
    assert status(bench, A) == ("False", "exited", "backing-off")
    bench.commit(desired(agent("a", "new")))
    bench.run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "newer")))
    thought = bench.think()
    assert fold(thought.scene, thought.plan)[0].message == "restart is due: changed"
    bench.once()
    assert status(bench, A) == ("False", "draining", "draining")


def test_a_status_says_where_the_process_is_and_since_when() -> None:
    bench = Bench(desired(agent("a"))).run()
    thought = bench.think()
    (one,) = fold(thought.scene, thought.plan)
    pane = bench.pane(A)
    assert (one.session, one.pane, one.pid, one.falls) == ("p/a", pane.pane_id, pane.pid, 0)
    assert one.since == int(bench.clock.now())
    assert one.commit == bench.wishes.wish.commit
    assert one.message == ""
    bench.host.exit(A, 1)
    thought = bench.think()
    (one,) = fold(thought.scene, thought.plan)
    assert (one.pid, one.pane) == (0, pane.pane_id)
    assert one.message == "restart is due: exited with status 1"


def test_sessions_and_held_leftovers_have_a_status_too() -> None:
    bench = Bench(desired(session("main", window("dev", "x")), agent("a"))).run()
    assert status(bench, "p/session/main") == ("True", "open", "as-wished")
    bench.commit(desired(session("main", window("dev", "x")), problems=(problem(),)))
    assert status(bench, A) == ("False", "held", "tree-has-errors")
    bench.host.human_close("$0" if bench.host.session("p/main").id == "$0" else "$1")
    assert status(bench, "p/session/main") == ("False", "absent", "absent")
    assert status(bench, "p/session/main/dev.0") == ("False", "absent", "absent")
    bench.host.foreign_session("p/main")
    assert status(bench, "p/session/main") == ("False", "held", "name-taken")
    assert status(bench, "p/session/main/dev.0") == ("False", "held", "name-taken")


def test_a_session_whose_panes_were_all_moved_away_by_hand_is_not_there() -> None:
    torch = seated("torch", "main", "dev")
    bench = Bench(desired(session("main", window("dev", torch)), agent("a"), torch)).run()
    there = bench.host.session("p/a").windows[0].id
    bench.host.human_move(bench.pane(torch.id).pane_id, there)
    assert not bench.plan().actions
    assert status(bench, "p/session/main") == ("False", "absent", "absent")
    assert status(bench, torch.id) == ("True", "running", "as-wished")


def test_a_failed_move_says_why() -> None:
    bench = Bench(desired(agent("a")))
    bench.host.fail_in = 0
    outcomes = tuple(bench.once())
    thought = bench.think()
    (one,) = fold(thought.scene, thought.plan, outcomes)
    assert (one.ready, one.reason) == (Ready.FALSE, "failed")
    assert one.message == "no space for new pane look at `novaorch diff` again"
    bench.host.refused[A] = ("no such command", "install it")
    thought = bench.think()
    (one,) = fold(thought.scene, thought.plan)
    assert one.message == "no such command; install it"
    assert one.state == "held"


# -- explain ---------------------------------------------------------------------------------------

GOLDEN = """\
~ update   p/agent/hot     changed
  labels.x: wanted "1", last applied nothing (hot)
  live: %1 pid 1002
- stop     p/agent/gone    removed
  live: %0 pid 1001
↻ restart  p/agent/new     changed
  command: wanted ["other"], last applied ["run"] (restart)
  live: %3 pid 1004
+ start    p/agent/fresh   absent
+ start    p/session/main  absent: 1 window, 2 panes
+ start    p/agent/torch   absent: in p/session/main
! held     p/agent/no      no such command
  to lift it: install it
note: p/agent/moved: its session was renamed to mine by hand
Plan: 3 to start, 1 to update, 1 to restart, 1 to stop, 1 held."""


def test_a_plan_in_words() -> None:
    old = [agent(name) for name in ("gone", "hot", "new", "moved")]
    bench = Bench(desired(*old)).run()
    bench.host.human_rename("p/moved", "mine")
    bench.host.refused[agent_id("no")] = ("no such command", "install it")
    torch = seated("torch", "main", "dev")
    bench.commit(
        desired(
            agent("fresh"),
            agent("hot", labels={"x": "1"}),
            agent("new", "other"),
            agent("no"),
            agent("moved"),
            torch,
            session("main", window("dev", "sh", torch)),
        )
    )
    lines = explain(bench.plan())
    assert "\n".join("  " * line.depth + line.text for line in lines) == GOLDEN
    counts = counts_json(bench.plan())
    assert counts == {"start": 3, "update": 1, "restart": 1, "stop": 1, "adopt": 0, "hold": 1}


def test_a_hold_with_an_end_says_when() -> None:
    action = Action(Verb.HOLD, A, Reason.BACKING_OFF, detail="waits", until=1_800_000_000)
    lines = [line.text for line in explain(Plan("i", "c", "t", (action,)))]
    assert lines[:2] == ["! held     p/agent/a  waits", "until 2027-01-15 08:00:00 UTC"]
    assert summary(Plan("i", "c", "t", ())) == "Nothing to do: what runs is what is wished for."
    adopt = Action(Verb.ADOPT, A, Reason.ABSENT)
    assert "1 to adopt, 0 held" in summary(Plan("i", "c", "t", (adopt,)))


def test_words_from_outside_cannot_play_tricks_on_a_terminal() -> None:
    assert clean("plain") == "plain"
    assert clean("grün ✓") == "grün ✓"
    assert clean("a\x1b[31mb\n\u202ec\u200b") == "a\\u{1b}[31mb\\u{a}\\u{202e}c\\u{200b}"
    assert (
        outcome_line(Outcome(Action(Verb.START, A, Reason.ABSENT))) == "+ start    p/agent/a  done"
    )
    failed = Outcome(Action(Verb.START, A, Reason.ABSENT), error="no\x1b")
    assert outcome_line(failed) == "✗ start    p/agent/a  no\\u{1b}"


def test_a_value_of_just_the_longest_length_is_whole() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "x" * 116)))
    assert f'wanted ["{"x" * 116}"], last' in explain(bench.plan())[1].text


def test_long_values_are_cut() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "x" * 500)))
    text = explain(bench.plan())[1].text
    (wanted,) = [part for part in text.split() if part.endswith("…,")]
    assert len(wanted) == 121


def test_problems_and_actions_as_words_and_as_data() -> None:
    bad = problem()
    lines = problem_lines(bad)
    assert lines == [
        f"{bad.where}: error[schema/type]: not a number",
        "  why: a number is wanted",
        "  fix: write one",
    ]
    assert problem_lines(replace(bad, why="", fix="")) == lines[:1]
    (data,) = problems_json([bad])
    assert isinstance(data, dict)
    assert (data["line"], data["rule"], data["severity"]) == (4, "schema/type", "error")
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "new")))
    found = action_json(bench.plan().actions[0])
    assert found["verb"] == "restart"
    assert found["source"] == "p/agents/a.yaml:3"
    assert found["changes"] == [
        {"field": "command", "wanted": ["new"], "applied": ["run"], "class": "restart"}
    ]
    assert "until" not in found
    assert "fix" not in found
    held = action_json(Action(Verb.HOLD, A, Reason.DEPENDENCY, until=5, fix="x"))
    assert (held["until"], held["fix"]) == (5, "x")


# -- fingerprints ----------------------------------------------------------------------------------


def test_a_plan_is_the_same_plan_later() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.commit(desired(agent("a", "new"), session("main", window("w", "x"))))
    first = bench.plan()
    bench.clock.sleep(5_000)
    again = bench.plan()
    assert first.id == again.id
    assert [fingerprint(a) for a in first.moves] == [fingerprint(a) for a in again.moves]
    bench.commit(replace(bench.wishes.wish, commit="other"))
    assert bench.plan().id == first.id
    bench.commit(desired(agent("a", "newer"), session("main", window("w", "x"))))
    assert bench.plan().id != first.id


def test_a_fingerprint_names_the_very_process_the_wish_and_the_reason() -> None:
    base = Action(Verb.START, A, Reason.ABSENT, wanted="d")
    others = [
        replace(base, verb=Verb.RESTART),
        replace(base, unit=agent_id("b")),
        replace(base, reason=Reason.EXITED),
        replace(base, wanted="e"),
        replace(base, needs=(A,)),
        replace(base, steps=(do.Close("%1"),)),
        replace(base, steps=(do.Close("%2"),)),
        replace(base, steps=(do.SwapPanes("%1", "%2"),)),
        replace(base, steps=(do.SwapPanes("%1", "%3"),)),
    ]
    prints = {fingerprint(action) for action in (base, *others)}
    assert len(prints) == len(others) + 1
    assert fingerprint(replace(base, detail="prose", until=9, fix="x")) == fingerprint(base)


def test_a_drain_until_of_less_than_a_second_is_one() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a", "new", grace=0.2)))
    marks = [s.mark for s in bench.steps() if isinstance(s, do.MarkPane)]
    assert [(m.drain, m.drain_until) for m in marks] == [(Drain.RESTART, -1)]


def test_the_name_of_a_plan_tells_what_it_does() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    quiet = bench.plan().id
    bench.host.exit(A, 1)
    one = bench.plan().id
    bench.host.exit("p/agent/b", 1)
    assert len({quiet, one, bench.plan().id}) == 3


def test_a_session_whose_move_failed_is_not_ready() -> None:
    bench = Bench(desired(session("main", window("dev", "x")))).run()
    thought = bench.think()
    outcome = Outcome(Action(Verb.UPDATE, session_id("main"), Reason.CHANGED), error="no")
    (one,) = [s for s in fold(thought.scene, thought.plan, [outcome]) if s.unit.count("/") == 2]
    assert (one.ready, one.reason, one.message) == (Ready.FALSE, "failed", "no")


def test_a_hold_without_words_says_its_reason_and_lines_below_are_indented_once() -> None:
    bare = Action(Verb.HOLD, A, Reason.BACKING_OFF, until=1_800_000_000, fix="wait")
    lines = explain(Plan("i", "c", "t", (bare,)))
    assert lines[0].text == "! held     p/agent/a  backing off"
    assert [line.depth for line in lines] == [0, 1, 1, 0]


# -- a drain and a clock that was set back ---------------------------------------------------------


@pytest.mark.parametrize("drain", [Drain.ASKED_RESTART, Drain.RESTART, Drain.STOP])
def test_a_stage_begins_anew_when_the_clock_was_set_back(drain: Drain) -> None:
    now, how = 1_000_000.0, Ending(("bye",), 15.0, 5.0)
    mark = PaneMark("f", A, "d", "c", drain=drain, drain_until=int(now) + 3_600)
    assert not has_time(mark, now)
    (step,) = press(SeenPane("%1", "@1", "$1", 0, 7, False, None, mark), mark, how, now)
    again = stamp(step, now)
    assert isinstance(again, do.MarkPane)
    assert again.mark.drain is drain
    assert again.mark.drain_until == now + 15
    assert has_time(again.mark, now)
    assert "set back" in unheeded(mark, now)


def test_the_longest_stage_is_not_taken_for_one() -> None:
    for now in (1_000_000.0, 1_000_000.9):
        mark = drain_mark(PaneMark("f", A, "d", "c"), Drain.STOP, LONGEST_S)
        asked = stamp(do.MarkPane("%1", mark), now)
        assert isinstance(asked, do.MarkPane)
        assert has_time(asked.mark, now)
        assert not has_time(asked.mark, asked.mark.drain_until)


# -- questions -------------------------------------------------------------------------------------


def test_a_pane_at_home_is_asked_about_in_one_place_only() -> None:
    torch = seated("torch", "main", "dev")
    bench = Bench(desired(session("main", window("dev", "x", torch)), torch)).run()
    bench.commit(desired(session("main", window("dev", "y", torch)), torch))
    questions = inquire(bench.think().scene)
    assert questions.applied
    assert not questions.elsewhere


def test_of_what_nobody_wants_only_who_is_told_now_is_asked_about() -> None:
    c, b = agent("c", restart=NEVER), agent("b")
    bench = Bench(desired(agent("a", grace=7), b, c)).run()
    bench.host.stubborn.add(A)
    bench.host.exit(c.id, 0)
    bench.commit(desired(b))
    assert list(inquire(bench.think().scene).applied) == [A], "who ended needs no words"
    bench.once()
    assert not inquire(bench.think().scene).applied, "it has its grace"
    bench.clock.sleep(8)
    assert list(inquire(bench.think().scene).applied) == [A]


def test_the_double_of_one_that_is_wanted_ends_as_the_wish_says() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    good, twin = bench.pane(A), bench.pane(agent_id("b"))
    assert good.mark is not None
    bench.host.perform([Order(A, (do.MarkPane(twin.pane_id, good.mark),))])
    assert "stop agent/a leftover" in said(bench.plan().actions)
    assert not inquire(bench.think().scene).applied


# -- windows and stops -----------------------------------------------------------------------------


def test_a_renamed_window_of_an_agent_stays_the_window_it_is() -> None:
    def wish(key: str) -> Desired:
        torch = seated("torch", "main", key)
        return desired(session("main", window(key, torch), window("ops", "x")), torch)

    bench = Bench(wish("dev")).run()
    before = bench.pane(agent_id("torch"))
    bench.commit(wish("work"))
    kinds = {type(step) for step in bench.steps()}
    assert do.MarkWindow in kinds
    assert not kinds & {do.OpenWindow, do.SwapPanes}
    assert bench.run().pane(agent_id("torch")).window_id == before.window_id


def test_panes_in_another_order_are_laid_out_again() -> None:
    def wish(*panes: str) -> Desired:
        return desired(session("main", window("dev", *panes, layout="tiled")))

    bench = Bench(wish("a", "b")).run()
    bench.commit(wish("b", "a"))
    assert do.Arrange in {type(step) for step in bench.steps()}


def test_what_ended_after_its_hour_is_removed_and_not_killed() -> None:
    bench = Bench(desired(agent("a", grace=1), agent("b"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("b")))
    bench.once()
    bench.clock.sleep(30)
    bench.host.exit(A, 0)
    kinds = [type(step) for step in bench.steps()]
    assert kinds == [do.Close]


def test_of_two_that_bear_one_name_the_one_that_runs_counts() -> None:
    first, second = UnitId("p/session/main/dev.0"), UnitId("p/session/main/dev.1")
    bench = Bench(desired(session("main", window("dev", "a", "b")))).run()
    dead, alive = bench.pane(first), bench.pane(second)
    bench.host.exit(first, 1)
    assert dead.mark is not None
    bench.host.perform([Order(first, (do.MarkPane(alive.pane_id, dead.mark),))])
    for command in ("a", "new"):
        bench.commit(desired(session("main", window("dev", command))))
        assert bench.think().scene.match.panes[first].pane_id == alive.pane_id
