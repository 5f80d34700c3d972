"""What is ours and wanted no longer: asked to end, waited for, removed. Guards come later."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.layouts import tidied
from reconciler.core.match import owner
from reconciler.core.processes import drain_steps
from reconciler.core.scene import Scene, expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Close, Signal, Step
from reconciler.model.world import Drain, SeenPane

GRACE_S = 15.0
"""How long a removed process has to end; its own manifest, which could say, is gone."""


def stops(scene: Scene) -> list[Action]:
    """Return one action for each owner that has panes nobody wants."""
    groups: dict[UnitId, list[SeenPane]] = {}
    for pane in scene.match.strays:
        if pane.mark is not None:
            groups.setdefault(group(scene, pane.mark.unit), []).append(pane)
    return [_stop(scene, unit, panes) for unit, panes in sorted(groups.items())]


def group(scene: Scene, unit: UnitId) -> UnitId:
    """Return what a pane is stopped with: a whole removed manifest is one case; a pane of a
    Session that lives on is its own."""
    base = owner(unit)
    return unit if base in scene.desired.frames else base


def _stop(scene: Scene, unit: UnitId, panes: list[SeenPane]) -> Action:
    fresh = [pane for pane in panes if _fresh(pane)]
    if not fresh:
        return _finish(scene, unit, panes)
    removed = unit not in scene.desired.frames and unit not in scene.desired.processes
    return Action(
        Verb.STOP,
        unit,
        Reason.REMOVED if removed and owner(unit) == unit else Reason.LEFTOVER,
        detail="" if len(fresh) == 1 else f"{len(fresh)} panes",
        expects=tuple(expect(pane) for pane in fresh),
        steps=(
            *(step for pane in fresh if _runs(pane) for step in _ask(pane)),
            *_removed(scene, [pane for pane in fresh if not _runs(pane)]),
        ),
    )


def _fresh(pane: SeenPane) -> bool:
    """Whether nobody asked this pane to go yet."""
    return pane.mark is not None and pane.mark.drain is Drain.NONE


def _runs(pane: SeenPane) -> bool:
    """Whether something would end if the pane was closed."""
    return not pane.dead and pane.mark is not None and not pane.mark.placeholder


def _ask(pane: SeenPane) -> tuple[Step, ...]:
    return drain_steps(pane, pane.mark, Drain.STOP, GRACE_S) if pane.mark is not None else ()


def _removed(scene: Scene, panes: list[SeenPane]) -> tuple[Step, ...]:
    """Remove panes; a wanted window that they leave behind gets its layout back."""
    return (*(Close(pane.pane_id) for pane in panes), *tidied(scene, panes))


def _finish(scene: Scene, unit: UnitId, panes: list[SeenPane]) -> Action:
    """Go on with what an earlier pass was allowed to begin."""
    now = scene.world.taken_at
    dead = [pane for pane in panes if pane.dead]
    running = [(pane, pane.mark.drain_until) for pane in panes if not pane.dead and pane.mark]
    overdue = [pane for pane, until in running if now >= until]
    waiting = Action(
        Verb.HOLD,
        unit,
        Reason.DRAINING,
        detail="asked to end; KILL follows when its grace is over",
        until=min((until for _, until in running), default=0),
        continues=True,
    )
    if not dead and not overdue:
        return waiting
    return replace(
        waiting,
        verb=Verb.STOP,
        reason=Reason.DRAIN_OVERDUE if overdue else Reason.DRAINED,
        detail="did not end in its grace" if overdue else "",
        until=0,
        expects=tuple(expect(pane) for pane in [*dead, *overdue]),
        steps=(
            *_removed(scene, dead),
            *(Signal(pane.pane_id, pane.pid, "KILL") for pane in overdue),
        ),
    )
