"""Who is at work in a pane, as a real server, real clients and real screens show it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reconciler.model.world import Engagement, Presence
from tests.adapters.tmux.conftest import Box, opening, order, pane, window
from tests.adapters.tmux.terminal import attached

READ = ("cat",)
LONG, RULE = 1000.0, "─" * 100


def only(box: Box, name: str, typing_s: float = LONG) -> Presence | None:
    """What is known of a session's first pane."""
    pane_id = box.pane(name).pane_id
    return box.host.presence([pane_id], typing_s).get(pane_id)


def draws(name: str, *lines: str) -> tuple[str, ...]:
    """A program that draws these lines once and stays."""
    return (
        "/bin/sh",
        "-c",
        f"clear; printf '%s\\n' \"$@\"; exec sleep 1000 # {name}",
        "sh",
        *lines,
    )


def test_nobody_is_there(box: Box) -> None:
    assert box.host.presence(["%0"], LONG) == {}, "no server"
    box.perform(order("a", READ))
    assert only(box, "a") is None
    assert box.host.presence(["%999"], LONG) == {}, "no such pane"
    assert box.host.presence([], LONG) == {}


def test_somebody_types(box: Box) -> None:
    box.perform(order("a", READ), order("b", READ))
    with attached(box, "a") as person:
        person.type("hello\n")
        box.until(lambda: "hello" in box.tmux("capture-pane", "-p", "-t", "=a:"))
        found = only(box, "a")
        assert found is not None
        assert found.kind is Engagement.TYPING
        assert person.name in found.detail
        assert time.time() + LONG - 30 < found.until <= time.time() + LONG
        assert only(box, "b") is None, "nobody looks at that one"
    box.until(lambda: "C" not in box.tmux("list-clients", "-F", "C#{client_tty}", "-t", "=a"))
    assert only(box, "a") is None, "they left"


def test_an_old_key_is_no_person_at_work(box: Box) -> None:
    box.perform(order("a", READ))
    with attached(box, "a"):
        found = only(box, "a", 2.0)
        assert found is not None
        box.until(lambda: only(box, "a", 2.0) is None)
        assert only(box, "a") is not None


def test_who_only_watches_types_nothing(box: Box) -> None:
    box.perform(order("a", READ))
    with attached(box, "a", "-r") as person:
        person.type("x")
        assert only(box, "a") is None


def test_a_program_at_a_control_client_is_nobody(fast: Box) -> None:
    fast.perform(order("a", READ))
    again = fast.make(on_event=fast.events.append)
    again.photograph(1.0)  # its control client stays
    fast.tmux(
        "switch-client",
        "-c",
        fast.tmux("list-clients", "-F", "#{client_name}").split()[0],
        "-t",
        "=a",
    )
    assert only(fast, "a") is None


def test_every_pane_of_the_window_that_is_shown(box: Box) -> None:
    first, second = window("one", pane("a", READ), pane("b", READ)), window("two", pane("c", READ))
    box.do(opening("s", first, second))
    panes = {
        p.mark.unit[-1]: p.pane_id for w in box.session("s").windows for p in w.panes if p.mark
    }
    with attached(box, "s"):
        assert set(box.host.presence(panes.values(), LONG)) == {panes["a"], panes["b"]}


@pytest.mark.parametrize(
    ("option", "kind"), [("busy", Engagement.BUSY), ("draft", Engagement.DRAFT)]
)
def test_a_pane_that_says_so(option: str, kind: Engagement, box: Box) -> None:
    box.perform(order("a", READ))
    at = box.pane("a").pane_id
    now = int(time.time())

    def said(value: str) -> Presence | None:
        box.tmux("set-option", "-p", "-t", at, f"@novaorch_{option}", value)
        return only(box, "a")

    assert said("compiling #{pid} 'x' | 100 %") == Presence(kind, "compiling #{pid} 'x' | 100 %")
    assert said(f"{now + 500} a turn") == Presence(kind, "a turn", float(now + 500))
    assert said(f"{now + 500}") == Presence(kind, kind.value, float(now + 500))
    assert said(f"{now - 5} a turn") is None
    assert said("") is None
    assert said("42") == Presence(kind, "42")
    long = said("two\nlines \x1b[31m " + "x" * 500)
    assert long is not None
    assert len(long.detail) == 60
    assert long.detail.isprintable()
    box.tmux("set-option", "-p", "-u", "-t", at, f"@novaorch_{option}")
    assert only(box, "a") is None


DRAFTS = {
    "rules": (RULE, "\u276f please look at", "  the parser", RULE, "  ? for shortcuts"),
    "box": (
        "╭" + "─" * 60 + "╮",
        "│ > please look at the parser" + " " * 30 + "│",
        "╰" + "─" * 60 + "╯",
    ),
    "named rule": ("── torch " + "─" * 80, "> please look at the parser\x1b[7m \x1b[27m", RULE),
    "above": ("> what was said before", RULE, "> please look at the parser", RULE, "", "mode: x"),
    "coloured": ("\x1b[38;5;2m" + RULE, "\u276f\x1b[39m please look at the parser", RULE),
}
EMPTY = {
    "empty": (RULE, "\u276f ", RULE),
    "cursor": (RULE, "> \x1b[7m \x1b[27m", RULE),
    "hint": (RULE, '> Try "edit <filepath> to..."', RULE),
    "dim": (RULE, "\u276f \x1b[2mwrite a test for the parser\x1b[22m", RULE),
    "dim with a cursor": (RULE, "> \x1b[7mw\x1b[27;2mrite a test\x1b[0m", RULE),
    "no rules": ("$ ls", "\u276f git status"),
    "other text": (RULE, "a table", RULE, "a | b"),
    "above only": (RULE, "> said before", "and more", RULE, RULE, "> ", RULE),
}


@pytest.mark.parametrize("how", DRAFTS)
def test_a_draft_on_the_screen(how: str, box: Box) -> None:
    box.perform(order("a", draws(how, *DRAFTS[how])))
    box.until(lambda: "please" in box.tmux("capture-pane", "-p", "-t", "=a:"))
    found = only(box, "a")
    assert found is not None
    assert found.kind is Engagement.DRAFT
    assert "please look at the parser" in found.detail


@pytest.mark.parametrize("how", EMPTY)
def test_no_draft_on_the_screen(how: str, box: Box) -> None:
    box.perform(order("a", draws(how, *EMPTY[how], "drawn")))
    box.until(lambda: "drawn" in box.tmux("capture-pane", "-p", "-t", "=a:"))
    assert only(box, "a") is None


def test_the_dead_are_at_peace(box: Box) -> None:
    box.perform(order("a", ("/bin/sh", "-c", f"echo '{RULE}'; echo '> unsent'; echo '{RULE}'")))
    box.until(lambda: box.pane("a").dead)
    box.tmux("set-option", "-p", "-t", box.pane("a").pane_id, "@novaorch_busy", "long ago")
    with attached(box, "a"):
        assert only(box, "a") is None


def test_many_panes_are_one_round_trip(box: Box, tmp_path: Path) -> None:
    box.perform(*(order(f"a{n}", READ) for n in range(20)))
    ids = {f"a{n}": box.pane(f"a{n}").pane_id for n in range(20)}
    box.tmux("set-option", "-p", "-t", ids["a7"], "@novaorch_busy", "+ a row like ours")
    sent: list[int] = []
    link = box.host._link
    read = link.read

    def counted(lines: list[str], *, connect: bool) -> object:
        sent.append(len(lines))
        return read(lines, connect=connect)

    link.read = counted  # type: ignore[method-assign, assignment]
    found = box.host.presence([*ids.values(), "%999"], LONG)
    assert found == {ids["a7"]: Presence(Engagement.BUSY, "+ a row like ours")}
    assert len(sent) == 1
