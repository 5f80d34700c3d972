"""The keyboard at real panes: everything arrives as it is, and nothing arrives elsewhere."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.tmux.typist import TmuxTypist
from reconciler.core.screen import read
from reconciler.kinds.runtimes import CLAUDE_CODE
from reconciler.model.agent import AgentState, Seat
from reconciler.model.problems import BlindError, NovaorchError
from tests.adapters.tmux.conftest import BINARY, Box, opening, order, pane, unit, window
from tests.adapters.tmux.terminal import attached

READER = Path(__file__).with_name("rawreader.py")
TEXTS = (
    "one line",
    "two\nlines",
    "-l --leading\n-dash",
    "#(touch owned) #{pane_id} $HOME `id` ~ %if ; a;",
    "ends with ;",
    'it\'s "quoted" \\ and {braces} \\012 \\"',
    "ünïcode ☃ 日本 👩‍💻",
    "a\ttab",
    "  spaces  ",
    "\n\nempty lines\n\n",
    "x" * 65_536,
    'abc\'def; $HOME \\ "q" é☃\n' * 2_600,
)


@pytest.fixture
def typist(box: Box) -> Iterator[TmuxTypist]:
    """Both ways: through a control client, and through plain ones."""
    mode = "plain" if box.mode == "plain" else "auto"
    made = TmuxTypist("t", environ=box.environ, mode=mode, binary=BINARY)  # type: ignore[arg-type]
    yield made
    made.close()


def seated(box: Box, name: str, **more: object) -> Seat:
    seen = box.pane(name)
    values: dict[str, object] = {"pane": seen.pane_id, "pid": seen.pid, "mode": "auto"}
    return Seat(unit(name), None, **(values | more))  # type: ignore[arg-type]


def agent(box: Box, name: str, path: Path, swallows: int = 0) -> Seat:
    """Start the reader, and wait until it reads."""
    box.perform(order(name, (sys.executable, "-S", str(READER), str(path), str(swallows))))
    box.until(path.exists)
    return seated(box, name)


def lines(box: Box, name: str, path: Path) -> Seat:
    """Start a program that reads whole lines."""
    box.perform(order(name, ("/bin/sh", "-c", 'stty -echo; exec cat > "$0"', str(path))))
    box.until(path.exists)
    return seated(box, name)


def prompts(path: Path) -> list[str]:
    return [json.loads(row) for row in path.read_text().splitlines()]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12].strip())
def test_a_paste_arrives_as_it_is_and_is_submitted_once(
    text: str, box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    path = tmp_path / "read"
    seat = agent(box, "a", path)
    assert typist.paste(seat, text)
    box.until(lambda: prompts(path) == [text])
    assert not (tmp_path / "owned").exists()
    assert box.tmux("list-buffers") == "", "nothing is left behind"


def test_without_enter_it_stays_in_the_composer(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    path = tmp_path / "read"
    seat = agent(box, "a", path)
    assert typist.paste(seat, "first", enter=False)
    box.until(lambda: read(typist.look([seat])[seat.unit], CLAUDE_CODE.looks).draft == "first")
    assert prompts(path) == []
    assert typist.enter(seat)
    box.until(lambda: prompts(path) == ["first"])


def test_a_swallowed_enter_is_pressed_once_more(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    path = tmp_path / "read"
    seat = agent(box, "a", path, swallows=1)
    assert typist.paste(seat, "first")
    box.until(lambda: read(typist.look([seat])[seat.unit], CLAUDE_CODE.looks).draft == "first")
    assert typist.enter(seat)
    box.until(lambda: prompts(path) == ["first"])


def test_a_screen_tells_rows_cursor_and_what_is_dim(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    seat = agent(box, "a", tmp_path / "read")
    box.until(lambda: "shortcuts" in "".join(typist.look([seat])[seat.unit].rows))
    screen = typist.look([seat])[seat.unit]
    assert screen.rows[0] == "hello"
    assert screen.rows[2] == "\u276f\u00a0Try something"
    assert screen.bright[2].rstrip("\u00a0 ") == "\u276f"
    assert screen.cursor == (2, 2)
    assert (screen.mode, screen.dead, screen.attended, screen.unread) == ("", False, 0.0, -1)
    reading = read(screen, CLAUDE_CODE.looks)
    assert (reading.state, reading.ready, reading.draft) == (AgentState.IDLE, True, "")


def test_many_screens_are_seen_at_once_and_who_is_gone_is_left_out(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    seats = [agent(box, name, tmp_path / name) for name in ("a", "b", "c")]
    gone = seated(box, "b", pane="%999")
    other = seated(box, "c", pid=seats[2].pid + 1)
    assert set(typist.look(seats)) == {seat.unit for seat in seats}
    assert set(typist.look([seats[0], gone, other])) == {seats[0].unit}
    assert typist.look([]) == {}


@pytest.mark.parametrize(
    "wrong", [{"pid": 1}, {"pane": "%999"}, {"unit": unit("other")}], ids=["pid", "pane", "unit"]
)
def test_nothing_is_typed_at_another_process(
    wrong: dict[str, object], box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    path, read_lines = tmp_path / "raw", tmp_path / "lines"
    for seat, told in ((agent(box, "a", path), path), (lines(box, "b", read_lines), read_lines)):
        values = {"unit": seat.unit, "pane": seat.pane, "pid": seat.pid, **wrong}
        stranger = Seat(persona=None, mode="auto", **values)  # type: ignore[arg-type]
        assert not typist.paste(stranger, "hello")
        assert not typist.enter(stranger)
        assert not typist.line(stranger, "hello")
        typist.mark(stranger, "busy")
        assert typist.look([stranger]) == {}
        time.sleep(0.05)
        assert told.read_text() == ""
    assert box.tmux("list-buffers") == ""
    assert "novaorch_busy" not in box.tmux("show-options", "-p", "-t", "=a:")


def test_who_scrolls_is_not_disturbed(box: Box, typist: TmuxTypist, tmp_path: Path) -> None:
    path = tmp_path / "read"
    seat = agent(box, "a", path)
    box.tmux("copy-mode", "-t", "=a:")
    assert not typist.paste(seat, "hello")
    assert not typist.enter(seat)
    assert not typist.line(seat, "hello")
    assert typist.look([seat])[seat.unit].mode == "copy-mode"
    assert box.tmux("display-message", "-p", "-t", "=a:", "#{pane_in_mode}") == "1\n"
    box.tmux("send-keys", "-X", "-t", "=a:", "cancel")
    assert typist.paste(seat, "hello")
    box.until(lambda: prompts(path) == ["hello"])


def test_the_dead_get_nothing_and_are_seen_to_be_dead(box: Box, typist: TmuxTypist) -> None:
    box.perform(order("a", ("/bin/sh", "-c", "echo last words; exit 3")))
    box.until(lambda: box.pane("a").dead)
    seat = seated(box, "a")
    assert not typist.paste(seat, "hello")
    assert not typist.line(seat, "hello")
    screen = typist.look([seat])[seat.unit]
    assert screen.dead
    assert any("last words" in row or "dead" in row for row in screen.rows)


def test_neighbours_that_share_the_keys_get_none(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    programs = [(sys.executable, "-S", str(READER), str(path)) for path in (one, two)]
    box.do(opening("s", window("w", pane("a", programs[0]), pane("b", programs[1]))))
    box.until(lambda: one.exists() and two.exists())
    box.tmux("set-option", "-w", "-t", "=s:", "synchronize-panes", "on")
    first = box.session("s").windows[0].panes[0]
    seat = Seat(unit("a"), None, "auto", first.pane_id, first.pid)
    assert typist.paste(seat, "hello")
    box.until(lambda: prompts(one) == ["hello"])
    assert typist.line(seat, "a line")
    box.until(lambda: prompts(one) == ["hello", "a line"])
    time.sleep(0.05)
    assert prompts(two) == []
    said = box.tmux("list-panes", "-t", "=s:", "-F", "#{pane_synchronized}")
    assert said == "1\n1\n", "and the person's wish stands again"


def test_a_person_at_the_window_is_seen(box: Box, typist: TmuxTypist, tmp_path: Path) -> None:
    seat = agent(box, "a", tmp_path / "read")
    with attached(box, "a") as person:
        person.type("x")
        box.until(lambda: typist.look([seat])[seat.unit].attended > time.time() - 5)
    box.until(lambda: typist.look([seat])[seat.unit].attended == 0.0)


def test_a_line_is_read_as_it_is(box: Box, typist: TmuxTypist, tmp_path: Path) -> None:
    path = tmp_path / "read"
    seat = lines(box, "a", path)
    wanted = ["-n hello", "a; b ;", "#{pane_id} $HOME it's", "日本 ☃", "x" * 1000]
    for text in wanted:
        box.until(lambda: typist.look([seat])[seat.unit].unread == 0)
        assert typist.line(seat, text)
    box.until(lambda: path.read_text() == "".join(f"{text}\n" for text in wanted))


def test_who_does_not_read_gets_no_second_line(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    box.perform(order("a", ("sleep", "1000")))
    seat = seated(box, "a")
    assert typist.line(seat, "first")
    box.until(lambda: typist.look([seat])[seat.unit].unread == len("first\n"))
    assert not typist.line(seat, "second")
    assert typist.look([seat])[seat.unit].unread == len("first\n")


@pytest.mark.parametrize("text", ["x" * 1001, "日" * 334, "two\nlines", "\x1b[201~", "a\0b"])
def test_what_is_no_line_is_refused(
    text: str, box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    path = tmp_path / "read"
    seat = lines(box, "a", path)
    with pytest.raises(NovaorchError) as refused:
        typist.line(seat, text)
    assert refused.value.fix
    time.sleep(0.05)
    assert path.read_text() == ""


def test_a_pane_says_what_it_is_busy_with(box: Box, typist: TmuxTypist, tmp_path: Path) -> None:
    seat = agent(box, "a", tmp_path / "read")
    typist.mark(seat, "it's a #{turn} ; $x")
    said = ("show-options", "-p", "-v", "-t", "=a:", "@novaorch_busy")
    assert box.tmux(*said) == "it's a #{turn} ; $x\n"
    typist.mark(seat, "")
    assert box.tmux(*said, check=False) == ""


def test_no_server_is_nobody_there(box: Box, typist: TmuxTypist) -> None:
    seat = Seat(unit("a"), None, "auto", "%1", 1)
    assert typist.look([seat]) == {}
    assert not typist.paste(seat, "hello")
    assert not typist.line(seat, "hello")
    assert not typist.enter(seat)


def test_a_server_that_hangs_is_blindness_not_absence(box: Box, tmp_path: Path) -> None:
    seat = agent(box, "a", tmp_path / "read")
    hasty = TmuxTypist("t", environ=box.environ, binary=BINARY, call_timeout_s=0.3)
    assert hasty.look([seat])
    server = box.server_pid()
    os.kill(server, signal.SIGSTOP)
    try:
        for act in (lambda: hasty.paste(seat, "hello"), lambda: hasty.look([seat])):
            with pytest.raises(BlindError):
                act()
    finally:
        os.kill(server, signal.SIGCONT)
        hasty.close()


def test_many_threads_may_type_at_once(box: Box, typist: TmuxTypist, tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    seats = {name: agent(box, name, tmp_path / name) for name in names}
    threads = [
        threading.Thread(target=typist.paste, args=(seats[name], f"{name}{n}"))
        for n in range(5)
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        wanted = {f"{name}{n}" for n in range(5)}
        box.until(lambda name=name: len(prompts(tmp_path / name)) == 5)  # type: ignore[misc]
        assert set(prompts(tmp_path / name)) == wanted


def test_the_terminal_that_is_asked_is_the_panes_own(
    box: Box, typist: TmuxTypist, tmp_path: Path
) -> None:
    box.perform(order("a", ("sleep", "1000")))
    deaf, path = seated(box, "a"), tmp_path / "read"
    reads = lines(box, "b", path)
    assert typist.line(deaf, "first")
    box.until(lambda: typist.look([deaf])[deaf.unit].unread > 0)
    for _ in range(3):
        assert not typist.line(deaf, "second")
    assert typist.line(reads, "hello")
    box.until(lambda: path.read_text() == "hello\n")
