"""What is ours and wanted no longer: asked to end, waited for, removed. Guards come later."""

from __future__ import annotations

from reconciler.core.absence import delayed
from reconciler.core.ending import (
    Ending,
    applied_ending,
    begin,
    ending,
    has_time,
    press,
    unheeded,
    waiting_for,
)
from reconciler.core.layouts import tidied
from reconciler.core.match import owner
from reconciler.core.scene import Scene, expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Close, Step
from reconciler.model.world import Drain, PaneMark, SeenPane

Running = tuple[SeenPane, PaneMark]


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
    fresh = [pane for pane in panes if is_fresh(pane)]
    if not fresh:
        return _finish(scene, unit, panes)
    removed = unit not in scene.desired.frames and unit not in scene.desired.processes
    stop = Action(
        Verb.STOP,
        unit,
        Reason.REMOVED if removed and owner(unit) == unit else Reason.LEFTOVER,
        detail="" if len(fresh) == 1 else f"{len(fresh)} panes",
        expects=tuple(expect(pane) for pane in fresh),
        steps=(
            *(step for pane in fresh if runs(pane) for step in _ask(scene, pane)),
            *_removed(scene, [pane for pane in fresh if not runs(pane)]),
        ),
    )
    return delayed(scene, stop, fresh)


def is_fresh(pane: SeenPane) -> bool:
    """Whether nobody asked this pane to go yet."""
    return pane.mark is not None and not pane.mark.asked


def runs(pane: SeenPane) -> bool:
    """Whether something would end if the pane was closed."""
    return not pane.dead and pane.mark is not None and not pane.mark.placeholder


def _ask(scene: Scene, pane: SeenPane) -> tuple[Step, ...]:
    if pane.mark is None:
        return ()
    return begin(pane, pane.mark, Drain.STOP, _ending(scene, pane.mark))


def _ending(scene: Scene, mark: PaneMark) -> Ending:
    """Return how a process ends that nobody wants: as its manifest said when it was applied last,
    or as that of its namesake says."""
    process = scene.desired.processes.get(mark.unit)
    applied = scene.world.facts.applied.get(mark.unit)
    return applied_ending(applied) if process is None else ending(process, applied)


def _removed(scene: Scene, panes: list[SeenPane]) -> tuple[Step, ...]:
    """Remove panes; a wanted window that they leave behind gets its layout back."""
    return (*(Close(pane.pane_id) for pane in panes), *tidied(scene, panes))


def _finish(scene: Scene, unit: UnitId, panes: list[SeenPane]) -> Action:
    """Go on with what an earlier pass was allowed to begin."""
    dead = [pane for pane in panes if pane.dead]
    running = [(pane, pane.mark) for pane in panes if not pane.dead and pane.mark]
    now = scene.world.taken_at
    overdue = [(p, mark) for p, mark in running if not has_time(mark, now)]
    if not dead and not overdue:
        return _waiting(unit, running)
    return Action(
        Verb.STOP,
        unit,
        Reason.DRAIN_OVERDUE if overdue else Reason.DRAINED,
        detail=unheeded(overdue[0][1], now) if overdue else "",
        expects=tuple(expect(pane) for pane in [*dead, *(pane for pane, _ in overdue)]),
        steps=(
            *_removed(scene, dead),
            *(step for p, mark in overdue for step in press(p, mark, _ending(scene, mark), now)),
        ),
        continues=True,
    )


def _waiting(unit: UnitId, running: list[Running]) -> Action:
    first = min((mark for _, mark in running), key=lambda mark: mark.drain_until)
    return Action(
        Verb.HOLD,
        unit,
        Reason.DRAINING,
        detail=waiting_for(first),
        until=first.drain_until,
        continues=True,
    )
