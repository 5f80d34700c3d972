"""Commits on the user's behalf: theirs in every way, and of nothing but the named paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.problems import SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def test_just_the_named_paths_are_committed(box: Sandbox, opened: Opener) -> None:
    box.write("demo/agents/a.yaml")
    box.write("demo/agents/b.yaml")
    box.write("demo/agents/staged.yaml")
    box.git("add", "desired-state/demo/agents/staged.yaml")
    repo = opened(box.path)
    commit = repo.commit_paths(
        [
            Path("desired-state/demo/agents/a.yaml"),
            box.path / "desired-state/demo/agents/torch.yaml",
        ],
        "adopt a\n\n# kept\n",
    )
    assert commit == box.git("rev-parse", "HEAD") == repo.tree("HEAD").commit
    assert box.git("show", "--format=%an%n%B", "--name-only").split() == [
        "Ada", "adopt", "a", "#", "kept", "desired-state/demo/agents/a.yaml",
    ]  # fmt: skip
    assert "A  desired-state/demo/agents/staged.yaml" in box.git("status", "--porcelain")
    assert "?? desired-state/demo/agents/b.yaml" in box.git("status", "--porcelain")


def test_a_folder_a_deletion_and_the_first_commit(tmp_path: Path, opened: Opener) -> None:
    box = Sandbox(tmp_path / "new")
    box.write("demo/agents/a.yaml")
    box.write("demo/agents/b.yaml")
    repo = opened(box.path)
    first = repo.commit_paths([Path("desired-state")], "begin")
    assert len(repo.tree(first).blobs) == 2
    (box.path / "desired-state/demo/agents/a.yaml").unlink()
    repo.commit_paths([Path("desired-state/demo/agents/a.yaml")], "end")
    assert len(repo.tree("HEAD").blobs) == 1


def test_without_a_difference_nothing_is_committed(box: Sandbox, opened: Opener) -> None:
    head = box.git("rev-parse", "HEAD")
    assert opened(box.path).commit_paths([Path("desired-state")], "nothing") == head


def test_the_users_hooks_run_and_may_refuse(box: Sandbox, opened: Opener) -> None:
    hook = box.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on a friday >&2\nexit 1\n")
    hook.chmod(0o755)
    box.write("demo/agents/a.yaml")
    head = box.git("rev-parse", "HEAD")
    with pytest.raises(SourceError, match="would not commit") as caught:
        opened(box.path).commit_paths([Path("desired-state")], "x")
    assert "not on a friday" in caught.value.why
    assert box.git("rev-parse", "HEAD") == head


@pytest.mark.parametrize("name", ["-a.yaml", "a b.yaml", "*.yaml", ":(glob)x", "ö.yaml"])
def test_names_are_taken_literally(box: Sandbox, opened: Opener, name: str) -> None:
    box.write("other.yaml")
    (box.path / name).write_text("x")
    opened(box.path).commit_paths([Path(name)], "-m")
    files = box.git("-c", "core.quotePath=false", "show", "--format=%s", "--name-only")
    assert files.split("\n") == ["-m", "", name]


def test_paths_outside_are_refused(box: Sandbox, tmp_path: Path, opened: Opener) -> None:
    repo = opened(box.path)
    for path in (tmp_path / "x", Path("../x"), Path("/etc/passwd")):
        with pytest.raises(SourceError, match="outside the repository"):
            repo.commit_paths([path], "x")
    with pytest.raises(SourceError, match="nothing to commit"):
        repo.commit_paths([], "x")
    with pytest.raises(SourceError, match="would not add"):
        repo.commit_paths([Path("missing")], "x")


def test_the_callers_git_variables_do_not_redirect_the_commit(
    box: Sandbox, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Sandbox(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    box.write("demo/agents/a.yaml")
    commit = opened(box.path).commit_paths([Path("desired-state")], "x")
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert box.git("log", "-1", "--format=%H %an") == f"{commit} Grace"
