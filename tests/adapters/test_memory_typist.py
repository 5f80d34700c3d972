"""The pretended keyboard is as strict as the real one: what that refuses, this one refuses."""

from __future__ import annotations

import pytest

from reconciler.adapters.memory import MemoryPane, MemoryTypist
from reconciler.core.screen import read
from reconciler.kinds.runtimes import CLAUDE_CODE
from reconciler.model.agent import AgentState, Seat, Waiting
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError

BOB = UnitId("p/agent/bob")
SEAT = Seat(BOB, None, "auto", "%1", 7)
LOOKS = CLAUDE_CODE.looks


def beside(**more: object) -> tuple[MemoryTypist, MemoryPane, list[str]]:
    read_in: list[str] = []
    pane = MemoryPane(BOB, 7, read_in.append, **more)  # type: ignore[arg-type]
    return MemoryTypist({"%1": pane}), pane, read_in


def test_a_paste_is_submitted_by_enter() -> None:
    typist, _, given = beside()
    assert typist.paste(SEAT, "two\nlines", enter=False)
    assert read(typist.look([SEAT])[BOB], LOOKS).draft == "two lines"
    assert given == []
    assert typist.enter(SEAT)
    assert given == ["two\nlines"]
    assert read(typist.look([SEAT])[BOB], LOOKS).ready


def test_an_enter_may_be_swallowed() -> None:
    typist, _, given = beside(swallows=1)
    assert typist.paste(SEAT, "hello")
    assert given == []
    assert typist.enter(SEAT)
    assert given == ["hello"]


def test_a_dialog_takes_the_place_of_the_composer() -> None:
    dialog = (" Do you want to proceed?", " \u276f 1. Yes", " Esc to cancel · Tab to amend")
    typist, pane, given = beside(dialog=dialog)
    reading = read(typist.look([SEAT])[BOB], LOOKS)
    assert (reading.state, reading.waiting) == (AgentState.WAITING, Waiting.PERMISSION)
    typist.paste(SEAT, "hello")
    assert (given, pane.composer) == ([], "")


@pytest.mark.parametrize(
    "wrong",
    [
        Seat(BOB, None, "auto", "%1", 8),
        Seat(BOB, None, "auto", "%2", 7),
        Seat(UnitId("p/agent/eve"), None, "auto", "%1", 7),
    ],
)
def test_nobody_else_is_typed_to_or_seen(wrong: Seat) -> None:
    typist, pane, given = beside()
    assert not typist.paste(wrong, "hello")
    assert not typist.enter(wrong)
    assert not typist.line(wrong, "hello")
    typist.mark(wrong, "busy")
    assert typist.look([wrong]) == {}
    assert (given, pane.keys, pane.busy_with) == ([], [], "")


@pytest.mark.parametrize("more", [{"mode": "copy-mode"}, {"dead": True}])
def test_who_scrolls_and_who_is_dead_get_nothing_and_are_seen(more: dict[str, object]) -> None:
    typist, pane, _ = beside(**more)
    assert not typist.paste(SEAT, "hello")
    assert not typist.enter(SEAT)
    assert not typist.line(SEAT, "hello")
    assert pane.keys == []
    screen = typist.look([SEAT])[BOB]
    assert (screen.mode, screen.dead) == (more.get("mode", ""), more.get("dead", False))


def test_lines_are_read_one_after_the_other() -> None:
    typist, pane, given = beside(lines=True, reads=False)
    assert typist.line(SEAT, "first")
    assert typist.look([SEAT])[BOB].unread == len("first\n")
    assert not typist.line(SEAT, "second"), "its program has not read the first"
    pane.read()
    assert given == ["first"]
    assert typist.look([SEAT])[BOB].unread == 0


@pytest.mark.parametrize("text", ["x" * 1001, "two\nlines", "\x1b[201~"])
def test_what_is_no_line_is_refused(text: str) -> None:
    typist, pane, _ = beside(lines=True)
    with pytest.raises(NovaorchError):
        typist.line(SEAT, text)
    assert pane.keys == []


def test_a_server_that_is_down_is_blindness() -> None:
    typist, _, _ = beside()
    typist.down = True
    for act in (lambda: typist.look([SEAT]), lambda: typist.paste(SEAT, "x")):
        with pytest.raises(BlindError):
            act()
