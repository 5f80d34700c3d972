"""Screens of real agents, and everything that looks like one and is none."""
# ruff: noqa: RUF001 - the signs that programs draw

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.runtimes import RUNTIMES
from reconciler.core.screen import read
from reconciler.model.agent import AgentState, Screen, Waiting, Witness
from reconciler.model.runtime import Looks
from tests.core.screenfile import SCREENS, load, plain

LOOKS, CODEX = RUNTIMES["claude-code"].looks, RUNTIMES["codex"].looks
VERSIONS = ("2.1.197", "2.1.330")
RULE = "─" * 60
IDLE, BUSY, WAITING = AgentState.IDLE, AgentState.BUSY, AgentState.WAITING
LIMITED, LOST, UNKNOWN = AgentState.LIMITED, AgentState.AUTH_LOST, AgentState.UNKNOWN
DIALOGS = ("permission", "plan", "question", "trust")


def seen(name: str, version: str = "2.1.330") -> Screen:
    """Return a screen of a real agent."""
    return load(SCREENS / f"claude-{version}-{name}.txt")


def rows(screen: Screen) -> str:
    """Return a screen's rows from the first to the last with text."""
    return "\n".join(screen.rows).strip("\n")


def idle(above: str = "", draft: str = "", footer: str = "  ? for shortcuts") -> Screen:
    """Return a screen that waits for a prompt, with something above it."""
    return plain(f"{above}\n\n{RULE}\n❯\u00a0{draft}\n{RULE}\n{footer}")


class TestRealScreens:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize(
        ("name", "state", "waiting"),
        [
            ("idle", IDLE, None),
            ("bg", IDLE, None),
            ("529", IDLE, None),
            ("busy", BUSY, None),
            ("busy-draft", BUSY, None),
            ("permission", WAITING, Waiting.PERMISSION),
            ("question", WAITING, Waiting.QUESTION),
            ("plan", WAITING, Waiting.PLAN),
            ("trust", WAITING, Waiting.TRUST),
            ("429", LIMITED, None),
            ("429s", LIMITED, None),
            ("401", LOST, None),
            ("long-draft", LOST, None),
        ],
    )
    def test_says_what_it_shows(
        self, version: str, name: str, state: AgentState, waiting: Waiting | None
    ) -> None:
        found = read(seen(name, version), LOOKS)
        assert (found.state, found.waiting) == (state, waiting)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_only_an_empty_composer_is_ready(self, version: str) -> None:
        names = (*DIALOGS, "idle", "busy", "429", "long-draft", "bg")
        ready = {name for name in names if read(seen(name, version), LOOKS).ready}
        assert ready == {"idle", "bg"}

    @pytest.mark.parametrize("version", VERSIONS)
    def test_reads_a_draft_of_several_rows_whole(self, version: str) -> None:
        draft = read(seen("long-draft", version), LOOKS).draft
        assert draft == f"a draft that is quite long {'word ' * 60}".strip()

    def test_takes_a_hint_under_the_cursor_for_no_draft(self) -> None:
        screen = seen("529")
        assert any("Resend your message" in row for row in screen.rows)
        assert read(screen, LOOKS).draft == ""

    def test_knows_a_hint_that_no_terminal_draws_dim(self) -> None:
        assert read(idle(draft="Resend your message to try again"), LOOKS).ready
        draft = "Resend your message to try again, please"
        assert read(idle(draft=draft), LOOKS).draft == draft

    def test_takes_a_single_letter_for_a_draft_where_nothing_is_dim(self) -> None:
        found = read(idle(draft="R"), LOOKS)
        assert (found.draft, found.ready) == ("R", False)

    def test_says_what_a_busy_agent_has_in_its_composer(self) -> None:
        assert read(seen("busy-draft"), LOOKS).draft == "half a draft"


class TestWhatOnlyLooksLikeIt:
    @pytest.mark.parametrize("name", DIALOGS)
    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_dialog_in_the_conversation_is_text(self, version: str, name: str) -> None:
        """Somebody sent it, or the agent shows another one's screen."""
        found = read(idle(above=f"❯ see this:\n{rows(seen(name, version))}"), LOOKS)
        assert (found.state, found.ready) == (IDLE, True)

    @pytest.mark.parametrize("name", DIALOGS)
    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_dialog_in_a_draft_is_a_draft(self, version: str, name: str) -> None:
        found = read(idle(draft=rows(seen(name, version))), LOOKS)
        assert (found.state, found.ready) == (IDLE, False)
        assert found.draft

    @pytest.mark.parametrize("name", DIALOGS)
    def test_a_dialog_below_somebody_elses_idle_screen_is_one(self, name: str) -> None:
        screen = plain(f"{rows(seen('idle'))}\n\n{rows(seen(name))}")
        assert read(screen, LOOKS).state is WAITING

    @pytest.mark.parametrize("name", ["429", "401"])
    def test_a_limit_of_an_older_turn_is_over(self, name: str) -> None:
        before = rows(seen(name)).split(RULE)[0]
        found = read(idle(above=f"{before}\n\n❯ again\n\n● Done it.\n\n✻ Cooked for 0s"), LOOKS)
        assert found.state is IDLE

    def test_choices_below_a_composer_are_what_completes_a_draft(self) -> None:
        choices = "  \u276f /help\n    /hooks"
        found = read(idle(draft="/h", footer=choices), LOOKS)
        assert (found.state, found.draft, found.ready) == (IDLE, "/h", False)

    def test_words_about_an_interrupt_are_words(self) -> None:
        found = read(idle(above="❯ how?\n\n● Press a key:\n  esc to interrupt it"), LOOKS)
        assert found.state is IDLE

    @given(st.lists(st.text(alphabet="ab·│ |%", min_size=1, max_size=30), max_size=12))
    def test_a_taller_footer_changes_nothing(self, footer: list[str]) -> None:
        text = "\n".join(f"  {row}" for row in footer)
        assert read(idle(footer=text), LOOKS).ready

    @given(st.lists(st.text(alphabet="ab ●❯1.>", max_size=30), max_size=40))
    def test_whatever_was_said_before_an_empty_composer_is_ready(self, said: list[str]) -> None:
        text = "\n".join(f"  {row}" for row in said)
        assert read(idle(above=text), LOOKS).ready

    @given(st.lists(st.text(alphabet="─❯> 1.●x\u00a0│╭", max_size=20), max_size=20))
    def test_no_screen_is_too_strange(self, strange: list[str]) -> None:
        read(plain("\n".join(strange), (3, 3)), LOOKS)


class TestUnknown:
    MENU = "\n".join(["● Hm.", "", " A thing nobody foresaw", " ❯ 1. Burn it", "   2. Keep it", ""])

    def test_keeps_a_menu_that_nobody_knows(self) -> None:
        looks = Looks(ready=LOOKS.ready, composer=LOOKS.composer, dialogs=LOOKS.dialogs[:2])
        found = read(plain(self.MENU), looks)
        assert (found.state, found.ready) == (UNKNOWN, False)
        assert " ❯ 1. Burn it" in found.canary

    def test_takes_a_choice_for_nothing_that_somebody_wrote(self) -> None:
        found = read(plain("A thing nobody foresaw\n\n› 1. Burn it\n  2. Keep it"), CODEX)
        assert (found.state, found.draft) == (UNKNOWN, None)

    def test_is_what_a_screen_without_anything_known_is(self) -> None:
        found = read(plain("$ ls\nfile"), LOOKS)
        assert (found.state, found.ready, found.draft) == (UNKNOWN, False, None)

    def test_is_what_is_said_of_a_program_without_looks(self) -> None:
        assert read(seen("idle"), Looks()).state is UNKNOWN

    def test_an_empty_screen_is_that_of_a_start(self) -> None:
        assert read(plain("\n\n"), LOOKS).state is AgentState.STARTING

    def test_a_dead_screen_tells_of_the_past(self) -> None:
        one = seen("idle")
        found = read(Screen(one.rows, one.bright, one.cursor, dead=True), LOOKS)
        assert (found.state, found.ready) == (AgentState.CRASHED, False)


def test_becomes_a_witness() -> None:
    word = read(seen("permission"), LOOKS).evidence(5.0, 42)
    assert (word.witness, word.state, word.waiting) == (
        Witness.SCREEN,
        WAITING,
        Waiting.PERMISSION,
    )
    assert (word.at, word.pid) == (5.0, 42)
