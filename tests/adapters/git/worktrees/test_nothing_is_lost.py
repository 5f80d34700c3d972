"""Whatever an agent leaves behind comes back byte for byte; kills at any boundary lose nothing.

The oracle reads the file system itself, and asks git what is staged.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters.git.worktrees import GitWorkshop, kept_of, restored
from tests.adapters.git.worktrees.dirt import Dirt
from tests.adapters.git.worktrees.farm import FLEET, UNIT, Farm, at, everything, staged

SHORT, LONG = 12, 15 if os.environ.get("NOVAORCH_SHORT") == "1" else 150


class Before:
    """What a tree was like, as an outsider sees it."""

    def __init__(self, tree: Path) -> None:
        ignored = _ignored(tree)
        self.files = {name: v for name, v in everything(tree).items() if name not in ignored}
        self.staged = staged(at(tree))
        self.head = (tree / ".git").exists() and at(tree).git("rev-parse", "HEAD")
        self.branch = at(tree).git("symbolic-ref", "--quiet", "HEAD", ok=False)


def _ignored(tree: Path) -> set[str]:
    """What git itself leaves out. A `.gitignore` of random bytes may name anything, itself too."""
    return set(at(tree).git("ls-files", "-z", "-o", "-i", "--exclude-standard").split("\0"))


def dirty(farm: Farm, seed: int, steps: int = 14) -> tuple[Path, Before]:
    if seed % 3 == 0:
        farm.box.git("config", "core.autocrlf", "true")
    tree = farm.opened()
    dirt = Dirt(at(tree), seed)
    dirt.make(steps)
    return tree, Before(tree)


def check(before: Before, tree: Path) -> None:
    now = Before(tree)
    assert now.files == before.files
    assert now.staged == before.staged
    assert now.head == before.head
    assert now.branch == before.branch


def back(farm: Farm, tree: Path) -> None:
    """Bring the last snapshot back to where the tree was; without one, nothing was unsaved."""
    if not farm.refs():
        return
    restored(farm.box.path, kept_of(farm.box.path, "shop/torch").ref, tree)


def one_life(farm: Farm, seed: int) -> None:
    """Dirty, close, restore, compare."""
    tree, before = dirty(farm, seed)
    unsaved = farm.shop.unsaved([farm.seen()])[UNIT]
    receipt = farm.shut()
    assert receipt.error == ""
    assert not tree.exists()
    assert farm.look() is None
    assert farm.left_over() == []
    assert bool(farm.refs()) or not unsaved.any
    if farm.refs():
        back(farm, tree)
        check(before, tree)
        assert at(tree).git("fsck", "--no-dangling", "--connectivity-only") == ""


@pytest.mark.parametrize("seed", range(SHORT))
def test_what_was_left_behind_comes_back(farm: Farm, seed: int) -> None:
    one_life(farm, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1000 + LONG))
def test_what_was_left_behind_comes_back_often(farm: Farm, seed: int) -> None:
    one_life(farm, seed)


# -- kills ----------------------------------------------------------------------------------------


def killed(farm: Farm, deed: Callable[[Farm], object], at_tick: int) -> bool:
    """Do something in a process that is killed at a boundary; return whether it came that far."""
    farm.shop.close()
    pid = os.fork()
    if pid == 0:
        left = at_tick

        def tick(_: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            farm.shop = GitWorkshop(farm.root, FLEET, tick=tick)
            deed(farm)
            farm.shop.close()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    farm.again()
    return os.WIFSIGNALED(status)


def every_boundary(tmp_path: Path, stride: int = 1) -> Callable[[Callable[[Farm, int], bool]], int]:
    """Return a runner of one scenario with a kill at each boundary until none is left."""

    def run(scenario: Callable[[Farm, int], bool]) -> int:
        number = 0
        while True:
            farm = Farm(tmp_path / f"at-{number}")
            try:
                if not scenario(farm, number):
                    return number
            finally:
                farm.close()
            number += stride

    return run


def test_a_kill_while_a_tree_is_made_is_made_good(tmp_path: Path) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        died = killed(farm, lambda f: f.opened(), number)
        farm.settle(farm.wanted())
        tree = farm.tree()
        assert tree.git("status", "--porcelain") == ""
        assert farm.refs("refs/heads/training/") == ["refs/heads/training/shop/torch/1"]
        assert len(farm.box.git("worktree", "list").splitlines()) == 2
        assert not (farm.admin / "locked").exists()
        assert farm.left_over() == []
        return died

    assert every_boundary(tmp_path)(scenario) > 10


def test_a_kill_while_a_tree_is_made_that_nobody_wants_leaves_nothing(tmp_path: Path) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        died = killed(farm, lambda f: f.opened(), number)
        farm.settle(None)
        assert farm.left_over() == []
        assert farm.refs() == []
        return died

    assert every_boundary(tmp_path)(scenario) > 10


def test_a_kill_while_a_tree_goes_loses_nothing(tmp_path: Path) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        tree, before = dirty(farm, 7)
        died = killed(farm, lambda f: f.shut(), number)
        farm.settle(None)
        assert not tree.exists()
        assert farm.left_over() == []
        assert farm.refs() == ["refs/novaorch/kept/shop/torch/1"]
        assert len(farm.box.git("worktree", "list").splitlines()) == 1
        back(farm, tree)
        check(before, tree)
        return died

    assert every_boundary(tmp_path)(scenario) > 5


def test_a_kill_while_a_tree_goes_that_is_wanted_again_loses_nothing(tmp_path: Path) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        tree, before = dirty(farm, 8)
        died = killed(farm, lambda f: f.shut(), number)
        farm.settle(farm.wanted())
        if farm.refs():
            farm.settle(None)
            back(farm, tree)
        check(before, tree)
        return died

    assert every_boundary(tmp_path)(scenario) > 5


def goes_killed_at_writes(tmp_path: Path, stride: int) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        tree, before = dirty(farm, 9)
        farm.shop.close()

        def deed() -> None:
            farm.shop = GitWorkshop(farm.root, FLEET)
            farm.shut()

        died = killed_at_write(deed, number)
        farm.again()
        farm.settle(None)
        assert farm.left_over() == []
        assert len(farm.refs()) == 1
        assert list(farm.box.path.glob(".git/worktrees/*")) == []
        back(farm, tree)
        check(before, tree)
        return died

    assert every_boundary(tmp_path, stride)(scenario) > 10


def test_a_kill_at_some_changes_of_the_disk_while_a_tree_goes(tmp_path: Path) -> None:
    goes_killed_at_writes(tmp_path, 11)


@pytest.mark.long
def test_a_kill_at_each_change_of_the_disk_while_a_tree_goes(tmp_path: Path) -> None:
    goes_killed_at_writes(tmp_path, 1)


def at_any_moment(tmp_path: Path, seed: int) -> None:
    """Close while a clock runs out at random, again and again until it was left alone."""
    chance = random.Random(seed)
    farm = Farm(tmp_path / f"seed-{seed}")
    tree, before = dirty(farm, seed)
    for _ in range(chance.randint(1, 4)):
        farm.shop.close()
        pid = os.fork()
        if pid == 0:
            try:
                farm.shop = GitWorkshop(farm.root, FLEET)
                seen = farm.look()
                if seen is not None:
                    farm.shut(seen)
            finally:
                os._exit(0)
        time.sleep(chance.random() * 0.15)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        farm.again()
    farm.settle(None)
    assert farm.left_over() == []
    if farm.refs():
        back(farm, tree)
        check(before, tree)
    farm.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, seed: int) -> None:
    at_any_moment(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2000, 2000 + LONG * 2 // 5))
def test_a_kill_at_any_moment_loses_nothing_ever(tmp_path: Path, seed: int) -> None:
    at_any_moment(tmp_path, seed)


def test_a_kill_while_a_run_begins_is_gone_on_with(tmp_path: Path) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        tree = farm.opened()
        at(tree).git("mv", "src/app.py", "src/main.py")
        (tree / "added").write_bytes(b"x" * 2000)
        at(tree).commit("work")
        tip = farm.archive()
        (farm.box.path / "src" / "app.py").write_text("other\n")
        (farm.box.path / "new" / "er").mkdir(parents=True)
        (farm.box.path / "new" / "er" / "file").write_text("other\n")
        (farm.box.path / "run.sh").unlink()
        farm.box.commit("meanwhile")
        died = killed(farm, lambda f: f.begin(tip), number)
        seen = farm.seen(farm.wanted())
        if seen.finished:
            assert not farm.shop.unsaved([seen])[UNIT].any
            assert farm.begin(seen.tip).error == ""
        assert farm.seen().branch == "training/shop/torch/2"
        assert farm.tree().git("status", "--porcelain") == ""
        assert everything(tree) == everything(farm.box.path)
        return died

    assert every_boundary(tmp_path)(scenario) > 5


@pytest.mark.parametrize("there", [False, True])
def test_a_kill_while_a_tree_comes_back_is_gone_on_with(tmp_path: Path, there: bool) -> None:
    def scenario(farm: Farm, number: int) -> bool:
        tree, before = dirty(farm, 11)
        at(tree).git("switch", "--quiet", "training/shop/torch/1", ok=False)
        before = Before(tree)
        farm.settle(None)
        if there:
            farm.opened()
        died = killed_at_write(lambda: back(farm, tree), number * 7)
        back(farm, tree)
        check(before, tree)
        return died

    assert every_boundary(tmp_path)(scenario) > 3


def killed_at_write(deed: Callable[[], object], number: int) -> bool:
    """Do something in a process that is killed when it changes the disk for the nth time."""
    pid = os.fork()
    if pid == 0:
        try:
            _dying(number)
            deed()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _dying(left: int) -> None:
    """From now on, kill this process at the nth time that it asks to change the disk."""
    import sys  # noqa: PLC0415 - only in the child

    changing = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod"}

    def heard(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        writes = (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if event in changing or writes or event == "subprocess.Popen":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)
