"""Orders go to where they belong, and a work tree is asked about before it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

from reconciler.adapters.memory import MemoryClock, MemoryWorkshop, Yard
from reconciler.core.diff import scene_of
from reconciler.core.scene import Scene
from reconciler.loop.grounds import STAND_IN, Grounds, NoWorkshop, Rightful
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, LeaseHeldError
from reconciler.model.step import OpenWorkspace, Rename
from reconciler.model.unit import Desired, Launch, Process
from reconciler.ports import Order, Receipt
from tests.builders import agent, desired, housed
from tests.watched import WatchedHost

TREE = UnitId("p/workspace/a")


class Asked(WatchedHost):
    """Remembers what it was asked to judge."""

    def __init__(self) -> None:
        super().__init__(MemoryClock())
        self.asked: dict[UnitId, Launch] = {}

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        processes = list(processes)
        self.asked = {process.id: process.launch for process in processes}
        return super().refusals(processes)


class Counting(MemoryWorkshop):
    """Remembers how many orders came at once."""

    def __init__(self) -> None:
        super().__init__("f", Yard())
        self.yard.repository("/repo")
        self.batches: list[int] = []

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        self.batches.append(len(orders))
        return super().perform(orders)


@pytest.fixture
def host() -> Asked:
    return Asked()


@pytest.fixture
def workshop() -> Counting:
    return Counting()


def scene(grounds: Grounds, wish: Desired) -> Scene:
    return scene_of(wish, grounds.photograph(0.0, wish))


def making(name: str) -> Order:
    _, tree = housed(name)
    return Order(tree.id, (OpenWorkspace(tree.id, tree),))


def test_each_order_goes_where_it_belongs_and_receipts_keep_their_order(
    host: Asked, workshop: Counting
) -> None:
    nothing = Order(UnitId("p/agent/x"), (Rename("$9", "x"),))
    orders = [nothing, making("a"), nothing, making("b")]
    receipts = Grounds(host, workshop).perform(orders)
    assert [r.unit for r in receipts] == [order.unit for order in orders]
    assert [bool(r.error) for r in receipts] == [True, False, True, False]
    assert (workshop.batches, len(host.orders)) == ([2], 2)
    host.orders.clear()
    Grounds(host, workshop).perform([making("c")])
    assert host.orders == []
    Grounds(host, workshop).perform([nothing])
    assert workshop.batches == [2, 1]


def test_who_has_no_tree_yet_is_judged_somewhere_else(host: Asked, workshop: Counting) -> None:
    grounds = Grounds(host, workshop)
    (plain, inside), smith = (housed("a"), housed("b", "./run")), agent("smith")
    wish = desired(*plain, *inside, smith)
    grounds.refusals(scene(grounds, wish), list(wish.processes.values()))
    assert {u.name: (said.directory, said.argv) for u, said in host.asked.items()} == {
        "a": (STAND_IN, ("run",)),
        "b": (STAND_IN, ()),
        "smith": ("/work", ("run",)),
    }


def test_who_has_a_tree_is_judged_in_it(host: Asked, workshop: Counting) -> None:
    grounds = Grounds(host, workshop)
    wish = desired(*housed("a", "./run"))
    grounds.perform([making("a")])
    grounds.refusals(scene(grounds, wish), list(wish.processes.values()))
    (launch,) = host.asked.values()
    assert (launch.directory, launch.argv) == ("/trees/p/a", ("./run",))


def test_a_photograph_has_both_and_is_none_when_one_is_blind(
    host: Asked, workshop: Counting
) -> None:
    grounds, wish = Grounds(host, workshop), desired(*housed("a"))
    assert grounds.photograph(7.0, wish).workspaces == {}
    grounds.perform([making("a")])
    world = grounds.photograph(8.0, wish)
    assert (world.taken_at, list(world.workspaces)) == (8.0, [TREE])
    workshop.blind = True
    with pytest.raises(BlindError):
        grounds.photograph(9.0, wish)


def test_without_a_workshop_nothing_is_seen_and_nothing_made(host: Asked) -> None:
    nowhere = NoWorkshop()
    assert nowhere.photograph([]) is nowhere.photograph([])
    assert Grounds(host, nowhere).unsaved([]) == {}
    (receipt,) = Grounds(host, nowhere).perform([making("a")])
    assert receipt.error
    assert receipt.fix


def test_the_right_to_act_is_asked_for_before_each_order(workshop: Counting) -> None:
    left = [2]

    def may() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise LeaseHeldError("another one is in charge")

    rightful = Rightful(workshop, may)
    with pytest.raises(LeaseHeldError):
        rightful.perform([making("a"), making("b"), making("c")])
    assert list(workshop.yard.trees) == ["/trees/p/a", "/trees/p/b"]
    assert workshop.batches == [1, 1]
