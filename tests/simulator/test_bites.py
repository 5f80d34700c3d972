"""The oracles bite: controllers with one fault each do not get away with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from reconciler.adapters.memory.yard import Tree
from reconciler.model.ids import UnitId
from reconciler.model.step import Signal, Step
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace
from reconciler.model.world import World
from reconciler.ports import Host, Order, Receipt
from reconciler.ports.workspaces import Workshop
from tests.simulator.campaign import reference
from tests.simulator.gate import Gate
from tests.simulator.life import Life, OurHost
from tests.simulator.oracle import complaints
from tests.simulator.telling import Telling
from tests.simulator.trees import SimWorkshop
from tests.simulator.workloads import WORKLOADS


class Fearless(OurHost):
    """Gives orders after another one took over."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        self.host.acting = 10**6
        return self.host.perform(orders)


class Impatient(OurHost):
    """Kills whoever it was to ask."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        return super().perform([replace(o, steps=tuple(map(_killing, o.steps))) for o in orders])


def _killing(step: Step) -> Step:
    return replace(step, name="KILL") if isinstance(step, Signal) else step


class Careless(OurHost):
    """Expects nothing of what it is about to change."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        return super().perform([Order(order.unit, order.steps) for order in orders])


class Tidy(OurHost):
    """Takes away what nobody owns."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        for session in self.host.sessions:
            if session.mark is None:
                self.host.human_close(session.session_id)
        return super().perform(orders)


class Deaf(OurHost):
    """Says that all went well, whatever happened."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        super().perform(orders[:1])
        return [Receipt(order.unit) for order in orders]

    def photograph(self, now: float) -> World:
        world = super().photograph(now)
        return world if world.sessions else replace(world, sessions=self.host.before)


class Forgetful(SimWorkshop):
    """Takes trees away without a look at what is in them."""

    def _close(self, tree: Tree, branch: str, tip: str) -> None:  # noqa: ARG002
        self.yard.trees.pop(tree.path)


class Rash(SimWorkshop):
    """Says of trees that nobody wants before their agents have ended."""

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        wanted = tuple(wanted)
        names = {workspace.id for workspace in wanted}
        for unit, seen in super().photograph(wanted).items():
            if unit not in names and seen.path in self.yard.trees:
                self._close(self.yard.trees[seen.path], seen.branch, seen.tip)
        return super().photograph(wanted)


@pytest.mark.parametrize(("workshop", "word"), [(Forgetful, "is lost"), (Rash, "under it")])
def test_a_tree_that_is_lost_or_taken_too_soon_is_found(
    workshop: type[SimWorkshop], word: str
) -> None:
    class Faulty(Life):
        def _workshop(self) -> Workshop:
            return workshop(self.universe, self.tenure, self.gate)

    workload = WORKLOADS["an agent with a tree of its own comes and goes"]
    telling = Telling(workload.begin(), workload.acts, workload.end_s, Gate(), life=Faulty)
    known = reference(workload.name).known
    assert any(word in line for line in complaints(telling.tell(), workload, known))


def told_by(host: type[OurHost], name: str, fault: str) -> list[str]:
    """Tell a story by a controller with such a host, with this fault at some boundaries."""

    class Faulty(Life):
        def _host(self) -> Host:
            return host(self.universe.host, self.tenure)

    workload, found = WORKLOADS[name], list[str]()
    steps = [b for b in reference(name).boundaries if b.name.startswith("step.")]
    fit = [b for b in reference(name).boundaries if b.bears(fault)]
    for boundary in steps if fault == "pause" else fit[:12]:
        gate = Gate({boundary.number: fault})
        telling = Telling(workload.begin(), workload.acts, workload.end_s, gate, life=Faulty)
        found += complaints(telling.tell(), workload, reference(name).known, (fault,))
    return found


@pytest.mark.parametrize(
    ("host", "name", "fault"),
    [
        (Fearless, "rename a window, add one, swap them", "pause"),
        (Impatient, "remove one", "wipe"),
        (Careless, "change a label", "stale"),
        (Tidy, "add one", "wipe"),
        (Deaf, "the server is killed", "drop"),
    ],
)
def test_a_fault_is_found(host: type[OurHost], name: str, fault: str) -> None:
    assert not told_by(OurHost, name, fault)
    assert told_by(host, name, fault)
