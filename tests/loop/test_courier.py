"""The courier: hears hooks, makes rounds, writes down first, and outlives whatever goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.memory import MemoryClock, MemoryMail, MemoryPane, MemoryTypist
from reconciler.core.envelope import mark, marks
from reconciler.core.errand import GO_ON_MAX, Closed
from reconciler.core.messageid import message_id
from reconciler.loop.courier import SWEEP_S, Courier
from reconciler.loop.post import RECHECK_S
from reconciler.loop.rounds import WORD_S, Doors
from reconciler.model.agent import AgentReport, AgentState, Evidence, Persona, Roster, Seat
from reconciler.model.capacity import Spending
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.message import Message, Priority, Stage, Tracked
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.ports import Clock

BOB, EVE = UnitId("p/agent/bob"), UnitId("p/agent/eve")
BUSY, IDLE = AgentState.BUSY, AgentState.IDLE


class Transcript:
    """What models were given; None knows nothing."""

    def __init__(self) -> None:
        self.texts: set[str] | None = set()

    def holds(self, _seat: Seat, texts: Sequence[str]) -> frozenset[str] | None:
        return None if self.texts is None else frozenset(self.texts.intersection(texts))

    def session(self, _seat: Seat) -> Evidence | None:
        return None

    def spending(self, _seat: Seat, _day: str) -> Spending | None:
        return None


class CountingMail(MemoryMail):
    """Mail that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def inbox(self, to: str, limit: int = 100) -> Sequence[Tracked]:
        self.asked.append(to)
        return super().inbox(to, limit)


@dataclass
class Stand:
    """A courier and its world, two agents in it."""

    clock: Clock = field(default_factory=MemoryClock)
    mail: CountingMail = field(default_factory=CountingMail)
    typist: MemoryTypist = field(default_factory=MemoryTypist)
    records: Transcript = field(default_factory=Transcript)
    states: dict[UnitId, AgentState] = field(default_factory=dict)
    closed: Closed | None = None
    writes: bool = True
    """Whether what is submitted comes into the transcript."""
    said: list[str] = field(default_factory=list)
    prompts: dict[UnitId, list[str]] = field(default_factory=lambda: {BOB: [], EVE: []})
    roster: Roster = field(default_factory=Roster)
    courier: Courier = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        seats = {}
        for number, unit in enumerate((BOB, EVE), 1):
            self.typist.panes[f"%{number}"] = self.life(unit, number)
            seats[unit] = Seat(unit, Persona("claude-code"), "auto", f"%{number}", number)
        self.roster = Roster("f", "c", seats)
        self.anew()

    def life(self, unit: UnitId, pid: int) -> MemoryPane:
        """A pane with a program of its own."""

        def submit(text: str) -> None:
            self.prompts[unit].append(text)
            if self.writes and self.records.texts is not None:
                self.records.texts.update(map(mark, marks(text)))

        return MemoryPane(unit, pid, submit)

    def anew(self) -> None:
        """Another life of the courier."""
        self.mail.close()
        self.courier = Courier(
            Doors(
                mail=self.mail,
                typist=self.typist,
                records=self.records,
                roster=lambda: self.roster,
                report=self.report,
                clock=self.clock,
                log=self.said.append,
                admit=lambda _seat, _now: self.closed,
            )
        )

    def seat(self, unit: UnitId = BOB, **more: object) -> None:
        """Change where and how an agent lives."""
        old = self.roster.seats[unit]
        values = {
            "unit": unit,
            "persona": old.persona,
            "mode": old.mode,
            "pane": old.pane,
            "pid": old.pid,
        }
        seat = Seat(**(values | more))  # type: ignore[arg-type]
        self.roster = Roster("f", "c", {**self.roster.seats, unit: seat})

    def report(self, unit: UnitId, now: float) -> AgentReport:
        return AgentReport(self.states.get(unit, IDLE), now, 1.0, "as the test says")

    def send(self, body: str = "hello", to: UnitId = BOB, **more: object) -> str:
        self._count += 1
        name = message_id(int(self.clock.now() * 1000) + self._count, self._count)
        message = Message(name, "person:ada", str(to), body, self.clock.now(), **more)  # type: ignore[arg-type]
        self.mail.accept([message])
        return name

    def go(self, seconds: float = 0.0) -> None:
        """Let the bell be heard and time pass, round after round."""
        assert isinstance(self.clock, MemoryClock)
        if not self.mail.down:
            self.courier.listen(0.0)
        self.let_pass(seconds)

    def let_pass(self, seconds: float = 0.0) -> None:
        assert isinstance(self.clock, MemoryClock)
        end = self.clock.hour + seconds
        while True:
            left = self.courier.round()
            if self.clock.hour + left > end:
                break
            self.clock.hour += max(left, 0.001)
        self.clock.hour = end

    def hear(self, name: str, unit: UnitId = BOB, **payload: Json) -> HookAnswer:
        return self.courier.hear(HookEvent(unit, name, self.clock.now(), payload))

    def stage(self, message: str) -> Stage:
        found = self.mail.find(message)
        assert found is not None
        return found.stage

    def evidence(self, message: str) -> str:
        found = self.mail.find(message)
        assert found is not None
        return found.proofs[-1].evidence

    @property
    def pane(self) -> MemoryPane:
        return self.typist.panes["%1"]


@pytest.fixture
def stand() -> Stand:
    return Stand()


# -- the whole way ---------------------------------------------------------------------------------


def test_a_message_goes_all_the_way(stand: Stand) -> None:
    name = stand.send("hello bob")
    assert stand.stage(name) is Stage.ACCEPTED
    stand.go()
    assert marks(stand.prompts[BOB][0]) == {name}
    assert stand.stage(name) is Stage.INJECTED
    assert "pasted into %1 of process 1" in stand.evidence(name)
    stand.hear("UserPromptSubmit", prompt=stand.prompts[BOB][0])
    stand.hear("PreToolUse")
    assert stand.stage(name) is Stage.SUBMITTED
    stand.hear("Stop")
    assert stand.stage(name) is Stage.READ
    assert stand.mail.inbox(str(BOB)) == ()
    assert stand.pane.keys[1:] == ["Enter"], "one paste, one Enter"


def test_a_prompt_is_believed_when_the_transcript_has_it_or_the_turn_goes_on(stand: Stand) -> None:
    stand.writes = False
    name = stand.send()
    stand.go()
    hour = stand.clock.now()
    stand.hear("UserPromptSubmit", prompt=mark(name))
    assert stand.stage(name) is Stage.INJECTED
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.let_pass(0.1)
    assert stand.stage(name) is Stage.SUBMITTED
    found = stand.mail.find(name)
    assert found is not None
    assert found.proofs[-1].at == hour, "it is proved as of the hook"


@pytest.mark.parametrize("knows", [True, False])
def test_a_transcript_that_keeps_silent_does_not_count_for_ever(knows: bool, stand: Stand) -> None:
    stand.writes = False
    stand.records.texts = set() if knows else None
    name = stand.send()
    stand.go()
    stand.hear("UserPromptSubmit", prompt=mark(name))
    stand.let_pass(WORD_S * 2 if knows else 0.1)
    assert stand.stage(name) is Stage.SUBMITTED


def test_who_dies_before_the_model_was_given_it_is_given_it_again(stand: Stand) -> None:
    stand.writes = False
    name = stand.send()
    stand.go()
    stand.hear("UserPromptSubmit", prompt=mark(name))
    stand.writes = True
    stand.typist.panes["%1"] = stand.life(BOB, 7)
    stand.seat(pid=7)
    stand.let_pass(20.0)
    assert [marks(text) for text in stand.prompts[BOB]] == [{name}, {name}]


def test_what_one_is_told_of_another_proves_nothing(stand: Stand) -> None:
    name = stand.send(to=EVE)
    stand.hear("UserPromptSubmit", BOB, prompt=mark(name))
    stand.hear("PreToolUse", BOB)
    assert stand.stage(name) is Stage.ACCEPTED
    assert stand.hear("PostToolUse", UnitId("p/agent/nobody")) is SILENCE


def test_an_enter_that_was_swallowed_is_pressed_again(stand: Stand) -> None:
    stand.pane.swallows = 1
    name = stand.send()
    stand.go(0.3)
    assert stand.prompts[BOB] == []
    assert "proof" in stand.courier.why(name)
    stand.let_pass(2.0)
    assert [marks(text) for text in stand.prompts[BOB]] == [{name}]
    assert [key[:5] for key in stand.pane.keys] == ["paste", "Enter", "Enter"]


def test_the_most_urgent_come_first_and_go_together(stand: Stand) -> None:
    low, urgent = stand.send("low", priority=Priority.LOW), stand.send(priority=Priority.URGENT)
    stand.go()
    (prompt,) = stand.prompts[BOB]
    assert prompt.index(mark(urgent)) < prompt.index(mark(low))


# -- by hooks --------------------------------------------------------------------------------------


def test_who_works_is_given_it_with_the_next_tool_call(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    name = stand.send("hello bob")
    stand.go(1.0)
    assert stand.stage(name) is Stage.ADMITTED
    assert "next tool call" in stand.courier.why(name)
    answer = stand.hear("PostToolUse", tool_name="Bash")
    assert marks(answer.context) == {name}
    assert "| hello bob" in answer.context
    assert stand.stage(name) is Stage.INJECTED
    assert stand.hear("PostToolUse") is SILENCE, "its arrival is not known yet"
    late = stand.send("another")
    stand.go()
    assert stand.hear("PostToolUse") is SILENCE, "one bundle at a time"
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    assert marks(stand.hear("PostToolUse").context) == {late}
    assert stand.stage(name) is Stage.SUBMITTED
    assert stand.pane.keys == []


def test_a_transcript_that_comes_after_the_end_of_the_turn_proves_that_it_was_read(
    stand: Stand,
) -> None:
    stand.states[BOB] = BUSY
    name = stand.send("hello bob")
    stand.go(1.0)
    assert marks(stand.hear("PostToolUse").context) == {name}
    stand.go(1.0)
    stand.hear("Stop")
    assert stand.stage(name) is Stage.INJECTED
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.go(5.0)
    assert stand.stage(name) is Stage.READ


def test_a_turn_that_ended_before_it_was_given_read_nothing(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    stand.hear("Stop")
    name = stand.send("hello bob")
    stand.go(1.0)
    assert marks(stand.hear("PostToolUse").context) == {name}
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.go(5.0)
    assert stand.stage(name) is Stage.SUBMITTED


def test_a_turn_that_ends_goes_on_with_what_waits_but_not_for_ever(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    assert stand.records.texts is not None
    given = []
    for turn in range(GO_ON_MAX + 2):
        name = stand.send(f"number {turn}")
        stand.go()
        answer = stand.hear("Stop", stop_hook_active=turn > 0)
        given.append(marks(answer.go_on) == {name})
        stand.records.texts.add(mark(name))
    assert given == [True] * GO_ON_MAX + [False, False]
    stand.hear("UserPromptSubmit", prompt="a person's")
    name = stand.send("later")
    stand.go()
    assert marks(stand.hear("Stop", stop_hook_active=False).go_on) >= {name}


def test_a_new_life_does_not_prolong_a_turn_that_hooks_keep_alive(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    stand.send()
    stand.go()
    assert stand.hear("Stop", stop_hook_active=True) is SILENCE
    assert stand.hear("Stop", stop_hook_active="yes").go_on, "only what is true is true"


def test_a_prompt_of_a_person_takes_along_what_waits(stand: Stand) -> None:
    stand.pane.composer = "draft"
    name = stand.send()
    stand.go(1.0)
    assert "draft" in stand.courier.why(name)
    answer = stand.hear("UserPromptSubmit", prompt="draft")
    assert marks(answer.context) == {name}


def test_what_a_subagent_tells_is_not_for_us(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    name = stand.send()
    stand.go()
    assert stand.hear("PostToolUse", agent_id="sub1") is SILENCE
    assert stand.hear("Stop", agent_id="sub1") is SILENCE
    assert stand.stage(name) is Stage.ADMITTED


def test_a_manual_agent_is_left_alone(stand: Stand) -> None:
    stand.seat(mode="manual")
    name = stand.send()
    stand.go(60.0)
    for hook in ("PostToolUse", "Stop", "UserPromptSubmit"):
        assert stand.hear(hook) is SILENCE
    assert stand.pane.keys == []
    assert "mode manual" in stand.courier.why(name)
    stand.seat(mode="auto")
    stand.courier.changed()
    stand.let_pass()
    assert len(stand.prompts[BOB]) == 1


def test_a_bundle_is_cut_to_what_a_hook_may_say(stand: Stand) -> None:
    stand.states[BOB] = BUSY
    names = [stand.send("x" * 4000) for _ in range(3)]
    stand.go()
    context = stand.hear("PostToolUse").context
    assert len(context) < 10_000
    assert marks(context) == set(names[:2])
    assert stand.stage(names[2]) is Stage.ADMITTED


# -- what holds it back ----------------------------------------------------------------------------


def test_a_closed_account_is_not_made_to_work(stand: Stand) -> None:
    stand.closed = Closed(stand.clock.now() + 500, "the account main is used up")
    name = stand.send()
    stand.go(100.0)
    assert stand.pane.keys == []
    assert "account main is used up, until" in stand.courier.why(name)
    assert stand.hear("Stop") is SILENCE, "nor to go on working"
    assert marks(stand.hear("PostToolUse").context) == {name}, "but what works, works on"


def test_an_account_is_asked_only_for_what_is_done_at_once(stand: Stand) -> None:
    asked: list[float] = []
    stand.pane.composer = "draft"
    stand.courier = Courier(
        Doors(
            stand.mail,
            stand.typist,
            stand.records,
            lambda: stand.roster,
            stand.report,
            stand.clock,
            stand.said.append,
            admit=lambda _seat, now: asked.append(now),
        )
    )
    stand.send()
    stand.go(30.0)
    assert asked == []
    stand.pane.composer = ""
    stand.let_pass(RECHECK_S)
    assert len(asked) == 1


def test_what_is_for_people_is_not_delivered(stand: Stand) -> None:
    stand.send(to=UnitId("person:ada"))
    stand.go(60.0)
    assert "person:ada" not in stand.mail.asked


# -- a life ends -----------------------------------------------------------------------------------


def test_a_new_life_takes_up_what_was_in_the_composer(stand: Stand) -> None:
    stand.pane.swallows = 1
    name = stand.send()
    stand.go()
    stand.anew()
    stand.go(5.0)
    assert [marks(text) for text in stand.prompts[BOB]] == [{name}]
    assert len([key for key in stand.pane.keys if key.startswith("paste")]) == 1


def test_a_new_life_finds_what_arrived_in_the_transcript(stand: Stand) -> None:
    name = stand.send()
    stand.go()
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.anew()
    stand.go(1.0)
    assert stand.stage(name) is Stage.SUBMITTED
    assert "transcript" in stand.evidence(name)
    stand.anew()
    stand.hear("Stop")
    assert stand.stage(name) is Stage.READ, "and one more knows what was not answered"


def test_a_keyboard_that_gave_no_answer_is_not_used_twice(stand: Stand) -> None:
    class Torn(MemoryTypist):
        def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
            super().paste(seat, text, enter=enter)
            raise BlindError("tmux does not answer", why="it hangs")

    torn = Torn(stand.typist.panes)
    stand.typist = torn
    stand.anew()
    name = stand.send()
    stand.go(0.4)
    assert stand.said == [f"messages for {BOB} wait: tmux does not answer (it hangs)"]
    assert len(stand.prompts[BOB]) == 1
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.let_pass(10.0)
    assert stand.stage(name) is Stage.SUBMITTED
    assert len(stand.prompts[BOB]) == 1


# -- trouble ---------------------------------------------------------------------------------------


def test_without_bells_and_hooks_the_timer_delivers(stand: Stand) -> None:
    stand.let_pass(1.0)
    name = stand.send()
    stand.let_pass(SWEEP_S + 1)
    assert [marks(text) for text in stand.prompts[BOB]] == [{name}]
    assert stand.records.texts is not None
    stand.records.texts.add(mark(name))
    stand.let_pass(5.0)
    assert stand.stage(name) is Stage.SUBMITTED


def test_where_nothing_waits_nobody_is_asked(stand: Stand) -> None:
    stand.go(10.0)
    stand.mail.asked.clear()
    for _ in range(50):
        stand.hear("PreToolUse")
        stand.hear("PostToolUse")
        stand.hear("UserPromptSubmit", prompt="hello")
        stand.courier.wake(BOB)
        stand.let_pass(1.0)
    assert len(stand.mail.asked) <= 1


def test_a_store_that_is_down_is_said_once_and_waited_for(stand: Stand) -> None:
    name = stand.send()
    stand.mail.down = True
    stand.let_pass(30.0)
    assert len(stand.said) == 1
    with pytest.raises(NovaorchError):
        stand.hear("UserPromptSubmit", prompt=mark(name))
    stand.mail.down = False
    stand.let_pass(10.0)
    assert len(stand.prompts[BOB]) == 1


def test_one_agents_trouble_is_not_anothers(stand: Stand) -> None:
    class Broken(MemoryTypist):
        def look(self, seats: Sequence[Seat]):  # type: ignore[no-untyped-def]
            if seats[0].unit == BOB:
                raise ValueError("a bug")
            return super().look(seats)

    stand.typist = Broken(stand.typist.panes)
    stand.anew()
    stuck = stand.send()
    stand.send(to=EVE)
    stand.go(10.0)
    assert len(stand.prompts[EVE]) == 1
    assert stand.said == [f"messages for {BOB} wait: ValueError: a bug"]
    assert stand.courier.why(stuck) == "a bug"


def test_a_pane_that_is_gone_is_said(stand: Stand) -> None:
    del stand.typist.panes["%1"]
    name = stand.send()
    stand.go(1.0)
    assert "not in the pane" in stand.courier.why(name)


def test_a_clock_that_is_set_back_stops_nothing(stand: Stand) -> None:
    assert isinstance(stand.clock, MemoryClock)
    stand.pane.composer = "draft"
    stand.send()
    stand.go(20.0)
    stand.clock.hour -= 86_400
    stand.pane.composer = ""
    stand.let_pass(RECHECK_S + SWEEP_S)
    assert len(stand.prompts[BOB]) == 1


def test_why_is_told_of_open_messages_only(stand: Stand) -> None:
    assert stand.courier.why("m1") == ""
    name = stand.send()
    assert stand.courier.why(name) == "the courier has not come to it yet"
    stand.go()
    stand.hear("UserPromptSubmit", prompt=mark(name))
    stand.hear("Stop")
    assert stand.courier.why(name) == ""


# -- threads ---------------------------------------------------------------------------------------


@pytest.fixture
def alive() -> Iterator[Stand]:
    """With its threads, and the real clock."""
    made = Stand(clock=SystemClock())
    made.courier.start()
    yield made
    made.courier.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("courier")]
    assert made.said == []


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.005)


def test_a_bell_wakes_it(alive: Stand) -> None:
    for number in range(20):
        unit = (BOB, EVE)[number % 2]
        name = alive.send(to=unit)
        until(lambda name=name, unit=unit: mark(name) in "".join(alive.prompts[unit]))  # type: ignore[misc]
        alive.hear("UserPromptSubmit", unit, prompt=alive.prompts[unit][-1])
        alive.hear("Stop", unit)
        assert alive.stage(name) is Stage.READ


def test_many_hooks_at_once_hand_each_message_over_once(alive: Stand) -> None:
    alive.states[BOB] = BUSY
    name = alive.send()
    until(lambda: alive.stage(name) is Stage.ADMITTED)
    answers: list[HookAnswer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(alive.hear("PostToolUse")))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [marks(answer.context) for answer in answers].count(frozenset({name})) == 1


def test_it_can_be_closed_before_it_began() -> None:
    Stand().courier.close()
