"""The quick half of why: the same words as the slow one, and nothing heavy loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git.refnames import own_ref
from reconciler.cli.quickwhy import quick
from reconciler.model.ids import UnitId
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.git.test_journal import GitPlace
from tests.adapters.journal_contract import B, deed, record

FLEET = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: f}\nspec: {}\n"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sha1", "sha256"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitPlace]:
    box = Sandbox(tmp_path / "repo", f"--object-format={request.param}")
    box.write("fleet.yaml", FLEET)
    box.commit()
    made = GitPlace(box, tmp_path / "notes", host=os.uname().nodename)
    journal = made.opened()
    others = (deed(UnitId("p/agent/torch")), deed(UnitId("q/agent/torch")))
    journal.record(record(deed(), deed(B), *others))
    journal.flush()
    yield made
    made.close()


def asked(place: GitPlace, *words: str) -> int | None:
    return quick(["-C", str(place.box.path), "why", *words])


@pytest.mark.parametrize("word", ["p/agent/a", "agent/a", "a"])
def test_an_id_or_its_end_is_answered(
    place: GitPlace, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(place, word) == 0
    assert capsys.readouterr().out.startswith("p/agent/a  there since record 1")


def test_a_pane_of_a_session_is_found_by_its_end(
    place: GitPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(place, "dev.0", "--json") == 0
    assert json.loads(capsys.readouterr().out)["unit"] == B


@pytest.mark.parametrize(
    "words",
    [
        ("torch",),
        ("nobody",),
        ("a", "--at", "now"),
        ("--live", "a"),
        ("--help",),
        (),
        ("a\nHEAD:desired-state/fleet.yaml",),
        ("../head",),
    ],
)
def test_whatever_is_not_plain_takes_the_slow_way(
    place: GitPlace, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(place, *words) is None
    assert capsys.readouterr().out == ""


def test_the_journal_of_another_fleet_is_not_taken_for_ours(place: GitPlace) -> None:
    place.box.write("fleet.yaml", FLEET.replace("name: f", "name: other"))
    place.box.commit()
    assert asked(place, "a") is None


def test_where_no_repository_or_no_journal_is_the_slow_way_says_so(tmp_path: Path) -> None:
    assert quick(["-C", str(tmp_path / "none"), "why", "a"]) is None
    empty = Sandbox(tmp_path / "empty")
    empty.commit()
    assert quick(["-C", str(empty.path), "why", "a"]) is None


def test_a_damaged_page_takes_the_slow_way(place: GitPlace) -> None:
    ref = own_ref("journal", os.uname().nodename)
    tree = place.box.git("mktree", given=b"")
    place.box.git("update-ref", ref, place.box.git("commit-tree", tree, "-m", "x"))
    assert asked(place, "a") is None


def test_nothing_heavy_is_loaded(place: GitPlace) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['novaorch', '-C',"
        f" {str(place.box.path)!r}, 'why', 'a']\n"
        "from reconciler.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'typer', 'git', 'pydantic', 'yaml', 'redis', 'reconciler.model.unit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "there since record 1" in done.stdout
