"""What every agent does, heard and seen: with a pretended keyboard, and records that are told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import pytest

from reconciler.adapters.memory import MemoryClock, MemoryPane, MemoryTypist
from reconciler.core.screen import read
from reconciler.loop.watch import MARK_S, REST_S, TRUSTED_S, Watch
from reconciler.model.agent import (
    AgentReport,
    AgentState,
    Evidence,
    Persona,
    Roster,
    Screen,
    Seat,
    Waiting,
    Witness,
)
from reconciler.model.capacity import Spending
from reconciler.model.hook import SILENCE, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.runtime import Looks
from tests.core.screenfile import SCREENS, load

A, B = UnitId.of("p", "agent", "a"), UnitId.of("p", "agent", "b")
IDLE, BUSY, WAITING = AgentState.IDLE, AgentState.BUSY, AgentState.WAITING
SPINNER = ("✻ Churning… (3s)",)
DIALOG = (" Do you want to proceed?", " \u276f 1. Yes", "   2. No", " Esc to cancel · Tab to amend")
MENU = (" Something new", " \u276f A. Yes", " \u276f B. No")


@dataclass
class Papers:
    """What runtimes write down."""

    files: dict[UnitId, Evidence] = field(default_factory=dict)
    asked: list[UnitId] = field(default_factory=list)

    def session(self, seat: Seat) -> Evidence | None:
        """See `Records.session`."""
        self.asked.append(seat.unit)
        return self.files.get(seat.unit)

    def holds(self, seat: Seat, marks: object) -> None:
        """See `Records.holds`."""

    def spending(self, seat: Seat, day: str) -> Spending | None:  # noqa: ARG002
        """See `Records.spending`."""
        return None


class Stand:
    """A watch, its world, and what it said."""

    def __init__(self, *seats: Seat) -> None:
        self.clock = MemoryClock()
        self.began = self.clock.now()
        self.papers = Papers()
        self.typist = MemoryTypist()
        self.seats = {seat.unit: seat for seat in seats}
        for seat in seats:
            self.typist.panes[seat.pane] = MemoryPane(seat.unit, seat.pid)
        self.said: list[str] = []
        self.changes: list[UnitId] = []
        self.looks = 0
        look = self.typist.look

        def counted(asked: object) -> object:
            self.looks += 1
            return look(asked)  # type: ignore[arg-type]

        self.typist.look = counted  # type: ignore[method-assign, assignment]
        self.watch = self.anew()

    def anew(self) -> Watch:
        """Return a watch that knows nothing, as after a restart."""
        self.watch = Watch(
            self.typist,
            self.papers,
            lambda: Roster("demo", "c1", dict(self.seats)),
            self.clock,
            self.said.append,
            self.changes.append,
        )
        return self.watch

    def hear(self, name: str, unit: UnitId = A, **payload: Json) -> None:
        assert self.watch.hear(HookEvent(unit, name, self.clock.now(), payload)) == SILENCE

    def rounds(self, seconds: float) -> None:
        """Let rounds be made as the thread would make them."""
        end = self.clock.now() + seconds
        while True:
            wait_s = self.watch.round()
            if self.clock.now() + wait_s > end:
                break
            self.clock.sleep(wait_s)
        self.clock.sleep(end - self.clock.now())

    def pane(self, unit: UnitId = A) -> MemoryPane:
        return self.typist.panes[self.seats[unit].pane]

    def report(self, unit: UnitId = A) -> AgentReport:
        return self.watch.report(unit, self.clock.now())


def seat(unit: UnitId = A, runtime: str = "claude-code", pid: int = 11) -> Seat:
    return Seat(unit, Persona(runtime), "auto", f"%{pid}", pid, MemoryClock().now() - 500)


@pytest.fixture
def stand() -> Stand:
    return Stand(seat())


class TestHearing:
    def test_a_turn_is_known_from_its_hooks(self, stand: Stand) -> None:
        states = []
        for name in ("UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "Stop"):
            stand.hear(name, tool_name="Bash")
            states.append(stand.report().state)
            stand.clock.sleep(1)
        assert states == [BUSY, BUSY, WAITING, BUSY, IDLE]
        assert len(stand.changes) == 4

    def test_an_event_of_nobody_is_passed_over(self, stand: Stand) -> None:
        stand.hear("Stop", UnitId.of("p", "agent", "x"))
        assert stand.report(UnitId.of("p", "agent", "x")).why == "there is no such agent"

    def test_what_comes_late_does_not_count(self, stand: Stand) -> None:
        stand.hear("Stop")
        old = HookEvent(A, "PreToolUse", stand.clock.now() - 5)
        stand.watch.hear(old)
        assert stand.report().state is IDLE

    def test_a_new_life_knows_nothing_of_the_last(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        began = stand.clock.now() + 5
        stand.seats[A] = replace(seat(pid=12), began=began)
        stand.clock.sleep(6)
        assert stand.report().state is AgentState.STARTING

    def test_a_hook_of_the_new_life_counts_before_the_roster_knows_it(self, stand: Stand) -> None:
        stand.hear("SessionEnd", reason="other")
        stand.clock.sleep(2)
        stand.hear("SessionStart")
        stand.seats[A] = replace(seat(pid=12), began=stand.clock.now() - 1)
        assert stand.report().why == "hook: starting, its session began"


class TestLooking:
    def test_after_a_restart_the_screen_says_it(self, stand: Stand) -> None:
        stand.pane().rows = SPINNER
        stand.rounds(1)
        assert stand.report().state is BUSY
        assert stand.changes == [A]

    def test_after_a_restart_the_file_says_it(self, stand: Stand) -> None:
        stand.papers.files[A] = Evidence(Witness.SESSION_FILE, BUSY, stand.began - 60, pid=11)
        stand.rounds(0.1)
        found = stand.report()
        assert (found.state, found.why) == (BUSY, "session-file: busy")
        assert found.conflicts == ("screen: idle, its composer is empty",)

    def test_a_turn_that_somebody_interrupted_is_over_soon(self, stand: Stand) -> None:
        """No hook tells of it."""
        stand.hear("UserPromptSubmit")
        stand.rounds(TRUSTED_S + 5)
        assert stand.report().state is IDLE

    def test_a_long_turn_stays_one(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        stand.pane().rows = SPINNER
        stand.rounds(900)
        found = stand.report()
        assert (found.state, found.conflicts) == (BUSY, ())
        assert found.confidence > 0.7

    def test_a_gap_between_two_tools_ends_no_turn(self, stand: Stand) -> None:
        stand.hear("PreToolUse")
        stand.clock.sleep(TRUSTED_S)
        stand.watch.round()
        stand.pane().rows = SPINNER
        stand.rounds(3)
        stand.changes.clear()
        stand.rounds(30)
        assert stand.report().state is BUSY
        assert stand.changes == []

    def test_a_dialog_that_no_hook_told_of_is_seen(self, stand: Stand) -> None:
        stand.hear("Stop")
        stand.pane().dialog = DIALOG
        stand.rounds(REST_S + 2)
        found = stand.report()
        assert (found.state, found.waiting) == (WAITING, Waiting.PERMISSION)

    def test_an_unknown_menu_is_said_once_and_kept(self, stand: Stand) -> None:
        stand.pane().dialog = MENU
        stand.rounds(30)
        assert list(stand.watch.canaries()) == [A]
        assert len([line for line in stand.said if "a menu that is not known" in line]) == 1
        stand.pane().dialog = ()
        stand.rounds(30)
        assert stand.watch.canaries() == {}

    def test_rest_is_cheap(self, stand: Stand) -> None:
        stand.hear("Stop")
        stand.rounds(10)
        before = stand.looks
        stand.rounds(600)
        assert stand.looks - before <= 600 / REST_S + 1

    def test_a_file_and_a_screen_that_differ_are_no_reason_for_haste(self, stand: Stand) -> None:
        stand.papers.files[A] = Evidence(Witness.SESSION_FILE, BUSY, stand.began - 60, pid=11)
        stand.rounds(60)
        assert stand.looks < 20
        assert stand.report().state is BUSY

    def test_a_command_is_never_looked_at(self) -> None:
        stand = Stand(seat(runtime="command"), replace(seat(B, pid=12), persona=None))
        stand.rounds(60)
        assert (stand.looks, stand.papers.asked, stand.watch.reports()) == (0, [], {})
        assert "a command: it runs (pid 11)" in stand.report().why

    def test_a_silent_server_is_said_once_and_believed_when_it_speaks(self, stand: Stand) -> None:
        stand.typist.down = True
        stand.rounds(20)
        assert len(stand.said) == 1
        stand.typist.down = False
        stand.rounds(20)
        assert stand.said[1:] == ["agents are looked at again"]
        assert stand.report().state is IDLE

    def test_a_limit_on_the_screen_ends_when_it_says(self, stand: Stand) -> None:
        stand.pane().rows = ("● You've hit your limit · resets in 10m",)
        stand.rounds(1)
        found = stand.report()
        assert (found.state, found.until) == (AgentState.LIMITED, stand.began + 600)

    def test_whose_process_ends_without_a_word_crashed(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        stand.seats[A] = replace(stand.seats[A], pane="", pid=0)
        stand.rounds(1)
        assert stand.report().state is AgentState.CRASHED

    def test_whose_session_ended_is_done(self, stand: Stand) -> None:
        stand.hear("SessionEnd", reason="prompt_input_exit")
        stand.seats[A] = replace(stand.seats[A], pane="", pid=0)
        stand.rounds(1)
        assert stand.report().state is AgentState.DONE

    def test_who_left_the_wish_is_forgotten(self, stand: Stand) -> None:
        stand.hear("Stop")
        del stand.seats[A]
        stand.rounds(1)
        assert stand.watch.reports() == {}


class TestMarks:
    def test_a_turn_is_marked_while_it_lasts(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        stand.watch.round()
        until, _, words = stand.pane().busy_with.partition(" ")
        assert words == "in the middle of a turn"
        assert int(until) == int(stand.clock.now() + MARK_S)
        stand.hear("Stop")
        stand.watch.round()
        assert stand.pane().busy_with == ""

    def test_a_long_turn_is_marked_again_before_its_mark_is_over(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        stand.pane().rows = SPINNER
        for _ in range(40):
            stand.rounds(60)
            until = float(stand.pane().busy_with.split(" ")[0])
            assert until > stand.clock.now() + 60

    def test_who_waits_for_a_person_is_in_a_turn(self, stand: Stand) -> None:
        stand.hear("PermissionRequest", tool_name="Bash")
        stand.pane().dialog = DIALOG
        stand.watch.round()
        assert "waits for a person" in stand.pane().busy_with

    def test_background_work_is_marked_though_the_turn_ended(self, stand: Stand) -> None:
        stand.hear("Stop", background_tasks=[{"id": "x", "status": "running"}])
        stand.watch.round()
        assert stand.report().state is IDLE
        assert "work in the background" in stand.pane().busy_with

    def test_a_mark_of_a_former_daemon_is_taken_away(self, stand: Stand) -> None:
        stand.pane().busy_with = "99999 in the middle of a turn"
        stand.rounds(1)
        assert stand.pane().busy_with == ""

    def test_of_a_new_process_nothing_is_marked_that_the_old_one_did(self, stand: Stand) -> None:
        stand.hear("UserPromptSubmit")
        stand.rounds(1)
        stand.typist.panes["%12"] = MemoryPane(A, 12)
        stand.seats[A] = replace(seat(pid=12), began=stand.clock.now())
        stand.clock.sleep(1)
        stand.rounds(1)
        assert stand.pane().busy_with == ""


def test_its_thread_hears_and_marks() -> None:
    stand = Stand(seat())
    marked = threading.Event()
    mark = stand.typist.mark

    def noted(seat: Seat, busy: str) -> None:
        mark(seat, busy)
        if busy:
            marked.set()

    stand.typist.mark = noted  # type: ignore[method-assign]
    stand.watch.begin()
    try:
        stand.hear("UserPromptSubmit")
        assert marked.wait(10)
    finally:
        stand.watch.close()


def test_the_screens_here_are_what_they_pretend_to_be() -> None:
    real = load(SCREENS / "claude-2.1.330-permission.txt")
    looks = Looks(dialogs=((Waiting.PERMISSION, r"^ ?Esc to cancel · Tab to amend"),))
    pretended = Screen(DIALOG, DIALOG, (0, 0))
    assert read(real, looks).state is read(pretended, looks).state is WAITING


def test_since_when_is_told_and_goes_on(stand: Stand) -> None:
    stand.hear("UserPromptSubmit")
    stand.clock.sleep(3)
    stand.hear("PreToolUse", tool_name="Bash")
    stand.clock.sleep(2)
    found = stand.report()
    assert (found.since, found.at) == (stand.began, stand.began + 3)
    stand.hear("Stop")
    assert stand.report().since == stand.began + 5
