"""Work trees behind the gate: each look, each step and each change within one is a boundary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from reconciler.adapters.memory import MemoryWorkshop
from reconciler.adapters.memory.hands import RefusedStepError
from reconciler.adapters.memory.workshop import RefusedError
from reconciler.adapters.memory.yard import Tree
from reconciler.loop.tenure import Tenure
from reconciler.model.ids import UnitId
from reconciler.model.step import Step
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt
from tests.simulator.gate import Gate
from tests.simulator.universe import SimHost, Universe


class SimWorkshop(MemoryWorkshop):
    """A workshop as one controller has it: it gives orders only while it has the right to."""

    def __init__(self, universe: Universe, tenure: Tenure, gate: Gate) -> None:
        super().__init__("sim", universe.yard)
        self.host: SimHost = universe.host
        self.tenure, self.gate = tenure, gate

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        return self.gate.cross("workshop.photograph", partial(super().photograph, wanted))

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        return self.gate.cross("workshop.unsaved", partial(super().unsaved, seen))

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        return [self._rightful(order) for order in orders]

    def done(self, what: str) -> None:
        self.host.changing()
        self._cross(f"step.tree.{what}", lambda: None)

    def _rightful(self, order: Order) -> Receipt:
        if not self.host.obeys(self.tenure.number()):
            self.tenure.overtaken()
            return Receipt(order.unit, "another one gives orders here", stale=True)
        return self._carry_out(order)

    def _step(self, step: Step) -> None:
        self._cross(f"step.{type(step).__name__}", lambda: MemoryWorkshop._step(self, step))
        self.gate.tell(f"            {step}"[:180])

    def _cross(self, name: str, call: object) -> None:
        try:
            self.gate.cross(name, call)  # type: ignore[arg-type]
        except RefusedStepError as error:
            raise RefusedError(str(error)) from None

    def _close(self, tree: Tree, branch: str, tip: str) -> None:
        self.host.crimes += [
            f"{unit}: its tree is taken away under it" for unit in self.host.within(tree.path)
        ]
        super()._close(tree, branch, tip)
