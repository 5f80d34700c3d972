"""The two places that a fleet is in, as one: sessions, and the work trees that agents have.

Merges what is seen and what is refused, and sends each order to where it belongs. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.housing import usable, within
from reconciler.core.scene import Scene
from reconciler.model.ids import UnitId
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace
from reconciler.model.unit import Desired, Process, Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.model.world import World
from reconciler.ports import Host, Order, Receipt
from reconciler.ports.workspaces import Workshop

STAND_IN = "/"
"""A folder that is always there: asked about in place of one in a tree that is still to be made."""
_OURS = (OpenWorkspace, BeginRun, MarkWorkspace, CloseWorkspace)
_NOTHING: Mapping[UnitId, SeenWorkspace] = {}


class NoWorkshop:
    """Where there are no work trees (`ports.workspaces.Workshop`), nor can there be any."""

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:  # noqa: ARG002
        """Return nothing, the very same each time."""
        return _NOTHING

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:  # noqa: ARG002
        """Return nothing."""
        return {}

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Refuse everything."""
        why = "no work tree can be made from here"
        fix = "let `novaorch apply` or `novaorch run` make it"
        return [Receipt(order.unit, why, fix) for order in orders]


@dataclass(frozen=True, slots=True)
class Rightful:
    """A workshop for whoever has the right to act (`ports.workspaces.Workshop`).

    `may` raises when that is lost. A tmux server itself refuses the orders of whoever was
    overtaken; a work tree knows nobody, so it is asked for before.
    """

    workshop: Workshop
    may: Callable[[], None]

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """See `Workshop.photograph`."""
        return self.workshop.photograph(wanted)

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """See `Workshop.unsaved`."""
        return self.workshop.unsaved(seen)

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """See `Workshop.perform`. LeaseHeldError: somebody else is in charge now."""
        receipts: list[Receipt] = []
        for order in orders:
            self.may()
            receipts += self.workshop.perform([order])
        return receipts


@dataclass(frozen=True, slots=True)
class Grounds:
    """Sessions and work trees."""

    host: Host
    workshop: Workshop

    def photograph(self, now: float, desired: Desired) -> World:
        """Return everything there is. BlindError: nobody can tell, of either."""
        world = self.host.photograph(now)
        trees = self.workshop.photograph(desired.workspaces.values())
        return replace(world, workspaces=trees)

    def refusals(
        self, scene: Scene, processes: Sequence[Process]
    ) -> Mapping[UnitId, tuple[str, str]]:
        """Return why processes cannot be started, but for their work trees not being there yet."""
        return self.host.refusals([_housed(scene, process) for process in processes])

    def unsaved(self, seen: Sequence[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """Return what would be lost with each."""
        return self.workshop.unsaved(seen) if seen else {}

    def perform(self, orders: Sequence[Order]) -> list[Receipt]:
        """Carry out orders, each where it belongs; one receipt each, in the same order."""
        trees = [order for order in orders if _is_of_trees(order)]
        if not trees:
            return [*self.host.perform(orders)]
        made = iter(self.workshop.perform(trees))
        rest = [order for order in orders if not _is_of_trees(order)]
        done = iter(self.host.perform(rest) if rest else [])
        return [next(made) if _is_of_trees(order) else next(done) for order in orders]


def _is_of_trees(order: Order) -> bool:
    return any(isinstance(step, _OURS) for step in order.steps)


def _housed(scene: Scene, process: Process) -> Process:
    """Return a process as its host can judge it before its work tree is made: somewhere else, and,
    if its program is to be found in that tree, as a shell."""
    tree = process.workspace
    if tree is None or usable(scene, tree):
        return process
    argv = () if within(process) else process.launch.argv
    return replace(process, launch=replace(process.launch, directory=STAND_IN, argv=argv))
