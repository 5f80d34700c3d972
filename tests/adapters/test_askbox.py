"""Where hooks ask the daemon: heard, answered once, and never a reason to wait."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.askbox import AskBox, Question
from reconciler.model.problems import NovaorchError


class Poked:
    """Keeps the words that the box said."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, word: str) -> None:
        self.words.append(word)


@pytest.fixture
def poked() -> Poked:
    return Poked()


@pytest.fixture
def box(tmp_path: Path, poked: Poked) -> Iterator[AskBox]:
    made = AskBox(tmp_path / "novaorch", poked)
    yield made
    made.close()


def ask(folder: Path, line: bytes) -> None:
    fd = os.open(folder / "novaorch" / "ask", os.O_RDWR | os.O_NONBLOCK)
    os.write(fd, line)
    os.close(fd)


def heard(box: AskBox, count: int) -> list[Question]:
    found: list[Question] = []
    end = time.monotonic() + 5
    while len(found) < count and time.monotonic() < end:
        found += box.take()
        time.sleep(0.002)
    return found


def test_a_question_is_heard_and_answered_in_one_line(
    box: AskBox, poked: Poked, tmp_path: Path
) -> None:
    answer = tmp_path / "novaorch" / "answer.42"
    os.mkfifo(answer)
    reader = os.open(answer, os.O_RDWR | os.O_NONBLOCK)
    ask(tmp_path, b"validate 42 /repo with space/.git/index\n")
    (question,) = heard(box, 1)
    assert question == Question("42", Path("/repo with space/.git/index"))
    assert poked.words == ["ask"]
    box.answer(question, 0)
    assert os.read(reader, 100) == b"0\n"
    assert not answer.exists()
    os.close(reader)


def test_what_is_no_question_is_dropped(box: AskBox, tmp_path: Path) -> None:
    for line in (
        b"validate x /i\n",
        b"validate 1 relative\n",
        b"\xff\n",
        b"rm -rf /\n",
        b"\n" * 50,
    ):
        ask(tmp_path, line)
    ask(tmp_path, b"x" * 60_000 + b"\n")
    ask(tmp_path, b"validate 7 /last\n")
    assert heard(box, 1) == [Question("7", Path("/last"))]


def test_an_asker_that_left_and_a_file_in_its_place_are_no_error(
    box: AskBox, tmp_path: Path
) -> None:
    box.answer(Question("1", Path("/i")), 0)
    plain = tmp_path / "novaorch" / "answer.2"
    plain.write_text("mine")
    box.answer(Question("2", Path("/i")), 0)
    link = tmp_path / "novaorch" / "answer.3"
    target = tmp_path / "target"
    target.write_text("untouched")
    link.symlink_to(target)
    box.answer(Question("3", Path("/i")), 0)
    assert target.read_text() == "untouched"


def test_nobody_but_the_owner_may_ask_and_nothing_is_left_behind(
    box: AskBox, tmp_path: Path
) -> None:
    folder = tmp_path / "novaorch"
    assert stat.S_IMODE((folder / "ask").stat().st_mode) == 0o600
    assert (folder / "pid").read_text() == f"{os.getpid()}\n"
    (folder / "answer.9").write_text("")
    box.close()
    box.close()
    assert not (folder / "ask").exists()
    assert not (folder / "pid").exists()


def test_a_box_left_by_a_killed_daemon_is_taken_over(tmp_path: Path, poked: Poked) -> None:
    folder = tmp_path / "novaorch"
    folder.mkdir()
    os.mkfifo(folder / "ask")
    os.mkfifo(folder / "answer.5")
    made = AskBox(folder, poked)
    assert not (folder / "answer.5").exists()
    made.close()


def test_a_place_that_cannot_be_used_is_said(tmp_path: Path, poked: Poked) -> None:
    (tmp_path / "novaorch").write_text("a file")
    with pytest.raises(NovaorchError, match="cannot ask the daemon"):
        AskBox(tmp_path / "novaorch", poked)
