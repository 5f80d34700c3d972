"""Finding the repository from wherever one stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository, init_repository
from reconciler.adapters.git.place import NoRepositoryError
from reconciler.model.problems import SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def test_from_a_folder_within(box: Sandbox) -> None:
    repo = GitRepository.discover(box.path / "desired-state/demo")
    assert (repo.root, repo.git_dir) == (box.path, box.path / ".git")
    assert (repo.common_dir, repo.bare) == (box.path / ".git", False)


def test_from_a_folder_with_files_that_look_like_gits(box: Sandbox) -> None:
    (box.path / "desired-state/HEAD").write_text("x")
    (box.path / "desired-state/config").write_text("x")
    assert GitRepository.discover(box.path / "desired-state").root == box.path


def test_through_a_link(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(box.path)
    assert GitRepository.discover(tmp_path / "link").root == box.path


@pytest.mark.parametrize("name", ["with space", "quo'te\"s", "$HOME ~", "-c", "ünï", "a;b", "a:b"])
def test_at_a_strange_path(tmp_path: Path, opened: Opener, name: str) -> None:
    sandbox = Sandbox(tmp_path / name / "repo")
    sandbox.write("demo/agents/a.yaml")
    commit = sandbox.commit()
    repo = opened(sandbox.path)
    assert repo.root == sandbox.path
    for revision in ("HEAD", ":worktree", ":staged"):
        assert len(repo.tree(revision).blobs) == 1
    assert repo.tree("HEAD").commit == commit


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "a\nb")
    with pytest.raises(SourceError, match="line break"):
        GitRepository.discover(sandbox.path)


def test_a_linked_work_tree_has_its_own_head_and_files(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    box.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    (tmp_path / "linked/desired-state/demo/agents/side.yaml").write_text("s: 1\n")
    repo = opened(tmp_path / "linked")
    assert (repo.root, repo.common_dir) == (tmp_path / "linked", box.path / ".git")
    assert repo.git_dir == box.path / ".git/worktrees/linked"
    assert repo.head_branch() == "side"
    assert len(repo.tree("HEAD").blobs) == 1
    assert len(repo.tree(":worktree").blobs) == 2
    assert len(opened(box.path).tree(":worktree").blobs) == 1
    box.git("-C", str(tmp_path / "linked"), "add", "-A")
    box.git("-C", str(tmp_path / "linked"), "commit", "--quiet", "-m", "side")
    assert len(repo.tree("HEAD").blobs) == 2


def test_a_submodule_is_a_repository_of_its_own(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    other = Sandbox(tmp_path / "other")
    other.write("x/agents/x.yaml")
    other.commit()
    box.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "sub"
    )
    repo = opened(box.path / "sub")
    assert repo.root == box.path / "sub"
    assert [b.path for b in repo.tree("HEAD").blobs] == ["x/agents/x.yaml"]
    assert [b.path for b in repo.tree(":worktree").blobs] == ["x/agents/x.yaml"]


def test_a_bare_repository_is_read_and_has_no_files(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    box.git("clone", "--quiet", "--bare", str(box.path), str(tmp_path / "bare.git"))
    repo = opened(tmp_path / "bare.git")
    assert (repo.bare, repo.root, repo.git_dir) == (True, repo.common_dir, tmp_path / "bare.git")
    assert repo.tree("HEAD") == opened(box.path).tree("HEAD")
    assert repo.tree("main").exists
    for word in (":worktree", ":staged"):
        with pytest.raises(SourceError, match="bare"):
            repo.tree(word)
    with pytest.raises(SourceError, match="bare"):
        repo.commit_paths([Path("x")], "x")


def test_a_work_tree_elsewhere_is_found(box: Sandbox, tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "elsewhere/desired-state").mkdir(parents=True)
    (tmp_path / "elsewhere/desired-state/a.yaml").write_text("x")
    box.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    repo = opened(box.path / ".git")
    assert repo.root == tmp_path / "elsewhere"
    assert repo.tree("HEAD").exists
    assert [b.path for b in repo.tree(":worktree").blobs] == ["a.yaml"]


def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoRepositoryError, match="not in a git repository") as caught:
        GitRepository.discover(tmp_path)
    assert "init" in caught.value.fix


def test_inside_a_git_directory_is_said(box: Sandbox) -> None:
    with pytest.raises(SourceError, match="inside a git directory"):
        GitRepository.discover(box.path / ".git/refs")


def test_init_makes_one_once(tmp_path: Path) -> None:
    repo = init_repository(tmp_path / "a/b")
    assert repo.root == tmp_path / "a/b"
    assert init_repository(tmp_path / "a/b").git_dir == repo.git_dir
    assert init_repository(tmp_path / "a/b/c").root == tmp_path / "a/b"


def test_init_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="cannot be made"):
        init_repository(tmp_path / "file/below")
