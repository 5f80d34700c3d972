"""Which repository a command means within an agent: its fleet's, and never another's instead."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.cli.whereabouts import MARK, meant

FLEET = "/srv/fleet"
WITHIN = {"NOVAORCH_REPOSITORY": FLEET, "NOVAORCH_FLEET": "demo"}
LED = ["-C", FLEET, "status"]


def work_tree(folder: Path, mark: object) -> Path:
    """A linked work tree as git makes it, with a mark of somebody's."""
    admin = folder / "main" / ".git" / "worktrees" / "torch"
    admin.mkdir(parents=True)
    (admin / MARK).write_text(mark if isinstance(mark, str) else json.dumps(mark))
    tree = folder / "tree"
    (tree / "desired-state").mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {admin}\n")
    (tree / "deep" / "er").mkdir(parents=True)
    return tree


@pytest.mark.parametrize("below", ["", "deep", "deep/er"])
def test_in_a_work_tree_of_the_fleet_the_fleet_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    monkeypatch.chdir(work_tree(tmp_path, {"fleet": "demo"}) / below)
    assert meant(["status"], WITHIN) == LED


@pytest.mark.parametrize("mark", [{"fleet": "other"}, {}, [], "{broken", "[" * 100_000])
def test_a_tree_of_another_fleet_is_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: object
) -> None:
    monkeypatch.chdir(work_tree(tmp_path, mark))
    assert meant(["status"], WITHIN) == ["status"]


def test_another_fleets_repository_is_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other" / ".git").mkdir(parents=True)
    (tmp_path / "other" / "desired-state").mkdir()
    (tmp_path / "other" / "src").mkdir()
    monkeypatch.chdir(tmp_path / "other" / "src")
    assert meant(["status"], WITHIN) == ["status"]


def test_a_bare_repository_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.chdir(tmp_path)
    assert meant(["status"], WITHIN) == ["status"]


def test_where_there_is_no_fleet_the_agents_own_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert meant(["status"], WITHIN) == LED
    (tmp_path / ".git").mkdir()
    assert meant(["status"], WITHIN) == LED, "a repository without desired state"


def test_what_is_said_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["-C", "/x", "status"], ["-C/x", "status"], ["--version"], []):
        assert meant(words, WITHIN) == words
    for value in ("", "relative", "-x"):
        assert meant(["status"], {**WITHIN, "NOVAORCH_REPOSITORY": value}) == ["status"]
    assert meant(["status"], {}) == ["status"]


def test_a_folder_that_is_gone_is_no_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert meant(["status"], WITHIN) == ["status"]


def test_a_pipe_in_git_s_place_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = work_tree(tmp_path, {"fleet": "demo"})
    (tree / ".git").unlink()
    os.mkfifo(tree / ".git")
    monkeypatch.chdir(tree)
    assert meant(["status"], WITHIN) == ["status"]


def test_files_are_those_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work_tree(tmp_path, {"fleet": "demo"}))
    for words in (["why", "src/a.py:12"], ["why", "--json", "a:1"], ["blame", "a.py"]):
        assert meant(words, WITHIN) == words
    assert meant(["why", "torch"], WITHIN) == ["-C", FLEET, "why", "torch"]
