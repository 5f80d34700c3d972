"""What is ours and wanted no longer: asked to end, waited for, removed. Guards come later."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.processes import drain_steps
from reconciler.core.scene import Scene, expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Arrange, Close, Signal, Step
from reconciler.model.world import Drain, PaneMark, SeenPane

GRACE_S = 15.0
"""How long a removed process has to end; its own manifest, which could say, is gone."""


def owner(unit: UnitId) -> UnitId:
    """Return the manifest's unit: a Session's own pane counts as its Session."""
    return UnitId("/".join(unit.split("/")[:3]))


def stops(scene: Scene) -> list[Action]:
    """Return one action for each owner that has panes nobody wants."""
    groups: dict[UnitId, list[SeenPane]] = {}
    for pane in scene.match.strays:
        if pane.mark is not None:
            groups.setdefault(_group(scene, pane.mark), []).append(pane)
    return [_stop(scene, unit, panes) for unit, panes in sorted(groups.items())]


def _group(scene: Scene, mark: PaneMark) -> UnitId:
    """A leftover of a unit that lives on is its own case; a whole removed unit is one."""
    base = owner(mark.unit)
    return mark.unit if base in scene.desired.frames else base


def _stop(scene: Scene, unit: UnitId, panes: list[SeenPane]) -> Action:
    fresh = [p for p in panes if _fresh(p)]
    if not fresh:
        return _finish(scene, unit, panes)
    removed = unit not in scene.desired.frames and unit not in scene.desired.processes
    return Action(
        Verb.STOP,
        unit,
        Reason.REMOVED if removed and owner(unit) == unit else Reason.LEFTOVER,
        detail="" if len(panes) == 1 else f"{len(panes)} panes",
        expects=tuple(expect(p) for p in panes),
        steps=tuple(step for p in panes for step in _begin(p)),
    )


def _fresh(pane: SeenPane) -> bool:
    """Whether nobody asked this pane to go yet."""
    return pane.mark is not None and pane.mark.drain is Drain.NONE


def _remove(scene: Scene, pane: SeenPane) -> tuple[Step, ...]:
    """Remove a pane; a wanted window that it leaves behind gets its layout back."""
    for (frame, key), window in scene.match.windows.items():
        if window.window_id == pane.window_id:
            wanted = next(w for w in scene.desired.frames[frame].windows if w.key == key)
            if wanted.layout and len(window.panes) > 1:
                return Close(pane.pane_id), Arrange(window.window_id, wanted.layout)
    return (Close(pane.pane_id),)


def _begin(pane: SeenPane) -> tuple[Step, ...]:
    if pane.mark is None:
        return ()
    if pane.dead or pane.mark.placeholder:
        return (Close(pane.pane_id),)
    if pane.mark.drain is not Drain.NONE:
        return ()
    return drain_steps(pane, pane.mark, Drain.STOP, GRACE_S)


def _finish(scene: Scene, unit: UnitId, panes: list[SeenPane]) -> Action:
    """Go on with what an earlier pass was allowed to begin."""
    now = scene.world.taken_at
    dead = [p for p in panes if p.dead]
    overdue = [p for p in panes if not p.dead and p.mark and now >= p.mark.drain_until]
    steps: list[Step] = [step for p in dead for step in _remove(scene, p)]
    steps += [Signal(p.pane_id, p.pid, "KILL") for p in overdue]
    until = min((p.mark.drain_until for p in panes if p.mark and not p.dead), default=0)
    waiting = Action(
        Verb.HOLD,
        unit,
        Reason.DRAINING,
        detail="asked to end; KILL follows when its grace is over",
        until=until,
        continues=True,
    )
    if not steps:
        return waiting
    return replace(
        waiting,
        verb=Verb.STOP,
        reason=Reason.DRAIN_OVERDUE if overdue else Reason.DRAINED,
        detail="did not end in its grace" if overdue else "",
        until=0,
        expects=tuple(expect(p) for p in [*dead, *overdue]),
        steps=tuple(steps),
    )
