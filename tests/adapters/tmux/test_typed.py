"""Lines typed into a pane whose process runs: exactly these, into this process alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reconciler.model import step as s
from reconciler.model.world import Drain
from tests.adapters.tmux.conftest import Box, mark, opening, order, pane, window

ENDS = 'while read -r x; do [ "$x" = /exit ] && exit 7; done'
LINES = (
    "/exit",
    "#(touch owned) #{pane_id} $HOME `id` ~",
    "a; b ;",
    'it\'s "quoted" \\ and {braces}',
    "-l Enter C-c",
    "ünïcode ☃ 日本",
    "",
    "a\ttab",
)


def reader(path: Path) -> tuple[str, ...]:
    """A program that keeps each line it reads, as bytes, unchanged by its terminal."""
    return ("/bin/sh", "-c", 'stty -echo; exec cat > "$0"', str(path))


def typed(box: Box, name: str, *lines: str, **more: int) -> s.TypeLines:
    seen = box.pane(name)
    return s.TypeLines(seen.pane_id, more.get("pid", seen.pid), lines)


def ready(box: Box, *paths: Path) -> None:
    box.until(lambda: all(path.exists() for path in paths))


def test_what_is_typed_arrives_as_it_is(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "read"
    box.perform(order("a", reader(path)))
    ready(box, path)
    assert not box.do(typed(box, "a", *LINES)).error
    box.until(lambda: path.read_text() == "".join(f"{line}\n" for line in LINES))
    assert not (tmp_path / "owned").exists()
    assert box.tmux("list-buffers") == ""
    assert box.do(typed(box, "a")).error == ""


def test_a_person_in_copy_mode_does_not_swallow_it(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "read"
    box.perform(order("a", reader(path)))
    ready(box, path)
    box.tmux("copy-mode", "-t", "=a:")
    assert not box.do(typed(box, "a", "/exit")).error
    box.until(lambda: path.read_text() == "/exit\n")
    assert box.tmux("display-message", "-p", "-t", "=a:", "#{pane_in_mode}") == "0\n"


def test_neighbours_that_share_the_keys_get_none(box: Box, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    box.do(opening("s", window("w", pane("a", reader(one)), pane("b", reader(two)))))
    ready(box, one, two)
    box.tmux("set-option", "-w", "-t", "=s:", "synchronize-panes", "on")
    first = box.session("s").windows[0].panes[0]
    assert not box.do(s.TypeLines(first.pane_id, first.pid, ("/exit", "it's; so"))).error
    box.until(lambda: one.read_text() == "/exit\nit's; so\n")
    time.sleep(0.1)
    assert two.read_text() == ""
    said = box.tmux("list-panes", "-t", "=s:", "-F", "#{pane_synchronized}")
    assert said == "1\n1\n", "and the person's wish stands again"


def test_another_process_in_that_pane_gets_nothing(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "read"
    box.perform(order("a", reader(path)))
    ready(box, path)
    pane_id = box.pane("a").pane_id
    asked = s.MarkPane(pane_id, mark("a", drain=Drain.ASKED_STOP))
    receipt = box.do(asked, typed(box, "a", "/exit", pid=box.pane("a").pid + 1))
    assert receipt.stale
    assert box.pane("a").mark == mark("a"), "nothing of the order was done"
    time.sleep(0.1)
    assert path.read_text() == ""


def test_the_dead_are_not_typed_to(box: Box) -> None:
    box.perform(order("a", ("/bin/sh", "-c", "exit 3")))
    box.until(lambda: box.pane("a").dead)
    assert box.do(typed(box, "a", "/exit")).stale


@pytest.mark.parametrize("line", ["two\nlines", "a\rreturn", "an \x1b[201~escape", "a\0nul"])
def test_what_is_no_line_is_refused_and_nothing_is_typed(
    line: str, box: Box, tmp_path: Path
) -> None:
    path = tmp_path / "read"
    box.perform(order("a", reader(path)))
    ready(box, path)
    receipt = box.do(typed(box, "a", "first", line))
    assert receipt.error
    assert receipt.fix
    time.sleep(0.05)
    assert path.read_text() == ""


def test_a_polite_word_ends_a_program(box: Box) -> None:
    box.perform(order("a", ("/bin/sh", "-c", ENDS)))
    seen = box.pane("a")
    box.do(s.MarkPane(seen.pane_id, mark("a", drain=Drain.ASKED_STOP)), typed(box, "a", "/exit"))
    box.until(lambda: box.pane("a").dead)
    now = box.pane("a")
    assert now.exit_status == 7
    assert now.mark == mark("a", drain=Drain.ASKED_STOP)
