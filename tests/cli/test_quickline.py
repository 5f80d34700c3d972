"""`why FILE:LINE` and `blame FILE` as people and machines call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.app import run
from reconciler.cli.quickline import file_and_line, quick
from tests.adapters.git.keys import Key
from tests.adapters.git.linebed import LineBed

ROOT = Path(__file__).resolve().parents[2]
EVIL = "evil \x1b[31m\u202e<script>"


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[LineBed]:
    made = LineBed(tmp_path / "bed", key=Key(tmp_path / "key"))
    made.turn_of({"new.txt": f"one\n{EVIL}\nthree\n"}, prompt=EVIL, summary=EVIL)
    made.turn_of({"new.txt": f"one\n{EVIL}\nTHREE\n"})
    made.promote("squash")
    yield made
    made.close()


def why(place: Path, *words: str) -> int | None:
    return quick(["-C", str(place), "why", *words])


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("a:1", ("a", 1)),
        ("a:b:12", ("a:b", 12)),
        ("a\nb:0", ("a\nb", 0)),
        ("torch", None),
        ("shop/agent/torch", None),
        ("a:", None),
        (":1", None),
        ("a:\u0661", None),
    ],
)
def test_what_is_a_line(word: str, found: tuple[str, int] | None) -> None:
    assert file_and_line(word) == found


@pytest.mark.parametrize("words", [("torch",), ("a:1", "b:2"), ("--help",), ("--at", "a:1"), ()])
def test_whatever_is_not_plain_takes_the_slow_way(words: tuple[str, ...]) -> None:
    assert quick(["why", *words]) is None
    assert quick(["status", "a:1"]) is None


def test_people_get_one_fact_a_line_and_nothing_a_terminal_obeys(
    bed: LineBed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert why(bed.repo.path, "new.txt:2") == 0
    out = capsys.readouterr().out
    assert out.startswith("new.txt:2  evil \\u{1b}[31m\\u{202e}<script>\n  commit    ")
    assert "\n  agent     shop/agent/torch, run 2, turn 1, conversation c-1\n" in out
    assert "\n  prompt    evil \\u{1b}[31m" in out
    assert "\n  verdict   promoted into main as " in out
    assert all(line.isprintable() for line in out.splitlines())


def test_machines_get_a_record_with_a_version(
    bed: LineBed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert why(bed.repo.path, "--json", "new.txt:3") == 0
    out = capsys.readouterr().out
    said = json.loads(out)
    assert (said["v"], said["type"], said["standing"]) == (1, "line", "verified")
    assert said["agent"]["turn"] == 2
    assert said["wish"]["placed"]["id"] == bed.placed
    assert out.rstrip("\n").isprintable()
    (bed.repo.path / "new.txt").write_text("one\nnew\n")
    assert why(bed.repo.path, "new.txt:2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["standing"] == "uncommitted"


def test_the_slow_way_says_the_same(bed: LineBed, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(bed.repo.path)
    assert why(bed.repo.path, "new.txt:3", "--rev", "main") == 0
    quickly = capsys.readouterr().out
    assert run(["-C", place, "why", "new.txt:3", "--rev=main"]) == 0
    assert capsys.readouterr().out == quickly
    assert run(["-C", place, "why", "new.txt:99"]) == why(bed.repo.path, "new.txt:99") == 1
    assert "it has 3 lines" in capsys.readouterr().err


def test_blame_shows_each_line_and_each_turn_of_a_squash(
    bed: LineBed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(bed.repo.path), "blame", "new.txt"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "shop/torch 2.1" in lines[0]
    assert "torch" not in lines[1]
    assert lines[1].endswith("2  evil \\u{1b}[31m\\u{202e}<script>")
    assert "shop/torch 2.2" in lines[2]
    assert run(["-C", str(bed.repo.path), "blame", "new.txt", "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(s["from"], s["to"], s["turn"], s["standing"]) for s in said] == [
        (1, 2, 1, "verified"), (3, 3, 2, "verified"),
    ]  # fmt: skip
    assert run(["-C", str(bed.repo.path), "blame", "app.txt", "--rev", "main"]) == 0
    assert capsys.readouterr().out.count("Ada") == 1
    assert run(["-C", str(bed.repo.path), "blame", "none.txt"]) == 1


def test_a_claim_has_a_question_mark(bed: LineBed, capsys: pytest.CaptureFixture[str]) -> None:
    bed.begin(3)
    bed.work("forged\n", "forged.txt")
    assert run(["-C", str(bed.tree), "blame", "forged.txt"]) == 0
    assert "shop/torch 3.1?" in capsys.readouterr().out


def test_within_an_agent_files_are_those_of_its_tree(bed: LineBed) -> None:
    bed.begin(3)
    bed.turn_of({"only.txt": "here\n"})
    env = {
        "NOVAORCH_REPOSITORY": str(bed.repo.path),
        "NOVAORCH_FLEET": "f",
        "PATH": os.environ["PATH"],
        "HOME": str(bed.folder),
        "PYTHONPATH": str(ROOT),
    }
    for words in (("why", "only.txt:1"), ("blame", "only.txt")):
        done = subprocess.run(
            [sys.executable, "-m", "reconciler.cli", *words],
            cwd=bed.tree, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "here" in done.stdout


def test_nothing_heavy_is_loaded(bed: LineBed) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['novaorch', '-C',"
        f" {str(bed.repo.path)!r}, 'why', 'new.txt:1']\n"
        "from reconciler.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'typer', 'git', 'pydantic', 'redis', 'reconciler.model.unit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "shop/agent/torch" in done.stdout
