"""The long-lived helper: it dies, hangs, is too old, and looks at a store that moves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository, objects
from reconciler.adapters.git.place import locate
from reconciler.model.problems import BlindError, SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def helpers() -> list[int]:
    """Return the process ids of our living cat-file helpers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            words = (status.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == os.getpid() and b"cat-file" in words:
            found.append(int(status.parent.name))
    return found


def read_all(repo: GitRepository) -> None:
    repo.read([blob.oid for blob in repo.tree("HEAD").blobs])


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `git` first on PATH that notes every start; return its notes."""
    notes, folder = tmp_path / "starts", tmp_path / "bin"
    folder.mkdir()
    real = shutil.which("git")
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >>"{notes}"\nexec "{real}" "$@"\n')
    wrapper.chmod(0o755)
    notes.touch()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return notes


def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    folder = tmp_path / "fake"
    folder.mkdir()
    real = shutil.which("git")
    (folder / "git").write_text(f'#!/bin/sh\n{before}\nexec "{real}" "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_passes_start_no_process(box: Sandbox, opened: Opener, logged: Path) -> None:
    repo = opened(box.path)
    repo.read([blob.oid for blob in repo.tree("HEAD").blobs])
    starts = logged.read_text().splitlines()
    assert len(starts) == 2  # one to find the repository, one helper
    (helper,) = helpers()
    assert os.getpgid(helper) == helper  # Ctrl-C in the terminal is the daemon's to answer
    for number in range(5):
        box.write(f"demo/agents/b{number}.yaml", str(number))
        commit = box.commit()
        before = len(logged.read_text().splitlines())
        for revision in ("HEAD", "main", "HEAD"):
            tree = repo.tree(revision)
            assert tree.commit == commit
            repo.read([blob.oid for blob in tree.blobs])
        assert len(logged.read_text().splitlines()) == before
    assert helpers() == [helper]


def test_waiting_for_a_first_commit_starts_no_process(
    tmp_path: Path, opened: Opener, logged: Path
) -> None:
    repo = opened(Sandbox(tmp_path / "new").path)
    for _ in range(4):
        with pytest.raises(SourceError):
            repo.tree("HEAD")
    assert sum("cat-file" in line for line in logged.read_text().splitlines()) == 1


def test_close_leaves_no_process_and_the_next_question_starts_one(
    box: Sandbox, opened: Opener
) -> None:
    repo = opened(box.path)
    repo.tree("HEAD")
    repo.close()
    assert helpers() == []
    assert repo.tree("main").exists
    assert len(helpers()) == 1


def test_a_killed_helper_is_started_anew(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    repo.tree("HEAD")
    for helper in helpers():
        os.kill(helper, signal.SIGKILL)
    commit = box.commit()
    assert repo.tree("HEAD").commit == commit


def test_a_hung_helper_is_blindness_and_is_ended(box: Sandbox) -> None:
    repo = GitRepository(locate(box.path), silence_s=0.2)
    repo.tree("HEAD")
    (helper,) = helpers()
    os.kill(helper, signal.SIGSTOP)
    with pytest.raises(BlindError, match="did not answer"):
        repo.tree("HEAD")
    assert helpers() == []
    assert repo.tree("HEAD").exists
    repo.close()
    assert helpers() == []


def test_a_helper_that_always_dies_is_an_error_and_not_an_empty_fleet(
    box: Sandbox, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(
        tmp_path,
        monkeypatch,
        'case "$*" in *cat-file*) echo "fatal: the disk is on fire" >&2; exit 128;; esac',
    )
    with pytest.raises(SourceError) as caught:
        opened(box.path).tree("HEAD")
    assert "the disk is on fire" in caught.value.why


def test_an_old_git_without_batch_command_will_do(
    box: Sandbox, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(
        tmp_path,
        monkeypatch,
        'case "$*" in *--batch-command*)\n'
        'echo "error: unknown option \\`batch-command\'" >&2; exit 129;; esac',
    )
    repo = opened(box.path)
    for number in range(3):
        box.write(f"demo/agents/b{number}.yaml", str(number))
        box.commit()
        tree = repo.tree("HEAD")
        assert len(repo.read([blob.oid for blob in tree.blobs])) == 2 + number
    assert len(helpers()) == 2


def test_endless_warnings_do_not_stop_the_helper(
    box: Sandbox, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = "head -c 1000000 /dev/zero >&2"
    fake_git(tmp_path, monkeypatch, f'case "$*" in *cat-file*) {noise};; esac')
    assert opened(box.path).tree("HEAD").exists


def test_git_that_is_missing_is_said(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="git was not found"):
        GitRepository.discover(box.path)


def test_a_repack_while_reading_is_not_noticed(box: Sandbox, opened: Opener) -> None:
    for number in range(50):
        box.write(f"demo/agents/b{number}.yaml", str(number))
    first = box.commit()
    repo = opened(box.path)
    oids = [blob.oid for blob in repo.tree("HEAD").blobs]
    box.git("gc", "--quiet", "--prune=now")
    assert len(repo.read(oids)) == len(set(oids))
    box.write("demo/agents/more.yaml", "more")
    box.commit()
    box.git("repack", "-adfq")
    box.git("prune-packed")
    assert len(repo.tree("HEAD").blobs) == 52
    assert len(repo.tree(first).blobs) == 51
    assert len(repo.read(oids)) == len(set(oids))


def test_what_one_helper_misses_a_fresh_one_may_find(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    """A helper reads the list of alternates once, at its start."""
    repo = opened(box.path)
    repo.tree("HEAD")
    other = Sandbox(tmp_path / "other")
    other.write("demo/agents/a.yaml", "elsewhere")
    commit = other.commit()
    info = box.path / ".git/objects/info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{other.path}/.git/objects\n")
    oid = other.git("rev-parse", f"{commit}:desired-state/demo/agents/a.yaml")
    assert repo.read([oid]) == {oid: b"elsewhere"}


def test_alternates_are_followed(box: Sandbox, tmp_path: Path, opened: Opener) -> None:
    box.git("clone", "--quiet", "--shared", str(box.path), str(tmp_path / "shared"))
    repo = opened(tmp_path / "shared")
    assert repo.read([repo.tree("HEAD").blobs[0].oid])


@pytest.mark.parametrize("which", ["HEAD^{tree}", "HEAD:desired-state", "HEAD:desired-state/demo"])
def test_a_missing_tree_is_named_and_never_an_absent_folder(
    box: Sandbox, opened: Opener, which: str
) -> None:
    oid = box.git("rev-parse", which)
    (box.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(SourceError, match=f"{oid} is missing"):
        opened(box.path).tree("HEAD")


def test_a_missing_blob_is_named(box: Sandbox, opened: Opener) -> None:
    oid = box.git("rev-parse", "HEAD:desired-state/demo/agents/torch.yaml")
    (box.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(SourceError, match=f"{oid} is missing"):
        opened(box.path).tree("HEAD")


@pytest.mark.parametrize(
    "which", ["HEAD", "HEAD^{tree}", "HEAD:desired-state/demo/agents/torch.yaml"]
)
@pytest.mark.parametrize("how", ["garbage", "empty", "cut"])
def test_a_corrupt_object_is_named(box: Sandbox, opened: Opener, which: str, how: str) -> None:
    oid = box.git("rev-parse", which)
    file = box.path / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    whole = file.read_bytes()
    file.write_bytes({"garbage": b"garbage" * 9, "empty": b"", "cut": whole[:-8]}[how])
    with pytest.raises(SourceError) as caught:
        read_all(opened(box.path))
    said = f"{caught.value.what} {caught.value.why}"
    assert oid in said


def test_an_object_swapped_for_another_is_damage(box: Sandbox, opened: Opener) -> None:
    """The parse cache goes by id: a file that lies about its id must not reach it."""
    good = box.git("rev-parse", "HEAD:desired-state/demo/agents/torch.yaml")
    evil = box.blob(b"e: 1\n")
    store = box.path / ".git/objects"
    target = store / good[:2] / good[2:]
    target.chmod(0o644)
    target.write_bytes((store / evil[:2] / evil[2:]).read_bytes())
    repo = opened(box.path)
    with pytest.raises(SourceError, match="damaged"):
        repo.read([repo.tree("HEAD").blobs[0].oid])


def test_commits_in_parallel_are_each_seen_whole(box: Sandbox, opened: Opener) -> None:
    """Every commit writes its number in two files; a torn read would see two numbers."""
    done = threading.Event()

    def author() -> None:
        for number in range(25):
            box.write("demo/agents/x.yaml", str(number))
            box.write("other/agents/y.yaml", str(number))
            box.commit()
        done.set()

    box.write("demo/agents/x.yaml", "-")
    box.write("other/agents/y.yaml", "-")
    box.commit()
    repo, seen = opened(box.path), set()
    thread = threading.Thread(target=author)
    thread.start()
    while not done.is_set():
        content = {b.path: repo.read([b.oid])[b.oid] for b in repo.tree("HEAD").blobs}
        assert content["demo/agents/x.yaml"] == content["other/agents/y.yaml"]
        seen.add(content["demo/agents/x.yaml"])
    thread.join()
    assert len(seen) > 1


def test_a_repository_that_vanishes_is_an_error(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    repo.tree("HEAD")
    shutil.rmtree(box.path / ".git")
    with pytest.raises(SourceError):
        repo.tree("HEAD")


def test_a_repository_further_up_is_not_read_in_its_stead(box: Sandbox, opened: Opener) -> None:
    inner = Sandbox(box.path / "inner")
    inner.write("x/agents/inner.yaml")
    inner.commit()
    repo = opened(inner.path)
    repo.tree("HEAD")
    repo.close()
    shutil.rmtree(inner.path / ".git")
    with pytest.raises(SourceError):
        repo.tree("HEAD")


def test_importing_the_adapter_starts_no_git(logged: Path) -> None:
    subprocess.run([sys.executable, "-c", "import reconciler.adapters.git"], check=True)
    assert logged.read_text() == ""


def test_a_helper_that_was_asked_often_makes_room_for_a_fresh_one(
    box: Sandbox, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.write("one", "1\n")
    box.commit("first")
    monkeypatch.setattr(objects, "ASKED_MAX", 3)
    repo = opened(box.path)
    seen: set[int] = set()
    for _ in range(10):
        read_all(repo)
        (pid,) = helpers()
        seen.add(pid)
    assert len(seen) > 2
