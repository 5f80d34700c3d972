"""Revert commits: one folder comes back, everything else stays, nothing uncommitted is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.adapters.git.history import Ground
from reconciler.adapters.git.process import Reply
from reconciler.adapters.git.revert import Revert, Reverts, as_user, revert_to
from reconciler.model.problems import ConflictError, SourceError
from tests.adapters.git.keys import Key
from tests.adapters.git.sandbox import Sandbox


@pytest.fixture
def ground(repo: Sandbox) -> Iterator[Ground]:
    """A repository of two commits, the first tagged `good`, with odd things beside the folder."""
    repo.write("fleet.yaml", "a: 1\n")
    repo.write("p/agents/a.yaml", "a: 1\n")
    script = repo.path / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (repo.path / "link").symlink_to("run.sh")
    (repo.path / "ünder").mkdir()
    (repo.path / "ünder" / "tab\there").write_text("odd\n")
    repo.commit("good")
    repo.git("tag", "good")
    repo.write("p/agents/b.yaml", "b: 1\n")
    repo.git("rm", "-q", "desired-state/p/agents/a.yaml")
    (repo.path / "later").write_text("keep me\n")
    repo.commit("bad")
    found = GitRepository.discover(repo.path)
    yield found.ground()
    found.close()


def way(repo: Sandbox, branch: str = "main") -> Revert:
    return Revert(repo.git("rev-parse", "good"), branch, "Take it back\n")


def wished(repo: Sandbox, revision: str) -> str:
    return repo.git("rev-parse", f"{revision}:desired-state")


def others(repo: Sandbox, revision: str) -> list[str]:
    listed = repo.git("ls-tree", "-r", "-z", revision).split("\0")
    return [line for line in listed if "\tdesired-state/" not in line]


def check(repo: Sandbox, commit: str, on: str) -> None:
    assert wished(repo, commit) == wished(repo, "good")
    assert others(repo, commit) == others(repo, f"{commit}^")
    assert repo.git("rev-parse", on) == commit


def test_in_the_work_tree(repo: Sandbox, ground: Ground) -> None:
    (repo.path / "later").write_text("staged\n")
    repo.git("add", "later")
    commit = as_user(ground).onto_branch(way(repo))
    check(repo, commit, "main")
    assert repo.git("status", "--porcelain") == "M  later", "what else is staged stays staged"
    assert not (repo.path / "desired-state/p/agents/b.yaml").exists()


def test_in_a_linked_work_tree(repo: Sandbox, ground: Ground) -> None:
    repo.git("checkout", "--quiet", "-b", "other")
    linked = repo.path.parent / "linked"
    repo.git("worktree", "add", "--quiet", str(linked), "main")
    commit = as_user(ground).onto_branch(way(repo))
    check(repo, commit, "main")
    assert not (linked / "desired-state/p/agents/b.yaml").exists()
    assert (repo.path / "desired-state/p/agents/b.yaml").exists()


def test_without_a_work_tree(repo: Sandbox, ground: Ground) -> None:
    repo.git("checkout", "--quiet", "-b", "other")
    commit = as_user(ground).onto_branch(way(repo))
    check(repo, commit, "main")
    assert repo.git("status", "--porcelain") == ""


def test_in_a_bare_repository(repo: Sandbox, ground: Ground) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(repo.path.parent / "bare.git"))
    bare = GitRepository.discover(repo.path.parent / "bare.git")
    try:
        commit, branch = revert_to(bare.ground(), way(repo))
    finally:
        bare.close()
    repo.git("fetch", "--quiet", str(repo.path.parent / "bare.git"), "main")
    assert branch == "main"
    check(repo, commit, "FETCH_HEAD")


def test_the_folder_was_taken_away(repo: Sandbox, ground: Ground) -> None:
    repo.git("rm", "-r", "-q", "desired-state")
    repo.commit("all gone")
    commit = as_user(ground).onto_branch(way(repo))
    check(repo, commit, "main")
    assert (repo.path / "desired-state/p/agents/a.yaml").exists()


def test_a_signed_one_without_a_work_tree(repo: Sandbox, ground: Ground, tmp_path: Path) -> None:
    ada = Key(tmp_path / "ada")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", str(ada.file)),
        ("commit.gpgSign", "true"),
    ):
        repo.git("config", name, value)
    repo.git("checkout", "--quiet", "-b", "other")
    commit = as_user(ground).onto_branch(way(repo))
    assert b"BEGIN SSH SIGNATURE" in ada.body(repo, commit)


def test_a_new_branch_for_review(repo: Sandbox, ground: Ground) -> None:
    before = repo.git("rev-parse", "main")
    commit = as_user(ground).beside(way(repo), "back")
    check(repo, commit, "back")
    assert repo.git("rev-parse", "main") == before
    with pytest.raises(SourceError, match="already"):
        as_user(ground).beside(way(repo), "back")
    for name in ("-x", "a..b", "a b", ""):
        with pytest.raises(SourceError, match="not a branch"):
            as_user(ground).beside(way(repo), name)


def test_a_branch_in_the_middle_of_a_rebase_is_left_alone(repo: Sandbox, ground: Ground) -> None:
    repo.git("rebase", "-i", "HEAD~1", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
    with pytest.raises(SourceError, match="middle of a rebase"):
        as_user(ground).onto_branch(way(repo))
    before = repo.git("rev-parse", "main")
    _, branch = revert_to(ground, way(repo))
    assert branch.startswith("novaorch/revert-")
    assert repo.git("rev-parse", "main") == before


def test_who_moved_the_branch_meanwhile_wins(repo: Sandbox, ground: Ground) -> None:
    repo.git("checkout", "--quiet", "-b", "other")
    reverts = as_user(ground)

    def racing(directory: Path, args: Sequence[str], given: bytes = b"") -> Reply:
        if args[0] == "update-ref":
            repo.git("update-ref", "refs/heads/main", "good")
        return reverts.run(directory, args, given)

    slow = Reverts(ground, racing)
    with pytest.raises(ConflictError):
        slow.onto_branch(way(repo))
    assert repo.git("rev-parse", "main") == repo.git("rev-parse", "good")


# -- as novaorch ----------------------------------------------------------------------------------


def test_novaorch_reverts_a_clean_work_tree_without_any_hook(repo: Sandbox, ground: Ground) -> None:
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction"):
        hook = repo.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        hook.chmod(0o755)
    commit, branch = revert_to(ground, way(repo))
    check(repo, commit, "main")
    assert branch == "main"
    assert repo.git("log", "-1", "--format=%an <%ae> %cn") == (
        "novaorch <novaorch@localhost> novaorch"
    )
    assert repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("what", ["changed", "staged", "untracked", "ignored by nobody"])
def test_novaorch_never_disturbs_a_dirty_work_tree(
    repo: Sandbox, ground: Ground, what: str
) -> None:
    name = "p/agents/b.yaml" if what in ("changed", "staged") else "p/agents/new.yaml"
    file = repo.write(name, "half done\n")
    if what == "staged":
        repo.git("add", "--all")
    before = repo.git("status", "--porcelain")
    tip = repo.git("rev-parse", "main")
    commit, branch = revert_to(ground, way(repo))
    assert branch == f"novaorch/revert-{tip[:12]}"
    check(repo, commit, branch)
    assert repo.git("rev-parse", "main") == tip
    assert repo.git("status", "--porcelain") == before
    assert file.read_text() == "half done\n"


def test_novaorch_runs_no_filter(repo: Sandbox, ground: Ground, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    repo.git("config", "filter.evil.smudge", f"touch {trace}; cat")
    repo.git("config", "filter.evil.clean", f"touch {trace}; cat")
    (repo.path / ".git/info/attributes").write_text("* filter=evil\n")
    _, branch = revert_to(ground, way(repo))
    assert branch.startswith("novaorch/revert-")
    assert not trace.exists()


def test_novaorch_takes_back_no_merge_underway(repo: Sandbox, ground: Ground) -> None:
    repo.git("checkout", "--quiet", "-b", "side", "good")
    repo.commit("beside")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    _, branch = revert_to(ground, way(repo))
    assert branch.startswith("novaorch/revert-")
    assert wished(repo, "main") != wished(repo, "good")
    assert (repo.path / "desired-state/p/agents/b.yaml").exists()
