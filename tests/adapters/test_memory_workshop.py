"""The twin in memory keeps the same promises."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.adapters.memory import MemoryWorkshop, Yard
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.model.step import Close
from reconciler.ports import Order
from reconciler.ports.workspaces import Workshop
from tests.adapters.workshop_contract import FLEET, WorkshopContract, closing, do, opened, wanted


class MemoryPlace:
    """A disk that is none (`workshop_contract.Place`)."""

    root, repository, other = "/trees/f", "/repo", "/other"

    def __init__(self) -> None:
        self.yard = Yard()
        self.yard.repository(self.repository)
        self.yard.repository(self.other)

    def workshop(self) -> MemoryWorkshop:
        return MemoryWorkshop(FLEET, self.yard)

    def write(self, path: str, name: str, text: str) -> None:
        self.yard.trees[path].files[name] = text

    def stage(self, path: str, name: str) -> None:
        self.yard.trees[path].staged.add(name)

    def commit(self, path: str) -> str:
        return self.yard.trees[path].commit()

    def detach(self, path: str) -> None:
        self.yard.trees[path].detach()

    def advance(self, repository: str) -> str:
        return self.yard.repositories[repository].commit("main", {"README": "hello\n", "x": "y"})

    def finish(self, unit: UnitId, path: str) -> None:
        assert self.yard.of(unit) is self.yard.trees[path]
        self.yard.finish(unit)

    def clutter(self, path: str) -> None:
        self.yard.clutter.add(path)

    def files(self, path: str) -> Mapping[str, str] | None:
        tree = self.yard.trees.get(path)
        return dict(tree.files) if tree is not None else None

    def tip(self, repository: str, branch: str) -> str:
        return self.yard.repositories[repository].branches.get(branch, "")

    def kept(self, repository: str, unit: UnitId) -> list[Mapping[str, str]]:
        return [*self.yard.repositories[repository].kept.get(f"{unit.project}/{unit.name}", [])]


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


class TestMemoryWorkshop(WorkshopContract):
    """Every promise."""


def test_it_is_a_workshop(place: MemoryPlace) -> None:
    workshop: Workshop = place.workshop()
    assert workshop.photograph([]) == {}


def test_a_tree_of_another_fleet_is_trouble_where_it_is_wanted(place: MemoryPlace) -> None:
    tree = wanted(place)
    opened(place.workshop(), tree)
    stranger = MemoryWorkshop("g", place.yard)
    assert stranger.photograph([]) == {}
    assert "of the fleet f" in stranger.photograph([tree])[tree.id].trouble


def test_what_cannot_be_saved_keeps_its_tree(place: MemoryPlace) -> None:
    workshop, tree = place.workshop(), wanted(place)
    seen = opened(workshop, tree)
    place.yard.of(tree.id).refused["vendor"] = "a repository within"
    assert workshop.unsaved([seen])[tree.id].refused == (("vendor", "a repository within"),)
    assert "cannot be saved" in do(workshop, closing(seen)).error
    assert place.files(tree.path) is not None


def test_in_the_dark_nobody_can_tell(place: MemoryPlace) -> None:
    workshop = place.workshop()
    workshop.blind = True
    with pytest.raises(BlindError):
        workshop.photograph([])


def test_what_is_done_to_sessions_is_refused(place: MemoryPlace) -> None:
    (receipt,) = place.workshop().perform([Order(UnitId("p/agent/a"), (Close("%1"),))])
    assert "nothing that is done to a work tree" in receipt.error
