"""A glance: the second half of a restart in the pass that began it, without a whole photograph.

Looks only where processes were just asked to end. Never stands for the photograph with which a
pass begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.diff import scene_of
from reconciler.loop.cycle import Ports, Thought, ponder
from reconciler.model.action import Action
from reconciler.model.control import SILENT
from reconciler.model.step import MarkPane, Signal, TypeLines
from reconciler.model.world import SeenPane, World

GLANCE_MAX = 8
"""How many panes are glanced at one by one; for more a whole photograph is as cheap."""
GLANCES = 6
"""So often, one after another: together they take half as long as a photograph of a thousand."""


def glance(ports: Ports, thought: Thought, moves: Sequence[Action]) -> Thought | None:
    """Look again where `moves` just asked processes to end, a few times; think when one did.

    The second halves of those very moves need no more: each checks what it expects as ever. All
    else in this thought is as old as `thought`. None: take a whole photograph.
    """
    asked = _asked(moves)
    before = thought.scene.world
    sessions = {pane.session_id for pane in _panes(before) if pane.pane_id in asked}
    for _ in range(GLANCES if sessions else 0):
        world = ports.host.glance(before, sessions)
        if world is None:
            return None
        if any(pane.dead for pane in _panes(world) if pane.pane_id in asked):
            restraints = ports.restraints(ports.clock.now())
            return ponder(ports, scene_of(thought.desired, world, restraints, SILENT))
    return None


def second_halves(after: Thought, moves: Sequence[Action]) -> list[Action]:
    """Return what a glance shows to be the rest of these moves, and waits for nothing else."""
    begun = {action.unit for action in moves}
    rest = [a for a in after.plan.moves if a.continues and a.unit in begun]
    others = {a.unit for a in after.plan.moves} - {a.unit for a in rest}
    return [action for action in rest if others.isdisjoint(action.needs)]


def _asked(moves: Sequence[Action]) -> set[str]:
    """Return the panes in which moves asked processes to end; none if they did anything else."""
    steps = [step for action in moves for step in action.steps]
    asked = {step.pane for step in steps if isinstance(step, Signal | TypeLines)}
    only = all(isinstance(s, Signal | TypeLines | MarkPane) and s.pane in asked for s in steps)
    return asked if only and len(asked) <= GLANCE_MAX else set()


def _panes(world: World) -> Iterator[SeenPane]:
    return (pane for session in world.sessions for w in session.windows for pane in w.panes)
