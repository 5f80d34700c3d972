"""What a start needs: a place, what comes first, and a machine on which it can be done."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.housing import tree_needs, treeless
from reconciler.core.moves import hold, move
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Respawn
from reconciler.model.unit import Process


def start(scene: Scene, process: Process) -> Action:
    """Return the start of a process in the placeholder of its slot, or why it has to wait."""
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    place = scene.match.places.get(process.id)
    target = place.pane_id if place is not None else f"slot:{process.id}"
    steps = (Respawn(target, scene.starting(process)),)
    panes = (place,) if place is not None else ()
    return replace(
        move(Verb.START, process, Reason.ABSENT, steps, *panes),
        detail=f"in {process.frame}" if process.frame != process.id else "",
        needs=start_needs(scene, process),
    )


def start_needs(scene: Scene, process: Process) -> tuple[UnitId, ...]:
    """Return what must be there, or have succeeded in this plan, first: frame, work tree and
    `after`."""
    waits = [*process.after, *tree_needs(process)]
    if process.frame != process.id and process.id not in scene.match.places:
        waits.append(process.frame)
    return tuple(waits)


def blocked_start(scene: Scene, process: Process) -> Action | None:
    """Return the hold of a process that cannot be started here, or None."""
    refusal = scene.world.facts.refusals.get(process.id)
    without = treeless(scene, process)
    if refusal is None or without is not None:
        return without
    why, fix = refusal
    return hold(process, Reason.CANNOT_START, why, fix=fix)
