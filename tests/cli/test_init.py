"""`novaorch init`: everything a first fleet needs, and never a file overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.git.sandbox import Sandbox

MADE = (
    ".schemas/agent.json",
    ".schemas/charter.json",
    ".schemas/fleet.json",
    ".schemas/session.json",
    "fleet.yaml",
)


def novaorch(where: Path, *words: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "-C", str(where), *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(repo: Path) -> dict[str, bytes]:
    top = repo / "desired-state"
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}


def test_what_it_writes_is_valid_and_small(repo: Sandbox) -> None:
    said = novaorch(repo.path, "init", "--name", "shop")
    assert set(files(repo.path)) == {
        *MADE,
        "shop/charter.md",
        "shop/sessions/main.yaml",
        "shop/agents/hello.yaml",
    }
    for path in files(repo.path):
        assert f"wrote   desired-state/{path}" in said
    assert "valid, 2 units" in novaorch(repo.path, "validate", "--worktree")
    assert "Plan: 2 to start" in novaorch(repo.path, "diff", "--worktree", expect=2)


def test_a_second_time_changes_nothing(repo: Sandbox) -> None:
    novaorch(repo.path, "init")
    before = files(repo.path)
    said = novaorch(repo.path, "init")
    assert "wrote" not in said
    assert "exists  desired-state/fleet.yaml" in said
    assert files(repo.path) == before


def test_nothing_that_is_there_is_overwritten_and_nothing_removed_comes_back(repo: Sandbox) -> None:
    novaorch(repo.path, "init", "--name", "shop")
    repo.write("fleet.yaml", "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: mine}\n")
    (repo.path / "desired-state/shop/agents/hello.yaml").unlink()
    before = files(repo.path)
    novaorch(repo.path, "init", "--name", "other")
    assert files(repo.path) == before
    said = novaorch(repo.path, "init", "--project", "shop")
    assert "exists  desired-state/shop/charter.md" in said
    assert set(files(repo.path)) == {*before, "shop/agents/hello.yaml"}


def test_each_file_names_its_schema_by_a_path_that_leads_there(repo: Sandbox) -> None:
    novaorch(repo.path, "init", "--name", "shop")
    for path in (repo.path / "desired-state").rglob("*.yaml"):
        first = path.read_text().splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert first.startswith(prefix)
        assert (path.parent / first.removeprefix(prefix)).is_file()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My Shop!", "my-shop"), ("---", "fleet"), ("ÄÖ", "fleet"), ("x" * 80, "x" * 48)],
)
def test_the_folder_gives_the_name(folder: str, name: str, tmp_path: Path) -> None:
    where = tmp_path / folder
    where.mkdir()
    said = novaorch(where, "init")
    assert f"made    a git repository in {where}" in said
    text = (where / "desired-state/fleet.yaml").read_text()
    assert f"metadata: {{name: {name}}}" in text
    assert "valid" in novaorch(where, "validate", "--worktree")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    novaorch(tmp_path, "init", "deep/new")
    assert (tmp_path / "deep/new/.git").is_dir()
    assert (tmp_path / "deep/new/desired-state/new/charter.md").is_file()


def test_inside_a_repository_its_top_is_meant(repo: Sandbox) -> None:
    below = repo.path / "src"
    below.mkdir()
    novaorch(below, "init")
    assert (repo.path / "desired-state/fleet.yaml").is_file()
    assert not (below / ".git").exists()


@pytest.mark.parametrize("branch", ["main", "topic/one"])
def test_the_branch_is_the_one_checked_out(branch: str, repo: Sandbox) -> None:
    repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    novaorch(repo.path, "init")
    assert f"branch: {branch} " in (repo.path / "desired-state/fleet.yaml").read_text()


@pytest.mark.parametrize("branch", ["odd#name", "später", ""])
def test_a_branch_that_no_manifest_can_name_is_left_out(branch: str, repo: Sandbox) -> None:
    repo.git("commit", "-q", "--allow-empty", "-m", "first")
    if branch:
        repo.git("checkout", "-q", "-b", branch)
    else:
        repo.git("checkout", "-q", "--detach")
    novaorch(repo.path, "init")
    assert "branch:" not in (repo.path / "desired-state/fleet.yaml").read_text()
    assert "valid" in novaorch(repo.path, "validate", "--worktree")


def test_commit_takes_just_these_files(repo: Sandbox) -> None:
    (repo.path / "mine.txt").write_text("half done")
    (repo.path / "staged.txt").write_text("not yet")
    repo.git("add", "staged.txt")
    said = novaorch(repo.path, "init", "--name", "shop", "--commit")
    assert "committed as" in said
    names = repo.git("show", "--name-only", "--format=", "HEAD").splitlines()
    assert set(names) == {f"desired-state/{path}" for path in files(repo.path)}
    assert "A  staged.txt" in repo.git("status", "--porcelain")
    head = repo.git("rev-parse", "HEAD")
    novaorch(repo.path, "init", "--commit")
    assert repo.git("rev-parse", "HEAD") == head


def test_hooks_only_when_wished(repo: Sandbox) -> None:
    hook = repo.path / ".git/hooks/pre-commit"
    assert "hooks   not installed" in novaorch(repo.path, "init")
    novaorch(repo.path, "init", "--no-hooks")
    assert not hook.exists()
    assert "hook    pre-commit: installed" in novaorch(repo.path, "init", "--hooks")
    assert os.access(hook, os.X_OK)
    assert "hooks   installed" in novaorch(repo.path, "init")


def test_it_says_what_to_type_next(repo: Sandbox) -> None:
    said = novaorch(repo.path, "init")
    lines = [line for line in said.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    assert lines[0] == "  novaorch diff --worktree"


@pytest.mark.parametrize("name", ["Not A Name", "-x", "a/b", "../up", "x" * 49])
def test_a_bad_name_is_refused_before_anything_is_made(name: str, tmp_path: Path) -> None:
    novaorch(tmp_path, "init", f"--name={name}", expect=64)
    novaorch(tmp_path, "init", f"--project={name}", expect=64)
    assert list(tmp_path.iterdir()) == []


def test_a_desired_state_that_leads_elsewhere_is_refused(repo: Sandbox, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repo.path / "desired-state").symlink_to(elsewhere)
    assert "symbolic link" in novaorch(repo.path, "init", expect=1)
    assert list(elsewhere.iterdir()) == []


def test_a_project_folder_that_leads_elsewhere_is_refused(repo: Sandbox, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repo.path / "desired-state").mkdir()
    (repo.path / "desired-state/shop").symlink_to(elsewhere)
    novaorch(repo.path, "init", "--project", "shop", expect=1)
    assert list(elsewhere.iterdir()) == []


def test_a_bare_repository_and_a_file_in_the_way(tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    assert "in a clone" in novaorch(bare, "init", expect=1)
    Sandbox(tmp_path / "repo")
    (tmp_path / "repo/desired-state").write_text("I am a file\n")
    assert "fix:" in novaorch(tmp_path / "repo", "init", expect=1)
