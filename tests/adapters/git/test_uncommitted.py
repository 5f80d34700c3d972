"""The work tree and the index: what `git add` and `git commit` would take, and nothing else."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from reconciler.adapters.git import Handed
from reconciler.adapters.git.uncommitted import FILE_MAX
from reconciler.model.manifest import Tree
from reconciler.model.problems import SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def modes(tree: Tree) -> dict[str, str]:
    return {blob.path: blob.mode for blob in tree.blobs}


def test_untracked_files_count_and_ignored_ones_do_not(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    (box.path / ".gitignore").write_text("*.log\nbuild/\n")
    (tmp_path / "home/ignored").write_text("*~\n")
    box.git("config", "--global", "core.excludesFile", str(tmp_path / "home/ignored"))
    for name in ("new.yaml", "new.yaml~", "x.log", "build/x.yaml"):
        box.write(f"demo/agents/{name}")
    tree = opened(box.path).tree(":worktree")
    assert list(modes(tree)) == ["demo/agents/new.yaml", "demo/agents/torch.yaml"]
    assert (tree.commit, tree.exists) == ("worktree", True)


def test_edits_deletions_and_content(box: Sandbox, opened: Opener) -> None:
    box.write("demo/agents/b.yaml")
    box.commit()
    (box.path / "desired-state/demo/agents/torch.yaml").unlink()
    box.write("demo/agents/b.yaml", "b: 2\n")
    repo = opened(box.path)
    (blob,) = repo.tree(":worktree").blobs
    assert blob.oid == box.git("hash-object", "--stdin", given=b"b: 2\n")
    assert repo.read([blob.oid]) == {blob.oid: b"b: 2\n"}
    assert len(repo.tree(":staged").blobs) == 2
    box.git("add", "-A")
    assert repo.tree(":staged").blobs == repo.tree(":worktree").blobs
    box.git("commit", "-qm", "x")
    assert repo.tree("HEAD").oid == repo.tree(":staged").oid == repo.tree(":worktree").oid


def test_committed_content_is_read_beside_local_content(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    committed = repo.tree("HEAD").blobs[0].oid
    box.write("demo/agents/torch.yaml", "t: 2\n")
    local = repo.tree(":worktree").blobs[0].oid
    assert repo.read([local, committed]) == {local: b"t: 2\n", committed: b"a: 1\n"}


def test_nothing_there_exists_not(tmp_path: Path, opened: Opener) -> None:
    box = Sandbox(tmp_path / "new")
    repo = opened(box.path)
    for word in (":worktree", ":staged"):
        assert not repo.tree(word).exists
    (box.path / "desired-state/demo").mkdir(parents=True)
    assert not repo.tree(":worktree").exists
    box.write("demo/agents/a.yaml")
    assert repo.tree(":worktree").exists
    assert not repo.tree(":staged").exists
    box.git("add", "-A")
    shutil.rmtree(box.path / "desired-state")
    assert repo.tree(":staged").exists
    assert not repo.tree(":worktree").exists


def test_links_are_told_and_never_followed(box: Sandbox, tmp_path: Path, opened: Opener) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.yaml").write_text("hunter2")
    folder = box.path / "desired-state"
    (folder / "demo/file.yaml").symlink_to(secret / "key.yaml")
    (folder / "demo/dangling.yaml").symlink_to("/nowhere")
    (folder / "linked").symlink_to(secret)
    repo = opened(box.path)
    tree = repo.tree(":worktree")
    assert modes(tree) == {
        "demo/agents/torch.yaml": "100644",
        "demo/dangling.yaml": "120000",
        "demo/file.yaml": "120000",
        "linked": "120000",
    }
    content = repo.read([blob.oid for blob in tree.blobs])
    assert b"hunter2" not in content.values()
    box.git("add", "-A")
    assert repo.tree(":staged").oid == tree.oid


def test_a_tracked_folder_swapped_for_a_link_is_not_followed(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    (box.path / "desired-state/demo").rename(tmp_path / "away")
    (box.path / "desired-state/demo").symlink_to(tmp_path / "away")
    assert modes(opened(box.path).tree(":worktree")) == {"demo": "120000"}


def test_the_folder_itself_as_a_link_is_refused(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    (box.path / "desired-state").rename(tmp_path / "away")
    (box.path / "desired-state").symlink_to(tmp_path / "away")
    with pytest.raises(SourceError, match="is not a folder"):
        opened(box.path).tree(":worktree")


def test_fifos_sockets_and_devices_are_told_and_never_opened(box: Sandbox, opened: Opener) -> None:
    for name in ("fifo.yaml", "socket.yaml", "null.yaml"):
        box.write(f"demo/{name}")
    box.commit()
    folder = box.path / "desired-state/demo"
    for name in ("fifo.yaml", "socket.yaml", "null.yaml"):
        (folder / name).unlink()
    os.mkfifo(folder / "fifo.yaml")
    os.mkfifo(folder / "untracked-fifo.yaml")
    here = Path.cwd()
    os.chdir(folder)  # the path may be too long for a socket
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind("socket.yaml")
    finally:
        os.chdir(here)
    expected = {"demo/agents/torch.yaml": "100644"}
    expected |= {"demo/fifo.yaml": "010000", "demo/socket.yaml": "140000"}
    if os.geteuid() == 0:
        try:
            os.mknod(folder / "null.yaml", 0o20666, os.makedev(1, 3))
            expected["demo/null.yaml"] = "020000"
        except PermissionError:
            pass
    repo = opened(box.path)
    tree = repo.tree(":worktree")
    server.close()
    assert modes(tree) == expected
    repo.read([blob.oid for blob in tree.blobs])


def test_repositories_within_are_submodules(box: Sandbox, opened: Opener) -> None:
    inner = Sandbox(box.path / "desired-state/demo/inner")
    inner.write("x/agents/evil.yaml")
    inner.commit()
    repo = opened(box.path)
    assert modes(repo.tree(":worktree"))["demo/inner"] == "160000"
    box.git("add", "-A")
    assert modes(repo.tree(":staged"))["demo/inner"] == "160000"
    assert modes(repo.tree(":worktree"))["demo/inner"] == "160000"


def test_a_large_file_is_not_read(box: Sandbox, opened: Opener) -> None:
    large = box.write("demo/large.yaml")
    with large.open("wb") as file:
        file.truncate(2**40)
    repo = opened(box.path)
    first = repo.tree(":worktree")
    (blob,) = [b for b in first.blobs if b.path == "demo/large.yaml"]
    assert blob.size == 2**40
    with pytest.raises(SourceError):
        repo.read([blob.oid])
    os.utime(large, (1, 1))
    assert repo.tree(":worktree").oid != first.oid


def test_too_much_in_all_is_refused(box: Sandbox, opened: Opener) -> None:
    for number in range(33):
        with box.write(f"demo/f{number}.yaml").open("wb") as file:
            file.truncate(FILE_MAX)
            file.write(b"%d" % number)
    with pytest.raises(SourceError, match="more than 64 MiB"):
        opened(box.path).tree(":worktree")


def test_too_many_and_too_deep_are_refused(box: Sandbox, opened: Opener) -> None:
    deep = box.path / "desired-state" / "/".join(["d"] * 66)
    deep.mkdir(parents=True)
    (deep / "f").write_text("x")
    repo = opened(box.path)
    with pytest.raises(SourceError, match="nested deeper"):
        repo.tree(":worktree")
    box.git("add", "-A")
    with pytest.raises(SourceError, match="nested deeper"):
        repo.tree(":staged")
    box.git("rm", "-rfq", "desired-state/d")
    oid = box.blob(b"x")
    lines = b"".join(b"100644 %s\tdesired-state/f%d\n" % (oid.encode(), n) for n in range(20_001))
    box.git("update-index", "--index-info", given=lines)
    for word in (":staged", ":worktree"):
        with pytest.raises(SourceError, match="more than 20000"):
            repo.tree(word)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_an_error_and_not_absent(box: Sandbox, opened: Opener) -> None:
    (box.path / "desired-state/demo/agents/torch.yaml").chmod(0)
    with pytest.raises(SourceError, match="cannot be read"):
        opened(box.path).tree(":worktree")


def test_a_merge_in_progress_is_said(box: Sandbox, opened: Opener) -> None:
    box.git("checkout", "-qb", "side")
    box.write("demo/agents/torch.yaml", "side\n")
    box.commit()
    box.git("checkout", "-q", "main")
    box.write("demo/agents/torch.yaml", "main\n")
    box.commit()
    box.git("merge", "side", ok=False)
    repo = opened(box.path)
    with pytest.raises(SourceError, match="middle of a merge"):
        repo.tree(":staged")
    assert len(repo.tree(":worktree").blobs) == 1


def test_a_file_added_by_intention_only_is_empty(box: Sandbox, opened: Opener) -> None:
    box.write("demo/agents/later.yaml")
    box.git("add", "-N", "desired-state")
    repo = opened(box.path)
    blob = repo.tree(":staged").blobs[0]
    assert (blob.path, blob.size) == ("demo/agents/later.yaml", 0)
    assert repo.read([blob.oid]) == {blob.oid: b""}


def test_a_broken_index_is_said(box: Sandbox, opened: Opener) -> None:
    (box.path / ".git/index").write_text("garbage")
    repo = opened(box.path)
    for word in (":staged", ":worktree"):
        with pytest.raises(SourceError, match="could not list"):
            repo.tree(word)


def test_the_index_that_a_hook_is_handed_is_read(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    index = tmp_path / "other-index"
    oid = box.blob(b"h: 1\n")
    box.git(
        "update-index", "--add", "--cacheinfo", f"100644,{oid},desired-state/h.yaml",
        GIT_INDEX_FILE=str(index),
    )  # fmt: skip
    environ = {"GIT_INDEX_FILE": str(index)}
    assert Handed.from_environ(environ) == Handed()
    handed = Handed.from_environ({**environ, "NOVAORCH_HOOK": "pre-commit"})
    assert list(modes(opened(box.path, handed=handed).tree(":staged"))) == ["h.yaml"]
    assert "h.yaml" not in modes(opened(box.path).tree(":staged"))


def test_objects_in_quarantine_are_seen_only_when_handed(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    other = Sandbox(tmp_path / "other")
    other.write("x/agents/x.yaml")
    commit = other.commit()
    handed = Handed.from_environ(
        {
            "NOVAORCH_HOOK": "pre-receive",
            "GIT_OBJECT_DIRECTORY": str(other.path / ".git/objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(box.path / ".git/objects"),
        }
    )
    repo = opened(box.path, handed=handed)
    assert [b.path for b in repo.tree(commit).blobs] == ["x/agents/x.yaml"]
    assert repo.tree("HEAD").exists
    with pytest.raises(SourceError):
        opened(box.path).tree(commit)
