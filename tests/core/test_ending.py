"""How a process is brought to its end: every stage, in order, each in the mark of its pane."""

from __future__ import annotations

import pytest

from reconciler.core.ending import Ending, applied_ending, ending
from reconciler.model import step as do
from reconciler.model.action import Reason, Verb
from reconciler.model.ids import Json
from reconciler.model.unit import Desired
from reconciler.model.world import Drain
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired

A, B = agent_id("a"), agent("b")
EXIT = ("/exit",)


def polite(command: str = "run", **more: object) -> Desired:
    return desired(agent("a", command, quits=EXIT, grace=7, kill=3, **more), B)  # type: ignore[arg-type]


def stage(bench: Bench) -> Drain:
    mark = bench.pane(A).mark
    assert mark is not None
    return mark.drain


ENDS = {
    "restart": (polite("new"), Drain.ASKED_RESTART, Drain.RESTART, Verb.RESTART),
    "stop by wish": (polite(stopped=True), Drain.ASKED_STOP, Drain.STOP, Verb.STOP),
    "remove": (desired(B), Drain.ASKED_STOP, Drain.STOP, Verb.STOP),
}


@pytest.mark.parametrize("name", ENDS)
def test_words_then_term_then_kill_each_after_its_own_time(name: str) -> None:
    wish, asked, pressed, verb = ENDS[name]
    bench = Bench(polite()).run()
    bench.host.stubborn.add(A)
    pane = bench.pane(A)
    bench.commit(wish)
    (first,) = bench.plan().moves
    marked, typed = first.steps
    assert isinstance(marked, do.MarkPane), "nothing is typed twice"
    assert (marked.mark.drain, marked.mark.drain_until) == (asked, -7)
    assert typed == do.TypeLines(pane.pane_id, pane.pid, EXIT)
    bench.once()
    assert stage(bench) is asked
    (hold,) = bench.plan().holds
    assert (hold.reason, hold.detail) == (
        Reason.DRAINING,
        "asked to end; TERM follows when its grace is over",
    )
    assert hold.until == bench.clock.now() + 7
    bench.clock.sleep(6.9)
    assert not bench.plan().moves
    bench.clock.sleep(0.1)
    (term,) = bench.plan().moves
    assert (term.verb, term.reason, term.continues) == (verb, Reason.DRAIN_OVERDUE, True)
    assert term.detail == "the words did not end it"
    bench.once()
    assert stage(bench) is pressed
    assert [name for _, _, name in bench.host.signals] == ["TERM"]
    bench.clock.sleep(2.9)
    assert [hold.detail for hold in bench.plan().holds] == [
        "asked to end; KILL follows when its grace is over"
    ]
    bench.clock.sleep(0.1)
    assert bench.plan().moves[0].detail == "did not end in its grace"
    bench.once()
    assert [name for _, _, name in bench.host.signals] == ["TERM", "KILL"]
    bench.run()
    assert bench.plan().actions == ()


@pytest.mark.parametrize("name", ENDS)
def test_who_obeys_words_gets_no_signal(name: str) -> None:
    bench = Bench(polite()).run()
    bench.host.polite.add(A)
    bench.run(ENDS[name][0])
    assert bench.host.signals == []
    assert bench.host.starts[A] == (2 if name == "restart" else 1)


@pytest.mark.parametrize("name", ENDS)
def test_who_does_not_know_the_words_obeys_term(name: str) -> None:
    bench = Bench(polite()).run()
    bench.run(ENDS[name][0])
    assert [name for _, _, name in bench.host.signals] == ["TERM"]


def test_a_kill_is_repeated_without_haste_until_the_pane_is_dead() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new")))
    bench.once()
    bench.clock.sleep(15)
    (kill,) = bench.plan().moves
    marked, signal = kill.steps
    assert isinstance(marked, do.MarkPane)
    assert (marked.mark.drain, marked.mark.drain_until) == (Drain.RESTART, -5)
    assert isinstance(signal, do.Signal)
    assert signal.name == "KILL"


@pytest.mark.parametrize("wish", [desired(agent("a", "new"), B), desired(B)])
def test_a_shell_hangs_up(wish: Desired) -> None:
    bench = Bench(desired(agent("a", ""), B)).run()
    bench.run(wish)
    assert [name for _, _, name in bench.host.signals] == ["HUP"]


def test_a_shell_that_got_words_hangs_up_afterwards() -> None:
    bench = Bench(desired(agent("a", "", quits=("exit",)), B)).run()
    bench.run(desired(B))
    assert [name for _, _, name in bench.host.signals] == ["HUP"]


def test_what_is_typed_is_for_the_program_that_runs() -> None:
    claude = agent("a", "claude", quits=EXIT, grace=9, kill=2)
    applied: dict[str, Json] = {f.name: f.value for f in claude.fields}
    assert ending(claude, None) == Ending(EXIT, 9, 2)
    assert ending(claude, {}) == Ending(EXIT, 9, 2)
    other = agent("a", "", quits=("quit",), grace=1, kill=4)
    assert ending(other, applied) == Ending(EXIT, 1, 4)
    told = agent("a", "claude", quits=("bye",), labels={"x": "1"})
    assert ending(told, applied) == Ending(("bye",), 15, 5)
    assert ending(claude, {**applied, "command": []}) == Ending(EXIT, 9, 2, shell=True)


@pytest.mark.parametrize("odd", [None, True, "9", [], {}, -1, 1e12, float("nan"), float("inf")])
def test_odd_memories_of_a_session_are_no_times(odd: Json) -> None:
    fields: dict[str, Json] = {"stop.grace": odd, "stop.kill": odd, "stop.quit": odd}
    assert applied_ending(fields) == Ending()
    assert applied_ending({"stop.grace": 0, "stop.kill": 2.5}) == Ending((), 0, 2.5)
    assert applied_ending({"stop.quit": ["/exit", 7, "y"]}).quit == ("/exit", "y")


def test_words_of_another_life_are_not_typed() -> None:
    bench = Bench(polite()).run()
    bench.host.session("p/a").fields[A] = '{"command": ["run"], "stop.quit": ["rm -rf ."]}'
    bench.commit(desired(B))
    assert said(bench.plan().moves) == ["stop agent/a removed"]
    assert not [s for s in bench.steps() if isinstance(s, do.TypeLines)]


def test_a_wish_that_comes_back_in_the_middle_waits_for_the_end_and_starts_anew() -> None:
    bench = Bench(polite()).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(B))
    bench.once()
    bench.commit(polite())
    assert said(bench.plan().actions) == ["hold agent/a draining"]
    bench.clock.sleep(7)
    bench.once()
    assert stage(bench) is Drain.STOP
    bench.clock.sleep(3)
    bench.run()
    assert stage(bench) is Drain.NONE
    assert bench.host.starts[A] == 2


def test_who_waits_for_one_that_is_typed_to_is_not_started_before_it() -> None:
    bench = Bench(polite()).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new", quits=EXIT), B, agent("c", after=["a"])))
    assert said(bench.plan().actions) == [
        "restart agent/a changed",
        "hold agent/c dependency-not-ready",
    ]


def test_what_ended_late_is_removed_and_not_pressed() -> None:
    """Its time is over, but it is dead: that is an end, no refusal to end."""
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("b")))
    bench.once()
    bench.clock.sleep(1000)
    bench.host.exit(A, 0)
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.STOP, Reason.DRAINED)
    assert not any(isinstance(step, do.Signal) for step in action.steps)
