"""Decisions: each is made once, by a rule, a person or the pane, and nobody waits in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.state import QuestionFile
from reconciler.core import hookwire
from reconciler.core.deciding import answered
from reconciler.loop.decisions import Decisions
from reconciler.model.agent import Persona, Roster, Rule, Seat
from reconciler.model.decision import Decision
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import BlindError, NovaorchError

TORCH, ANVIL = UnitId("web/agent/torch"), UnitId("web/agent/anvil")
LIMIT_S = 20.0


class Clock:
    """The hour that a test says, unless it goes on by itself."""

    def __init__(self) -> None:
        self.hour = 1_000.0

    def now(self) -> float:
        return self.hour

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class Rig:
    """Decisions of a small fleet, and everything that they tell."""

    path: Path
    rules: tuple[Rule, ...] = ()
    clock: Clock = field(default_factory=Clock)
    brought: list[Decision] = field(default_factory=list)
    noted: list[Decision] = field(default_factory=list)
    broken: bool = False
    hold_s: float = 600.0

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(20)
        self.decisions = self.fresh()

    def fresh(self) -> Decisions:
        return Decisions(
            roster=self.roster,
            clock=self.clock,
            drawer=QuestionFile(self.path),
            deliver=self.deliver,
            note=self.noted.append,
            hold_s=self.hold_s,
        )

    def roster(self) -> Roster:
        persona = Persona("claude-code", rules=self.rules)
        return Roster(seats={TORCH: Seat(TORCH, persona, "auto", directory="/repo")})

    def deliver(self, decision: Decision) -> None:
        if self.broken:
            raise BlindError("the store does not answer", fix="novaorch doctor")
        self.brought.append(decision)

    def hear(self, name: str, command: str = "make", unit: UnitId = TORCH) -> HookAnswer:
        return self.decisions.hear(event(name, command, unit))

    def request(self, command: str = "make", unit: UnitId = TORCH) -> Future[HookAnswer]:
        """Ask for a permission in a thread; return when it waits."""
        before = len(self.decisions.listing())
        asked = self.pool.submit(self.hear, "PermissionRequest", command, unit)
        until(lambda: len(self.decisions.listing()) > before or asked.done())
        return asked


def event(name: str, command: str = "make", unit: UnitId = TORCH, tool: str = "Bash") -> HookEvent:
    payload: Mapping[str, Json] = {"tool_name": tool, "tool_input": {"command": command}}
    return HookEvent(unit, name, 1_000.0, payload)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "questions.json")
    yield made
    made.decisions.close()
    made.pool.shutdown()


# -- permissions -----------------------------------------------------------------------------------


def test_a_rule_answers_at_once_and_that_is_noted(rig: Rig) -> None:
    rig.rules = (Rule("Bash", "deny", "rm *"), Rule("Bash", "allow", "make*"))
    assert rig.hear("PermissionRequest", "make test").decision == "allow"
    denied = rig.hear("PermissionRequest", "rm x")
    assert (denied.decision, denied.because) == ("deny", "denied by rule Bash rm *")
    assert [(d.answer, d.by) for d in rig.noted] == [
        ("allow", "rule Bash make*"),
        ("deny", "rule Bash rm *"),
    ]
    assert rig.decisions.listing() == ()


def test_a_person_answers_what_no_rule_does(rig: Rig) -> None:
    rig.rules = (Rule("Bash", "ask", "make*"), Rule("Bash", "allow"))
    asked = rig.request("make deploy")
    (waits,) = rig.decisions.listing()
    assert (waits.unit, waits.kind, waits.asks, waits.detail) == (
        TORCH,
        "permission",
        "Bash",
        "make deploy",
    )
    assert waits.held_until == 1_600.0
    rig.decisions.answer(waits.id[:3], "DENY", "Ada", "not on a Friday")
    said = asked.result(LIMIT_S)
    assert (said.decision, said.because) == ("deny", "not on a Friday")
    assert rig.decisions.listing() == ()
    (kept,) = rig.decisions.listing(answered=True)
    assert (kept.answer, kept.by, kept.because) == ("deny", "Ada", "not on a Friday")
    with pytest.raises(NovaorchError) as caught:
        rig.decisions.answer(waits.id, "allow", "Eve")
    assert "nothing waits" in caught.value.what


def test_of_two_who_answer_one_counts(rig: Rig) -> None:
    for _ in range(20):
        asked = rig.request()
        (waits,) = rig.decisions.listing()
        start = threading.Barrier(2)

        def answer(word: str, name: str, barrier: threading.Barrier = start) -> str:
            barrier.wait()
            try:
                return rig.decisions.answer(name, word, word).answer
            except NovaorchError:
                return ""

        tries = [rig.pool.submit(answer, word, waits.id) for word in ("allow", "deny")]
        answers = {done for one in tries if (done := one.result(LIMIT_S))}
        assert answers == {asked.result(LIMIT_S).decision}


@pytest.mark.parametrize("name", ["PostToolUse", "PostToolUseFailure", hookwire.GONE])
def test_what_was_answered_at_the_pane_is_closed_and_nothing_else(rig: Rig, name: str) -> None:
    first, second = rig.request("make a"), rig.request("make b")
    other = rig.request("make a", ANVIL)
    rig.hear(name, "make a")
    assert first.result(LIMIT_S) == SILENCE
    assert not second.done()
    assert not other.done()
    assert {(d.unit, d.detail) for d in rig.decisions.listing()} == {
        (TORCH, "make b"),
        (ANVIL, "make a"),
    }
    assert rig.noted == []


@pytest.mark.parametrize("name", ["Stop", "StopFailure", "UserPromptSubmit", "SessionEnd"])
def test_a_turn_that_is_over_waits_for_nothing(rig: Rig, name: str) -> None:
    asked = [rig.request("make a"), rig.request("make b")]
    other = rig.request("make a", ANVIL)
    rig.hear(name)
    assert [one.result(LIMIT_S) for one in asked] == [SILENCE, SILENCE]
    assert not other.done()


@pytest.mark.parametrize("name", ["PreToolUse", "Notification", "Nonsense"])
def test_other_news_closes_nothing(rig: Rig, name: str) -> None:
    asked = rig.request()
    assert rig.hear(name) == SILENCE
    assert not asked.done()


def test_nobody_is_held_longer_than_the_client_waits(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "q", hold_s=0.05)
    assert rig.hear("PermissionRequest") == SILENCE
    assert rig.decisions.listing() == ()
    assert rig.decisions.hold_s < hookwire.HELD_TIMEOUT_S
    rig.pool.shutdown()


def test_when_the_daemon_ends_the_dialogs_decide(rig: Rig) -> None:
    asked = rig.request()
    rig.decisions.close()
    assert asked.result(LIMIT_S) == SILENCE
    assert rig.hear("PermissionRequest") == SILENCE


def test_what_asks_several_things_is_shown_but_answered_at_its_pane(rig: Rig) -> None:
    rig.rules = (Rule("*", "allow"),)
    asked = rig.pool.submit(rig.decisions.hear, event("PermissionRequest", tool="AskUserQuestion"))
    until(rig.decisions.listing)
    (waits,) = rig.decisions.listing()
    with pytest.raises(NovaorchError) as caught:
        rig.decisions.answer(waits.id, "allow", "Ada")
    assert caught.value.fix == "novaorch attach web/agent/torch"
    assert not asked.done()


@pytest.mark.parametrize(
    "payload", [{}, {"tool_name": 7}, {"tool_name": "Bash", "tool_input": "x"}, {"tool_input": []}]
)
def test_what_is_not_as_it_should_be_is_still_a_question(
    rig: Rig, payload: dict[str, Json]
) -> None:
    rig.rules = (Rule("Bash", "allow", "make*"),)
    odd = HookEvent(TORCH, "PermissionRequest", 1_000.0, payload)
    asked = rig.pool.submit(rig.decisions.hear, odd)
    until(rig.decisions.listing)
    rig.decisions.answer(rig.decisions.listing()[0].id, "allow", "Ada")
    assert asked.result(LIMIT_S).decision == "allow"


# -- questions -------------------------------------------------------------------------------------


def test_the_answer_of_a_question_is_brought(rig: Rig) -> None:
    asked = rig.decisions.ask(TORCH, " Which port? ", ["80", "443"])
    assert (asked.asks, asked.options, asked.kind) == ("Which port?", ("80", "443"), "question")
    made = rig.decisions.answer(asked.id, "2", "Ada", "it is safer")
    assert (made.answer, made.by) == ("443", "Ada")
    assert rig.brought == rig.noted == [made]
    text = answered(made)
    assert asked.id in text
    assert text.endswith("Which port?\nAnswer: 443\nBecause: it is safer")
    assert rig.decisions.listing() == ()


def test_a_question_outlives_the_daemon(rig: Rig) -> None:
    asked = rig.decisions.ask(TORCH, "Which port?")
    again = rig.fresh()
    assert again.listing() == (asked,)
    again.answer(asked.id, "any", "Ada")
    assert rig.fresh().listing() == ()


def test_the_same_question_is_one(rig: Rig) -> None:
    first = rig.decisions.ask(TORCH, "Which port?")
    assert rig.decisions.ask(TORCH, "Which port? ") == first
    assert rig.decisions.ask(ANVIL, "Which port?") != first
    assert len(rig.decisions.listing()) == 2


def test_an_answer_that_cannot_be_brought_is_not_given(rig: Rig) -> None:
    asked = rig.decisions.ask(TORCH, "Which port?")
    rig.broken = True
    with pytest.raises(BlindError):
        rig.decisions.answer(asked.id, "80", "Ada")
    assert rig.decisions.listing() == (asked,)
    rig.broken = False
    assert rig.decisions.answer(asked.id, "80", "Ada").answer == "80"


@pytest.mark.parametrize("answer", ["", "  ", "444", "3", "0", "٣", "4433"])
def test_what_is_no_option_is_no_answer(rig: Rig, answer: str) -> None:
    asked = rig.decisions.ask(TORCH, "Which port?", ["80", "443"])
    with pytest.raises(NovaorchError) as caught:
        rig.decisions.answer(asked.id, answer, "Ada")
    assert "80, 443" in caught.value.why


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (" ", []),
        ("x" * 4_001, []),
        ("?", [str(n) for n in range(11)]),
        ("?", ["a", ""]),
        ("?", ["a", "A"]),
        ("?", ["x" * 201]),
    ],
)
def test_what_cannot_be_asked_is_said(rig: Rig, question: str, options: list[str]) -> None:
    with pytest.raises(NovaorchError) as caught:
        rig.decisions.ask(TORCH, question, options)
    assert caught.value.why
    assert rig.decisions.listing() == ()


def test_nobody_asks_without_end(rig: Rig) -> None:
    for number in range(20):
        rig.decisions.ask(TORCH, f"{number}?")
    with pytest.raises(NovaorchError):
        rig.decisions.ask(TORCH, "one more?")
    rig.decisions.ask(ANVIL, "one more?")


def test_names_are_told_apart(rig: Rig) -> None:
    names = iter(["dab", "dac", "dab", "dad"])
    rig.decisions.mint = lambda: next(names)
    for number in range(3):
        rig.decisions.ask(TORCH, f"{number}?")
    assert [d.id for d in rig.decisions.listing()] == ["dab", "dac", "dad"]
    with pytest.raises(NovaorchError) as caught:
        rig.decisions.answer("da", "x", "Ada")
    assert caught.value.why == "dab, dac, dad"
    for nothing in ("", " ", "x"):
        with pytest.raises(NovaorchError):
            rig.decisions.answer(nothing, "x", "Ada")


@pytest.mark.parametrize("content", [b"", b"[1, {}]", b"{}", b'[{"id": 1}]', b"\xff", b"[" * 9999])
def test_a_damaged_drawer_is_empty(rig: Rig, content: bytes) -> None:
    rig.path.write_bytes(content)
    again = rig.fresh()
    assert again.listing() == ()
    again.ask(TORCH, "Which port?")
    assert len(rig.fresh().listing()) == 1
