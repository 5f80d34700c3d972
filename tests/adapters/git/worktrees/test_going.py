"""Trees that go, and what must not: nothing is removed that is not in a snapshot."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.git.worktrees import kept_of, restored
from reconciler.model.problems import SourceError, UsageError
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.git.worktrees.farm import UNIT, Farm, at, everything, staged


def back(farm: Farm, place: Path, word: str = "shop/torch") -> None:
    restored(farm.box.path, kept_of(farm.box.path, word).ref, place)


# -- what cannot be saved stays -------------------------------------------------------------------


def unsavable(farm: Farm, tree: Path, what: str) -> str:
    """Leave something that no snapshot can hold; return its name."""
    if what == "repository":
        Sandbox(tree / "inner").commit("first")
        return "inner"
    if what == "submodule":
        (tree / "mod" / "work").write_text("x")
        return "mod"
    if what == "pipe":
        subprocess.run(["mkfifo", str(tree / "pipe")], check=True)
        return "pipe"
    with (tree / "huge").open("wb") as file:
        file.truncate(2 * 2**30)  # takes no space, and has 2 GB to read
    return "huge"


@pytest.mark.parametrize("what", ["repository", "submodule", "huge"])
def test_what_cannot_be_saved_keeps_its_tree(farm: Farm, tmp_path: Path, what: str) -> None:
    other = Sandbox(tmp_path / "other")
    other.commit("first")
    allow = ("-c", "protocol.file.allow=always")
    farm.box.git(*allow, "submodule", "add", "-q", str(other.path), "mod")
    farm.box.commit("with a module")
    tree = farm.opened()
    name = unsavable(farm, tree, what)
    unsaved = farm.shop.unsaved([farm.seen()])[UNIT]
    assert [path for path, _ in unsaved.refused] == [name]
    receipt = farm.shut()
    assert "cannot all be saved" in receipt.error
    assert repr(name) in receipt.error
    assert f"cd {tree}" in receipt.fix
    assert (tree / name).exists()
    assert farm.refs() == []
    assert farm.seen().trouble == ""
    subprocess.run(["rm", "-rf", str(tree / name)], check=True)
    assert farm.shut().error == ""
    assert not tree.exists()


def test_a_folder_that_nobody_may_read_keeps_its_tree(farm: Farm) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    tree = farm.opened()
    (tree / "dark").mkdir()
    (tree / "dark" / "work").write_text("x")
    (tree / "dark").chmod(0)
    assert farm.shut().error
    (tree / "dark").chmod(0o755)
    assert (tree / "dark" / "work").exists()


def test_an_index_that_nobody_understands_keeps_its_tree(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "new").write_text("x")
    at(tree).git("add", "new")
    index = farm.admin / "index"
    whole = index.read_bytes()
    for broken in (whole[:-1], b"", b"DIRC" + b"\0" * 40, whole[:40] + b"\xff" + whole[41:]):
        index.write_bytes(broken)
        receipt = farm.shut()
        assert "the index" in receipt.error
        assert tree.exists()
    index.write_bytes(whole)
    assert farm.shut().error == ""


def test_a_split_index_keeps_its_tree_and_the_mend_is_told(farm: Farm) -> None:
    tree = farm.opened()
    at(tree).git("update-index", "--split-index")
    receipt = farm.shut()
    assert "split" in receipt.error
    at(tree).git("update-index", "--no-split-index")
    assert farm.shut().error == ""


# -- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock"])
def test_a_lock_that_was_left_behind_is_named_with_its_age(farm: Farm, name: str) -> None:
    tree = farm.opened()
    lock = farm.admin / name
    lock.write_bytes(b"")
    os.utime(lock, (0, lock.stat().st_mtime - 3 * 3600))
    receipt = farm.shut()
    assert f"{lock} (it is 3 hours old)" in receipt.error
    assert receipt.fix.endswith(f"rm {lock}")
    assert tree.exists()
    lock.unlink()
    assert farm.shut().error == ""


def test_a_lock_on_a_ref_is_named(farm: Farm) -> None:
    lock = farm.box.path / ".git/refs/heads/training/shop/torch/1.lock"
    lock.parent.mkdir(parents=True)
    lock.write_bytes(b"")
    receipt = farm.do_open()
    assert "1.lock" in receipt.error
    assert "delete it" in receipt.fix
    lock.unlink()
    farm.opened()


# -- a full disk ----------------------------------------------------------------------------------


def limited(size: int) -> None:
    """From now on no file may become larger: writing more fails, as on a full disk."""
    import signal  # noqa: PLC0415 - only in the child

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def in_child(deed: object) -> str:
    """Do something in a process of its own and return what it says."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            limited(20_000)
            os.write(writer, str(deed()).encode())  # type: ignore[operator]
        finally:
            os._exit(0)
    os.close(writer)
    said = os.read(reader, 65536).decode()
    os.close(reader)
    os.waitpid(pid, 0)
    return said


def test_no_space_to_make_a_tree_leaves_nothing_half_made(farm: Farm) -> None:
    (farm.box.path / "large").write_bytes(b"x" * 100_000)
    farm.box.commit("large")
    farm.shop.close()
    said = in_child(lambda: farm.do_open().error)
    assert "there is no space left to write on" in said
    farm.again()
    assert farm.look(farm.wanted()) is None
    assert not (farm.root / "shop").exists()
    assert not farm.admin.exists()
    tree = farm.opened()
    assert everything(tree) == everything(farm.box.path)
    assert farm.seen().run == 1
    assert farm.left_over() == []


def test_no_space_to_save_a_tree_keeps_it(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "large").write_bytes(os.urandom(100_000))
    before = everything(tree)
    farm.shop.photograph([])
    farm.shop.close()
    said = in_child(lambda: farm.shut().error)
    assert "cannot be written" in said or "no space" in said
    farm.again()
    assert everything(tree) == before
    assert farm.refs() == []
    assert farm.shut().error == ""
    back(farm, tree)
    assert everything(tree) == before


def test_a_disk_that_is_really_full(farm: Farm, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (farm.box.path / "large").write_bytes(b"x" * 300_000)
        farm.box.commit("large")
        farm.root = disk / "trees"
        farm.again()
        receipt = farm.do_open()
        assert "there is no space left to write on" in receipt.error
        assert "free some space" in receipt.fix
        farm.shop.close()
        assert [p for p in disk.rglob("*") if p.is_file()] == []
    finally:
        farm.shop.close()
        subprocess.run(["umount", str(disk)], check=True)


# -- somebody changes things meanwhile ------------------------------------------------------------


@pytest.mark.parametrize("moment", ["saved", "aside"])
def test_what_is_written_while_a_tree_goes_is_kept_too(farm: Farm, moment: str) -> None:
    tree = farm.opened()
    (tree / "early").write_text("x")
    aside = farm.root / ".leaving" / "shop" / "torch"

    def tick(name: str) -> None:
        if name == moment:
            place = tree if tree.exists() else aside
            (place / "late").write_text("written at the last moment")

    farm.again(tick)
    assert farm.shut().error == ""
    assert farm.refs() == [f"refs/novaorch/kept/shop/torch/{n}" for n in (1, 2)]
    back(farm, tree)
    assert (tree / "late").read_text() == "written at the last moment"
    assert (tree / "early").exists()


def test_a_tree_that_changes_all_the_time_is_not_removed(farm: Farm) -> None:
    tree = farm.opened()
    aside = farm.root / ".leaving" / "shop" / "torch"
    count = 0

    def tick(name: str) -> None:
        nonlocal count
        if name in ("saved", "looked"):
            count += 1
            place = tree if tree.exists() else aside
            (place / f"more-{count}").write_text("x")

    farm.again(tick)
    receipt = farm.shut()
    assert "changes all the time" in receipt.error
    farm.again()
    assert aside.exists()
    assert not tree.exists()
    farm.settle(None)
    back(farm, tree)
    assert (tree / f"more-{count}").exists()


def test_a_tree_that_moved_on_is_not_what_was_looked_at(farm: Farm) -> None:
    tree = farm.opened()
    seen = farm.seen()
    (tree / "new").write_text("x")
    at(tree).commit("on")
    receipt = farm.shut(seen)
    assert receipt.stale
    assert tree.exists()
    at(tree).git("switch", "-q", "-c", "own")
    assert farm.shut(seen).stale
    assert farm.shut().error == ""


# -- what only the tree knows ---------------------------------------------------------------------


def test_commits_that_no_branch_has_are_kept(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "lost").write_text("x")
    lost = at(tree).commit("by and by lost")
    at(tree).git("reset", "-q", "--hard", "HEAD~1")
    assert not farm.shop.unsaved([farm.seen()])[UNIT].any
    assert farm.shut().error == ""
    reach = farm.box.git("for-each-ref", "--contains", lost, "--format=%(refname)").split()
    assert reach == ["refs/novaorch/kept/shop/torch/1"]


def test_a_detached_head_is_kept_and_comes_back(farm: Farm) -> None:
    tree = farm.opened()
    at(tree).git("switch", "-q", "--detach")
    (tree / "new").write_text("x")
    tip = at(tree).commit("on no branch")
    seen = farm.seen()
    assert (seen.branch, seen.tip, seen.run, seen.trouble) == ("", tip, 0, "")
    assert farm.shut().error == ""
    made = restored(farm.box.path, kept_of(farm.box.path, "shop/torch/1").ref, tree)
    assert made.why_detached == "HEAD was detached then, too"
    assert at(tree).git("rev-parse", "HEAD") == tip


def test_a_tree_with_nothing_unsaved_leaves_no_snapshot(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "new").write_text("x")
    at(tree).commit("all of it")
    (tree / "noise.log").write_text("ignored")
    assert farm.shut().error == ""
    assert farm.refs() == []
    assert not farm.admin.exists()
    assert farm.refs("refs/heads/training/") == ["refs/heads/training/shop/torch/1"]


def test_a_merge_under_way_comes_back_with_its_conflict(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "src" / "app.py").write_text("ours\n")
    at(tree).commit("ours")
    (farm.box.path / "src" / "app.py").write_text("theirs\n")
    farm.box.commit("theirs")
    at(tree).git("merge", "main", ok=False)
    before, lines = everything(tree), staged(at(tree))
    status = at(tree).git("status")
    assert "You have unmerged paths" in status
    assert farm.shut().error == ""
    back(farm, tree)
    assert everything(tree) == before
    assert staged(at(tree)) == lines
    assert at(tree).git("status") == status
    (tree / "src" / "app.py").write_text("both\n")
    at(tree).git("add", "src/app.py")
    at(tree).git("commit", "-q", "--no-edit")
    assert len(at(tree).git("log", "-1", "--format=%P").split()) == 2


def test_a_tree_whose_branch_was_deleted_keeps_its_work(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "new").write_text("x")
    tip = at(tree).commit("work")
    farm.box.git("update-ref", "-d", "refs/heads/training/shop/torch/1")
    (tree / "more").write_text("x")
    seen = farm.seen()
    assert (seen.branch, seen.tip, seen.finished) == ("training/shop/torch/1", "", True)
    assert farm.shop.unsaved([seen])[UNIT].untracked == 1
    assert farm.shut().error == ""
    reach = farm.box.git("for-each-ref", "--contains", tip, "--format=%(refname)").split()
    assert reach == ["refs/novaorch/kept/shop/torch/1"]


def test_what_was_staged_in_a_tree_that_somebody_deleted_is_kept(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "staged").write_text("x")
    at(tree).git("add", "staged")
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    assert farm.look(farm.wanted()) is None
    farm.opened()
    assert at(tree).git("status", "--porcelain") == ""
    assert farm.box.git("show", "refs/novaorch/kept/shop/torch/1:staged") == "x"
    assert len(farm.box.git("worktree", "list").splitlines()) == 2


# -- removal --------------------------------------------------------------------------------------


def test_links_out_of_the_tree_are_not_followed(farm: Farm, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "deep").mkdir(parents=True)
    (precious / "deep" / "file").write_text("x")
    tree = farm.opened()
    (tree / "out").symlink_to(precious)
    (tree / "up").symlink_to("../../..")
    (tree / "src" / "app.py").unlink()
    (tree / "src").rmdir()
    (tree / "src").symlink_to(precious / "deep")
    before = everything(tree)
    assert farm.shut().error == ""
    assert (precious / "deep" / "file").read_text() == "x"
    back(farm, tree)
    assert everything(tree) == before
    assert [p.name for p in precious.rglob("*")] == ["deep", "file"]


def test_deep_and_locked_folders_are_removed(farm: Farm) -> None:
    tree = farm.opened()
    (tree / ".gitignore").write_text("*.log\nbuild/\n")
    at(tree).commit("ignore")
    here = os.open(tree, os.O_RDONLY)
    try:
        os.mkdir("build", dir_fd=here)
        for name in ("build", *["d" * 50] * 200):
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.mkdir("d" * 50, dir_fd=below)
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=below))
            os.close(here)
            here = below
    finally:
        os.close(here)
    (tree / "build" / "file").chmod(0)
    (tree / "build").chmod(0o500)
    assert farm.shut().error == ""
    assert not tree.exists()
    assert farm.left_over() == []


def test_another_disk_within_is_not_emptied(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "data.log").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tree / "data.log")]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (tree / "data.log" / "file").write_text("x")
        receipt = farm.shut()
        assert "mounted" in receipt.error
        assert (tree / "data.log" / "file").exists()
    finally:
        subprocess.run(["umount", str(tree / "data.log")], check=True)
    farm.settle(None)
    assert not tree.exists()


def test_only_what_is_below_our_folder_is_ever_removed(farm: Farm, tmp_path: Path) -> None:
    farm.opened()
    seen = farm.seen()
    for path in (
        tmp_path / "repo",
        tmp_path,
        Path("/"),
        farm.root / ".gone" / ".." / ".." / "repo",
    ):
        receipt = farm.shut(
            type(seen)(UNIT, str(path), seen.repository, seen.branch, seen.tip, fleet="night")
        )
        assert receipt.error, path
    assert (farm.box.path / "run.sh").exists()


# -- a repository that moved, an agent that misbehaves --------------------------------------------


def test_a_repository_that_was_moved_is_told_with_the_very_mend(farm: Farm, tmp_path: Path) -> None:
    tree = farm.opened()
    (tree / "new").write_text("x")
    farm.box.path.rename(tmp_path / "moved")
    for wanted in ([farm.wanted()], []):
        seen = farm.seen(*wanted)
        assert "its repository was moved or removed" in seen.trouble
        assert seen.fix.startswith(f"git -C REPOSITORY worktree repair {tree}")
    moved = farm.wanted(repository=str(tmp_path / "moved"))
    seen = farm.seen(moved)
    assert seen.fix == f"git -C {tmp_path / 'moved'} worktree repair {tree}"
    subprocess.run(seen.fix.split(), check=True)
    assert farm.seen(moved).trouble == ""
    assert (tree / "new").exists()


def test_a_tree_that_was_copied_is_not_taken_for_another(farm: Farm) -> None:
    tree = farm.opened()
    subprocess.run(["cp", "-r", str(tree), str(tree.with_name("anvil"))], check=True)
    found = farm.shop.photograph([farm.wanted(), farm.wanted(type(UNIT)("shop/workspace/anvil"))])
    assert found[UNIT].trouble == ""
    assert found[type(UNIT)("shop/workspace/anvil")].trouble


def test_a_tree_that_was_moved_is_told_with_the_mend(farm: Farm, tmp_path: Path) -> None:
    tree = farm.opened()
    (tree / "new").write_text("x")
    away = tmp_path / "away"
    farm.box.git("worktree", "move", str(tree), str(away))
    assert f"is checked out at {away}, too" in farm.refused().error
    tree.parent.mkdir(exist_ok=True)
    farm.box.git("worktree", "move", str(away), str(tree))
    assert farm.seen(farm.wanted()).trouble == ""


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("HEAD", "ref: refs/heads/../../../etc/passwd\n"),
        ("HEAD", "nonsense\n"),
        ("HEAD", "x" * 2_000_000),
        ("gitdir", "/somewhere/else/.git\n"),
        ("commondir", "/\n"),
        ("commondir", "../../../other\n"),
    ],
)
def test_an_agent_that_rewrites_gits_own_files(farm: Farm, name: str, body: str) -> None:
    tree = farm.opened()
    (tree / "work").write_text("x")
    farm.seen(farm.wanted())
    (farm.admin / name).write_text(body)
    seen = farm.seen(farm.wanted())
    assert seen.trouble
    assert seen.fix
    receipt = farm.shut(seen)
    assert receipt.error
    assert (tree / "work").read_text() == "x"
    assert everything(farm.box.path)["run.sh"]


@pytest.mark.parametrize("body", ["gitdir: /etc\n", "gitdir: ../../repo/.git\n", "x", ""])
def test_an_agent_that_rewrites_its_git_file(farm: Farm, body: str) -> None:
    tree = farm.opened()
    (tree / "work").write_text("x")
    (tree / ".git").write_text(body)
    seen = farm.seen(farm.wanted())
    assert seen.trouble
    assert farm.shut(seen).error
    assert (tree / "work").exists()


def test_an_agent_that_puts_a_pipe_where_git_has_a_file(farm: Farm) -> None:
    farm.opened()
    (farm.admin / "HEAD").unlink()
    subprocess.run(["mkfifo", str(farm.admin / "HEAD")], check=True)
    assert farm.seen(farm.wanted()).trouble


# -- snapshots that cannot be believed ------------------------------------------------------------


def forged(farm: Farm, beside: dict[str, object], name: bytes = b"git") -> str:
    """Write a snapshot as a hostile agent could."""
    head = farm.box.git("rev-parse", "main")
    tree = farm.box.git("rev-parse", "main^{tree}")
    index = farm.box.git("commit-tree", tree, "-p", head, "-m", "What is staged")
    told = farm.box.blob(json.dumps(beside).encode())
    evil = farm.box.blob(b"#!/bin/sh\ntouch /tmp/evil\n")
    hooks = farm.box.raw_tree(("100755", b"post-checkout", evil))
    inner = farm.box.raw_tree(("40000", b"hooks", hooks), ("100644", b"config", evil))
    rest_tree = farm.box.raw_tree(("100644", b"beside.json", told), ("40000", name, inner))
    rest = farm.box.git("commit-tree", rest_tree, "-m", "rest")
    message = (
        f"Keep\n\nNova-Branch: training/shop/torch/1\nNova-Head: {head}\n"
        f"Nova-Index: {index}\nNova-Rest: {rest}\n"
    )
    words = [w for parent in (head, index, rest) for w in ("-p", parent)]
    made = farm.box.git("commit-tree", tree, *words, "-m", message)
    farm.box.git("update-ref", "refs/novaorch/kept/shop/torch/1", made)
    return made


def test_a_forged_snapshot_leads_nowhere(farm: Farm, tmp_path: Path) -> None:
    forged(
        farm,
        {
            "empty": ["../../out", "/abs", ".git/hooks", "a/../../b", "good/one"],
            "modes": {"../x": 511, "run.sh": 0o4777},
        },
    )
    place = tmp_path / "back"
    restored(farm.box.path, "shop/torch", place)
    assert everything(place).keys() == {*everything(farm.box.path), "good/one"}
    assert (place / "run.sh").stat().st_mode & 0o7777 == 0o777
    admin = Path((place / ".git").read_text().removeprefix("gitdir: ").strip())
    assert not (admin / "hooks").exists()
    assert not (admin / "config").exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name not in ("home",)) == [
        "back",
        "repo",
    ]


@pytest.mark.parametrize("beside", [[], {"empty": 3}, {"modes": [1]}, {"modes": {"run.sh": "x"}}])
def test_a_snapshot_that_makes_no_sense_is_refused(farm: Farm, beside: object) -> None:
    forged(farm, beside)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="no snapshot that novaorch took"):
        restored(farm.box.path, "shop/torch", farm.path / "back")
    assert not (farm.path / "back").exists()


def test_a_commit_that_is_none_of_ours_is_no_snapshot(farm: Farm) -> None:
    farm.box.git("update-ref", "refs/novaorch/kept/shop/torch/1", "main")
    with pytest.raises(SourceError, match="no snapshot"):
        restored(farm.box.path, "shop/torch", farm.path / "back")
    with pytest.raises(SourceError, match="there is no snapshot") as caught:
        kept_of(farm.box.path, "shop/torch/2")
    assert caught.value.why == "there are 1"
    with pytest.raises(UsageError):
        kept_of(farm.box.path, "--exec=sh")
