"""A folder of work trees belongs to one repository, and is opened when there is something in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.homestead import OWNER, Homestead
from reconciler.adapters.memory import MemoryWorkshop, Yard
from reconciler.model.ids import UnitId
from reconciler.model.step import OpenWorkspace
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace
from reconciler.ports import Order, Receipt
from reconciler.ports.workspaces import Workshop
from tests.builders import housed

TREE = UnitId("p/workspace/a")


class Counted:
    """Makes workshops over one yard, and counts them."""

    def __init__(self) -> None:
        self.yard, self.made = Yard(), 0
        self.yard.repository("/repo")

    def __call__(self) -> Workshop:
        self.made += 1
        return MemoryWorkshop("f", self.yard)


@pytest.fixture
def make() -> Counted:
    return Counted()


def opened(home: Homestead) -> Receipt:
    _, tree = housed("a")
    (receipt,) = home.perform([Order(tree.id, (OpenWorkspace(tree.id, tree),))])
    return receipt


def seen(home: Homestead, *wanted: Workspace) -> Mapping[UnitId, SeenWorkspace]:
    return home.photograph(wanted)


@pytest.fixture
def homes(tmp_path: Path, make: Counted) -> Sequence[Homestead]:
    """The same folder, as two repositories see it."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        found.append(Homestead(tmp_path / "data" / "f", tmp_path / name / ".git", make))
    return found


def test_where_no_tree_is_nobody_is_asked(homes: Sequence[Homestead], make: Counted) -> None:
    home = homes[0]
    assert seen(home) == {}
    assert seen(home) is seen(home)
    assert make.made == 0
    assert not home.root.exists()


def test_a_workshop_is_made_once_when_a_tree_is_wanted(
    homes: Sequence[Homestead], make: Counted
) -> None:
    home, tree = homes[0], housed("a")[1]
    assert seen(home, tree) == {}
    assert not opened(home).error
    assert list(seen(home)) == [TREE]
    assert not home.unsaved(seen(home).values())[TREE].any
    assert make.made == 1
    assert not home.root.stat().st_mode & 0o077, "for its owner alone"


def test_a_fleet_of_the_same_name_sees_and_makes_nothing_there(homes: Sequence[Homestead]) -> None:
    first, second = homes
    tree = housed("a")[1]
    assert not opened(first).error
    assert seen(second) == {}, "what is no tree of ours is never taken away"
    (found,) = seen(second, tree).values()
    assert str(first.repository) in found.trouble
    assert "metadata.name" in found.fix
    receipt = opened(second)
    assert str(first.repository) in receipt.error
    assert receipt.fix
    assert not seen(first, tree)[TREE].trouble


def test_who_comes_back_finds_its_own(homes: Sequence[Homestead], make: Counted) -> None:
    first = homes[0]
    opened(first)
    again = Homestead(first.root, first.repository, make)
    assert list(seen(again)) == [TREE]
    assert not opened(again).error


def test_a_repository_that_moved_takes_its_folder_along(homes: Sequence[Homestead]) -> None:
    first, second = homes
    opened(first)
    first.repository.rmdir()
    assert list(seen(second)) == [TREE]
    assert not opened(second).error
    assert (second.root / OWNER).read_text() == f"{second.repository}\n"


@pytest.mark.parametrize("what", [b"", b"\n"])
def test_a_mark_that_was_cut_short_is_nobodys(homes: Sequence[Homestead], what: bytes) -> None:
    first = homes[0]
    opened(first)
    (first.root / OWNER).write_bytes(what)
    assert list(seen(first)) == [TREE]
    assert not opened(first).error


def test_a_folder_that_cannot_be_made_is_said(homes: Sequence[Homestead]) -> None:
    home = homes[0]
    home.root.parent.write_text("a file")
    receipt = opened(home)
    assert "cannot be made" in receipt.error
    assert "XDG_DATA_HOME" in receipt.fix


class Blind(MemoryWorkshop):
    """Would tell whoever asks."""

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:  # noqa: ARG002
        raise AssertionError("nobody may ask")


def test_the_trees_of_another_are_not_even_looked_at(homes: Sequence[Homestead]) -> None:
    first, second = homes
    opened(first)
    second.make = lambda: Blind("f")
    assert seen(second) == {}
