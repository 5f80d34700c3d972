"""Commits before commits; and a HEAD that walks while somebody rebases or bisects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.model.problems import SourceError
from tests.adapters.git.sandbox import Sandbox


@pytest.fixture
def repository(repo: Sandbox) -> Iterator[GitRepository]:
    repo.write("fleet.yaml")
    repo.commit("the first")
    found = GitRepository.discover(repo.path)
    yield found
    found.close()


def grown(repo: Sandbox, count: int = 3) -> list[str]:
    made = []
    for number in range(count):
        repo.write("fleet.yaml", f"a: {number}\nb: 1\n")
        made.append(repo.commit(f"number {number}"))
    return made


def test_descent(repo: Sandbox, repository: GitRepository) -> None:
    one, two, three = grown(repo)
    repo.git("checkout", "--quiet", "-b", "side", one)
    side = repo.commit("beside")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    merge = repo.git("rev-parse", "HEAD")
    for older, newer, expected in [
        (one, one, True),
        (one, two, True),
        (one, three, True),
        (three, one, False),
        (three, side, False),
        (side, three, False),
        (side, merge, True),
        (two, merge, True),
    ]:
        assert repository.descends(older, newer) is expected


def test_a_shallow_clone_says_that_it_cannot_tell(repo: Sandbox, repository: GitRepository) -> None:
    one, *_, three = grown(repo)
    clone = repo.path.parent / "shallow"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(clone))
    shallow = GitRepository.discover(clone)
    try:
        with pytest.raises(SourceError, match=r"cannot tell|could not answer"):
            shallow.descends(one, three)
        assert [commit for commit, _ in shallow.line(three)] == [three]
    finally:
        shallow.close()
    assert repository.descends(one, three)


def test_the_line_goes_back_by_first_parents(repo: Sandbox, repository: GitRepository) -> None:
    one, two, _ = grown(repo)
    repo.git("checkout", "--quiet", "-b", "side", one)
    repo.commit("beside")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    line = list(repository.line("main"))
    assert len(line) == 5
    assert [commit for commit, _ in line][2:4] == [two, one]
    assert line[2][1] == repo.git("rev-parse", f"{two}:desired-state")


def test_a_commit_without_the_folder_is_on_the_line(
    repo: Sandbox, repository: GitRepository
) -> None:
    repo.git("rm", "--quiet", "-r", "desired-state")
    gone = repo.commit("all gone")
    (repo.path / "desired-state").write_text("a file\n")
    odd = repo.commit("a file in its place")
    assert list(repository.line("HEAD"))[:2] == [(odd, ""), (gone, "")]


def test_a_rebase_in_the_middle_is_not_followed(repo: Sandbox, repository: GitRepository) -> None:
    """`exec false` stops an interactive rebase with HEAD at an intermediate commit."""
    tips = grown(repo)
    script = "sed -i -e '1a exec false' -e '2s/pick/reword/'"
    repo.git("rebase", "-i", "HEAD~2", ok=False, GIT_SEQUENCE_EDITOR=script, GIT_EDITOR="true")
    assert repo.git("rev-parse", "HEAD") == tips[1]
    assert repository.tree("HEAD").commit == tips[2], "the old tip stands until the end"
    repo.git("rebase", "--abort")
    assert repository.tree("HEAD").commit == tips[2]


def test_a_rebase_that_stops_to_edit_and_ends(repo: Sandbox, repository: GitRepository) -> None:
    tips = grown(repo)
    repo.git("rebase", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
    repo.git("commit", "--quiet", "--amend", "-m", "said otherwise")
    assert repository.tree("HEAD").commit == tips[2]
    repo.git("rebase", "--continue", GIT_EDITOR="true")
    assert repository.tree("HEAD").commit == repo.git("rev-parse", "main") != tips[2]


def test_an_old_style_rebase_with_a_conflict(repo: Sandbox, repository: GitRepository) -> None:
    one, *_ = grown(repo)
    repo.git("checkout", "--quiet", "-b", "side", one)
    repo.write("fleet.yaml", "a: other\nb: 1\n")
    side = repo.commit("a conflict")
    repo.git("rebase", "--apply", "main", ok=False)
    assert repository.tree("HEAD").commit == side
    repo.git("rebase", "--abort")
    assert repository.tree("HEAD").commit == side


def test_a_detached_head_that_is_rebased(repo: Sandbox, repository: GitRepository) -> None:
    tips = grown(repo)
    repo.git("checkout", "--quiet", "--detach")
    repo.git("rebase", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
    assert repository.tree("HEAD").commit == tips[2]


def test_a_bisect_is_not_followed(repo: Sandbox, repository: GitRepository) -> None:
    tips = grown(repo, 6)
    repo.git("bisect", "start", tips[5], tips[0])
    assert repo.git("rev-parse", "HEAD") != tips[5]
    assert repository.tree("HEAD").commit == tips[5]
    repo.git("bisect", "reset")
    assert repository.tree("HEAD").commit == tips[5]


def test_a_branch_checked_out_in_the_middle_counts(
    repo: Sandbox, repository: GitRepository
) -> None:
    tips = grown(repo)
    repo.git("branch", "other", tips[0])
    repo.git("rebase", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
    repo.git("checkout", "--quiet", "other")
    assert repository.tree("HEAD").commit == tips[0]


def test_a_detached_head_is_followed_as_it_is(repo: Sandbox, repository: GitRepository) -> None:
    tips = grown(repo)
    repo.git("checkout", "--quiet", tips[0])
    assert repository.tree("HEAD").commit == tips[0]


def test_a_rebase_in_one_work_tree_is_no_matter_of_another(
    repo: Sandbox, repository: GitRepository
) -> None:
    tips = grown(repo)
    linked = repo.path.parent / "linked"
    repo.git("worktree", "add", "--quiet", "-b", "linked", str(linked), tips[0])
    repo.git("rebase", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
    beside = GitRepository.discover(linked)
    try:
        assert beside.tree("HEAD").commit == tips[0]
    finally:
        beside.close()


def test_a_child_is_known_without_a_process(
    repo: Sandbox, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = grown(repo)
    repository.tree("HEAD")
    repository.descends(one, three)
    monkeypatch.setenv("PATH", "/nowhere")
    assert repository.descends(two, three)
    assert repository.descends(one, three), "what was asked once is known"
    with pytest.raises(SourceError, match="git was not found"):
        repository.descends(three, one)
