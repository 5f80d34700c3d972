"""Which commit a word means, and what is said when it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.model.problems import SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def paths(repo: GitRepository, revision: str = "HEAD") -> list[str]:
    return [blob.path for blob in repo.tree(revision).blobs]


def test_head_says_what_was_committed_by_whom_and_why(box: Sandbox, opened: Opener) -> None:
    tree = opened(box.path).tree("HEAD")
    assert tree.commit == box.git("rev-parse", "HEAD")
    assert tree.oid == box.git("rev-parse", "HEAD:desired-state")
    assert tree.author == "Ada <ada@example.org>"
    assert tree.subject == "first"
    (blob,) = tree.blobs
    assert (blob.path, blob.mode, blob.size) == ("demo/agents/torch.yaml", "100644", 5)
    assert blob.oid == box.git("rev-parse", "HEAD:desired-state/demo/agents/torch.yaml")


def test_an_unborn_branch_is_said_with_how_to_mend(tmp_path: Path, opened: Opener) -> None:
    Sandbox(tmp_path / "new")
    with pytest.raises(SourceError, match=r"no commit yet on 'main'") as caught:
        opened(tmp_path / "new").tree("HEAD")
    assert "commit desired-state/" in caught.value.fix


def test_an_unborn_branch_is_seen_as_soon_as_it_is_born(tmp_path: Path, opened: Opener) -> None:
    sandbox = Sandbox(tmp_path / "new")
    repo = opened(sandbox.path)
    with pytest.raises(SourceError):
        repo.tree("HEAD")
    sandbox.write("demo/agents/a.yaml")
    sandbox.commit()
    assert paths(repo) == ["demo/agents/a.yaml"]


def test_a_commit_without_the_folder_exists_not(tmp_path: Path, opened: Opener) -> None:
    sandbox = Sandbox(tmp_path / "empty")
    sandbox.commit()
    tree = opened(sandbox.path).tree("HEAD")
    assert (tree.exists, tree.blobs) == (False, ())


def test_a_detached_head_is_read(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    box.write("demo/agents/b.yaml")
    box.commit()
    repo = opened(box.path)
    assert repo.head_branch() == "main"
    box.git("checkout", "--quiet", "--detach", first)
    assert repo.tree("HEAD").commit == first
    assert repo.head_branch() is None


def test_the_head_of_a_deleted_branch_is_no_empty_fleet(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    repo.tree("HEAD")
    box.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(SourceError, match="no commit yet"):
        repo.tree("HEAD")
    with pytest.raises(SourceError, match="'main' names no commit"):
        repo.tree("main")


def test_a_forced_rewind_is_followed(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    box.write("demo/agents/b.yaml")
    second = box.commit()
    repo = opened(box.path)
    assert repo.tree("main").commit == second
    box.git("reset", "--hard", "--quiet", first)
    assert repo.tree("main").commit == first
    assert paths(repo) == ["demo/agents/torch.yaml"]


def test_a_tag_does_not_hijack_the_branch_of_its_name(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    box.git("tag", "main", first)
    box.write("demo/agents/b.yaml")
    second = box.commit()
    repo = opened(box.path)
    for _ in range(3):
        assert repo.tree("main").commit == second
    assert repo.tree("refs/tags/main").commit == first


@pytest.mark.parametrize("how", ["main", "refs/heads/main", "v1", "annotated", "HEAD~0", "@"])
def test_any_name_of_a_commit_will_do(box: Sandbox, opened: Opener, how: str) -> None:
    box.git("tag", "v1")
    box.git("tag", "-a", "-m", "x", "annotated")
    assert opened(box.path).tree(how).commit == box.git("rev-parse", "HEAD")


def test_full_and_short_ids_will_do(box: Sandbox, opened: Opener) -> None:
    full = box.git("rev-parse", "HEAD")
    repo = opened(box.path)
    assert repo.tree(full).commit == repo.tree(full[:8]).commit == full


def test_a_branch_named_like_another_commit_does_not_hide_it(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    second = box.commit()
    box.git("update-ref", f"refs/heads/{first}", second)
    assert opened(box.path).tree(first).commit == first


@pytest.mark.parametrize(
    "text",
    ["", " ", "-c", "--upload-pack=x", "--help", "a\nb", "a\0b", "main\r", "\x1b[31m", "x" * 2000],
)
def test_what_is_no_revision_is_refused_before_git_sees_it(
    box: Sandbox, opened: Opener, text: str
) -> None:
    repo = opened(box.path)
    with pytest.raises(SourceError, match="is not a revision") as caught:
        repo.tree(text)
    assert caught.value.what.isprintable()


@pytest.mark.parametrize(
    "text", ["nowhere", "HEAD:desired-state", "HEAD^{tree}", "a b c", "contents HEAD", "main:", "%"]
)
def test_what_names_no_commit_is_said(box: Sandbox, opened: Opener, text: str) -> None:
    repo = opened(box.path)
    with pytest.raises(SourceError, match="names no commit"):
        repo.tree(text)
    assert repo.tree("HEAD").exists  # the conversation with the helper is not out of step


def test_a_branch_named_like_an_option_can_be_read_by_its_full_name(
    box: Sandbox, opened: Opener
) -> None:
    box.git("update-ref", "refs/heads/--upload-pack=x", "HEAD")
    repo = opened(box.path)
    assert repo.tree("refs/heads/--upload-pack=x").exists
    with pytest.raises(SourceError):
        repo.tree("--upload-pack=x")


def test_a_branch_with_a_broken_ref_is_not_called_new(box: Sandbox, opened: Opener) -> None:
    (box.path / ".git/refs/heads/main").write_text("garbage\n")
    with pytest.raises(SourceError, match="points at no commit"):
        opened(box.path).tree("HEAD")


def test_author_and_subject_are_safe_to_print(box: Sandbox, opened: Opener) -> None:
    tree = box.git("rev-parse", "HEAD^{tree}")
    body = (
        f"tree {tree}\nauthor \x1b]0;evil\x07\x9b31m \u202eA <a@b> 1 +0000\n"
        "committer C <c@d> 1 +0000\n\nfirst \x1b[2J line\nsecond\n\nbody\n"
    ).encode()
    oid = box.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=body)
    seen = opened(box.path).tree(oid)
    assert seen.author.isprintable()
    assert seen.subject.isprintable()
    assert seen.author.endswith("A <a@b>")
    assert seen.subject.endswith("line second")


def test_a_huge_message_is_read_and_cut(box: Sandbox, opened: Opener) -> None:
    tree = box.git("rev-parse", "HEAD^{tree}")
    oid = box.git("commit-tree", tree, given=b"x" * 3_000_000)
    seen = opened(box.path).tree(oid)
    assert set(seen.subject) == {"x"}
    assert len(seen.subject) <= 500


def test_a_latin_1_author_is_decoded(box: Sandbox, opened: Opener) -> None:
    tree = box.git("rev-parse", "HEAD^{tree}")
    body = f"tree {tree}\nauthor J\xf6rg <j@x> 1 +0000\ncommitter c <c@d> 1 +0000\n".encode(
        "latin-1"
    )
    body += b"encoding ISO-8859-1\n\nx\n"
    oid = box.git("hash-object", "-t", "commit", "-w", "--stdin", given=body)
    assert opened(box.path).tree(oid).author == "J\xf6rg <j@x>"


def test_ancestry(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    second = box.commit()
    repo = opened(box.path)
    assert repo.is_ancestor(first, second)
    assert repo.is_ancestor(first, "HEAD")
    assert not repo.is_ancestor(second, first)
    with pytest.raises(SourceError):
        repo.is_ancestor("--all", "HEAD")


def test_a_shallow_clone_is_read_but_does_not_guess_ancestry(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    box.commit("second")
    box.commit("third")
    box.git("clone", "--quiet", "--depth=1", f"file://{box.path}", str(tmp_path / "shallow"))
    repo = opened(tmp_path / "shallow")
    assert paths(repo) == ["demo/agents/torch.yaml"]
    with pytest.raises(SourceError, match="names no commit"):
        repo.is_ancestor(box.git("rev-parse", "HEAD~2"), "HEAD")
    box.git("-C", str(tmp_path / "shallow"), "checkout", "--quiet", "--orphan", "other")
    box.git("-C", str(tmp_path / "shallow"), "commit", "--quiet", "-m", "x")
    with pytest.raises(SourceError) as caught:
        repo.is_ancestor("main", "other")
    assert "shallow" in caught.value.why


def test_grafts_and_replacements_are_ignored(box: Sandbox, opened: Opener) -> None:
    first = box.git("rev-parse", "HEAD")
    box.write("demo/agents/evil.yaml")
    second = box.commit()
    box.git("replace", first, second)
    tree, evil = (box.git("rev-parse", f"{c}^{{tree}}") for c in (first, second))
    box.git("--no-replace-objects", "replace", "-f", tree, evil, ok=False)
    repo = opened(box.path)
    assert paths(repo, first) == ["demo/agents/torch.yaml"]
    (box.path / ".git/info").mkdir(exist_ok=True)
    (box.path / ".git/info/grafts").write_text(f"{second}\n")
    assert repo.is_ancestor(first, second)
