"""What stands where a tree is wanted, and what keeps one from being made: told, and left alone."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.git.worktrees import GitWorkshop
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.git.worktrees.farm import FLEET, UNIT, Farm, at, everything

# -- something else is there ----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "file", "link", "pipe", "repository"])
def test_what_is_not_ours_is_told_and_stays(farm: Farm, what: str) -> None:
    place = farm.root / "shop" / "torch"
    place.parent.mkdir(parents=True)
    if what == "folder":
        place.mkdir()
        (place / "mine").write_text("x")
    elif what == "file":
        place.write_text("x")
    elif what == "link":
        place.symlink_to(farm.box.path)
    elif what == "pipe":
        subprocess.run(["mkfifo", str(place)], check=True)
    else:
        Sandbox(place)
    before = everything(farm.root)
    told = farm.refused()
    assert "stands where its work tree is to be" in told.error
    assert told.fix == f"mv -T {place} {place}.before"
    assert everything(farm.root) == before
    assert farm.look() is None  # nobody wants it: no concern of ours
    subprocess.run(told.fix.split(), check=True)
    farm.opened()


def test_an_empty_folder_is_no_obstacle(farm: Farm) -> None:
    (farm.root / "shop" / "torch").mkdir(parents=True)
    assert farm.look(farm.wanted()) is None
    farm.opened()


@pytest.mark.parametrize("which", ["shop", ""])
def test_a_link_on_the_way_is_not_followed(farm: Farm, tmp_path: Path, which: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = farm.root / which if which else farm.root
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(tmp_path / "elsewhere")
    told = farm.do_open()
    assert "is to be a folder, and is none" in told.error
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_somebodys_work_tree_is_left_alone(farm: Farm) -> None:
    place = farm.root / "shop" / "torch"
    farm.box.git("worktree", "add", "-q", "-b", "mine", str(place))
    told = farm.refused()
    assert "somebody's work tree on the branch 'mine'" in told.error
    assert farm.look() is None
    subprocess.run(told.fix.split(), check=True)
    farm.opened()


def test_a_work_tree_of_another_repository_is_left_alone(farm: Farm, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    other.commit("first")
    other.git("worktree", "add", "-q", "-b", "training/shop/torch/1", str(farm.root / "shop/torch"))
    assert "a work tree of another repository is there" in farm.refused().error


def test_a_work_tree_on_a_run_of_ours_without_a_mark_is_taken_over(farm: Farm) -> None:
    place = farm.root / "shop" / "torch"
    farm.box.git("worktree", "add", "-q", "-b", "training/shop/torch/3", str(place))
    (place / "work").write_text("x")
    seen = farm.seen(farm.wanted())
    assert (seen.run, seen.digest, seen.trouble) == (3, "", "")
    farm.opened()
    seen = farm.seen(farm.wanted())
    assert (seen.run, seen.digest) == (3, farm.wanted().digest)
    assert (place / "work").read_text() == "x"


def test_a_tree_of_another_fleet_is_not_ours(farm: Farm) -> None:
    farm.opened()
    stranger = GitWorkshop(farm.root, "day")
    assert stranger.photograph([]) == {}
    found = stranger.photograph([farm.wanted()])[UNIT]
    assert f"of the fleet '{FLEET}'" in found.trouble
    stranger.close()


def test_a_mark_that_nobody_can_read_is_none(farm: Farm) -> None:
    farm.opened()
    for body in (b"", b"{", b"[1]", b'{"fleet": 1}', b"\xff" * 10, b"[" * 100_000):
        (farm.admin / "novaorch.json").write_bytes(body)
        farm.again()
        assert farm.look() is None
        assert farm.seen(farm.wanted()).digest == ""  # it is on a run of its own: taken over
    farm.opened()
    assert farm.seen().digest


# -- what it is made from -------------------------------------------------------------------------


def test_a_repository_that_is_not_there(farm: Farm, tmp_path: Path) -> None:
    told = farm.refused(farm.wanted(repository=str(tmp_path / "nowhere")))
    assert "there is no git repository at" in told.error
    assert "git init" in told.fix


def test_a_base_that_is_not_there(farm: Farm) -> None:
    told = farm.refused(farm.wanted(base="nope"))
    assert "there is no branch 'nope'" in told.error
    assert told.fix.startswith(f"git -C {farm.box.path} branch nope")


@pytest.mark.parametrize("base", ["", "main"])
def test_a_repository_without_a_commit(farm: Farm, tmp_path: Path, base: str) -> None:
    unborn = Sandbox(tmp_path / "unborn")
    wanted = farm.wanted(repository=str(unborn.path), base=base)
    told = farm.refused(wanted)
    assert "has no commit yet" in told.error
    unborn.git("commit", "--allow-empty", "-q", "-m", "Begin")
    farm.opened(wanted)


def test_without_a_base_the_branch_that_the_repository_is_on(farm: Farm) -> None:
    farm.box.git("switch", "-q", "-c", "topic")
    (farm.box.path / "topical").write_text("x")
    tip = farm.box.commit("topic")
    farm.opened(farm.wanted(base=""))
    assert farm.seen().tip == tip
    farm.box.git("switch", "-q", "--detach", "main")
    other = farm.wanted(UnitId("shop/workspace/anvil"), base="")
    farm.opened(other)
    assert farm.shop.photograph([])[other.id].tip == farm.box.git("rev-parse", "main")


@pytest.mark.parametrize("name", ["training", "training/shop", "training/shop/torch"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_that_stands_in_the_way(farm: Farm, name: str, packed: bool) -> None:
    farm.box.git("branch", name)
    if packed:
        farm.box.git("pack-refs", "--all")
    told = farm.refused()
    assert f"a branch '{name}' stands in the way" in told.error
    subprocess.run(told.fix.split(), check=True)
    farm.opened()


def test_a_branch_that_is_checked_out_elsewhere(farm: Farm, tmp_path: Path) -> None:
    place = tmp_path / "else where"
    farm.box.git("worktree", "add", "-q", "-b", "training/shop/torch/1", str(place))
    told = farm.refused()
    assert told.error == f"the branch training/shop/torch/1 is checked out at {place}, too"
    assert told.fix == f"git -C '{place}' switch --detach"
    at(place).git("switch", "-q", "--detach")
    farm.opened()


def test_a_branch_that_the_user_is_on(farm: Farm) -> None:
    farm.box.git("switch", "-q", "-c", "training/shop/torch/1")
    told = farm.refused()
    assert f"checked out at {farm.box.path}" in told.error


def test_a_branch_that_a_lost_work_tree_is_on(farm: Farm, tmp_path: Path) -> None:
    place = tmp_path / "lost"
    farm.box.git("worktree", "add", "-q", "-b", "training/shop/torch/1", str(place))
    subprocess.run(["rm", "-r", str(place)], check=True)
    told = farm.refused()
    assert "kept by a work tree that is gone" in told.error
    farm.box.git("worktree", "prune")
    farm.opened()


def test_somebody_who_joins_the_branch_of_a_tree_that_is_there(farm: Farm, tmp_path: Path) -> None:
    farm.opened()
    assert not farm.seen(farm.wanted()).trouble
    place = tmp_path / "else"
    farm.box.git("worktree", "add", "-q", "--force", str(place), "training/shop/torch/1")
    assert f"is checked out at {place}, too" in farm.seen(farm.wanted()).trouble
    at(place).git("switch", "-q", "--detach")
    assert not farm.seen(farm.wanted()).trouble


# -- kinds of repositories ------------------------------------------------------------------------


def test_a_bare_repository(farm: Farm, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    farm.box.git("clone", "-q", "--bare", str(farm.box.path), str(bare))
    tree = farm.opened(farm.wanted(repository=str(bare), base=""))
    assert everything(tree) == everything(farm.box.path)
    assert at(tree).git("status", "--porcelain") == ""
    (tree / "new").write_text("x")
    assert farm.shut().error == ""
    assert at(bare).git("for-each-ref", "--format=%(refname)", "refs/novaorch")


def test_a_shallow_clone(farm: Farm, tmp_path: Path) -> None:
    farm.box.commit("second")
    shallow = tmp_path / "shallow"
    farm.box.git("clone", "-q", "--depth=1", f"file://{farm.box.path}", str(shallow))
    tree = farm.opened(farm.wanted(repository=str(shallow)))
    at(tree).commit("on top")
    (tree / "new").write_text("x")
    assert farm.shut().error == ""
    assert at(shallow).git("fsck", "--connectivity-only") == ""


def test_a_repository_that_names_objects_otherwise(tmp_path: Path) -> None:
    farm = Farm(tmp_path, "--object-format=sha256")
    tree = farm.opened()
    assert at(tree).git("status", "--porcelain") == ""
    (tree / "new").write_text("x")
    assert farm.shut().error == ""
    assert len(farm.refs()) == 1
    farm.close()


def test_a_submodule_is_an_empty_folder(farm: Farm, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    other.commit("first")
    farm.box.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "mod"
    )
    farm.box.commit("with a module")
    tree = farm.opened()
    assert list((tree / "mod").iterdir()) == []
    assert at(tree).git("status", "--porcelain") == ""
    assert not farm.shop.unsaved([farm.seen()])[UNIT].any
    assert farm.shut().error == ""
    assert farm.refs() == []


def test_filters_and_hooks_are_not_run(farm: Farm, tmp_path: Path) -> None:
    sign = tmp_path / "ran"
    run = f"sh -c 'touch {sign}; cat'"
    for name in ("smudge", "clean"):
        farm.box.git("config", f"filter.evil.{name}", run)
    farm.box.git("config", "core.fsmonitor", f"touch {sign}")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {sign}\n")
        (hooks / name).chmod(0o755)
    (farm.box.path / ".gitattributes").write_text("* filter=evil diff=evil\n")
    farm.box.commit("attributes")
    sign.unlink(missing_ok=True)
    farm.box.git("config", "core.hooksPath", str(hooks))
    farm.shop.photograph([farm.wanted()])
    tree = farm.opened()
    (tree / "new").write_text("x")
    farm.shop.unsaved([farm.seen()])
    assert farm.shut().error == ""
    assert not sign.exists()


def test_the_users_checkout_is_not_touched(farm: Farm) -> None:
    (farm.box.path / "unsaved").write_text("x")
    before, status = everything(farm.box.path), farm.box.git("status", "--porcelain=v2", "--branch")
    index = (farm.box.path / ".git" / "index").read_bytes()
    head = (farm.box.path / ".git" / "HEAD").read_bytes()
    (farm.opened() / "new").write_text("x")
    assert farm.shut().error == ""
    assert (farm.box.path / ".git" / "index").read_bytes() == index
    assert (farm.box.path / ".git" / "HEAD").read_bytes() == head
    assert everything(farm.box.path) == before
    assert farm.box.git("status", "--porcelain=v2", "--branch") == status


def test_a_folder_of_trees_that_cannot_be_listed_is_no_empty_one(farm: Farm) -> None:
    farm.root.write_text("a file")
    assert farm.shop.photograph([]) == {}  # as if there were none: nothing can be below a file
    farm.root.unlink()
    farm.opened()
    (farm.root / "shop").chmod(0)
    try:
        (farm.root / "shop" / "torch").stat()
    except PermissionError:
        with pytest.raises(BlindError):
            farm.shop.photograph([])
    finally:
        (farm.root / "shop").chmod(0o755)


def test_it_is_wanted_of_another_repository(farm: Farm, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    other.commit("first")
    farm.opened()
    moved = farm.wanted(repository=str(other.path))
    seen = farm.seen(moved)
    assert not seen.trouble
    assert seen.repository == str(farm.box.path / ".git")
    assert farm.shut(seen).error == ""
    farm.opened(moved)
    assert farm.seen(moved).repository == str(other.path / ".git")
    assert replace(farm.wanted(), id=UNIT) == farm.wanted()
