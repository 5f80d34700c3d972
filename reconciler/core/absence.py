"""Nobody wants it any more: is that so, and for how long? Nothing is stopped for a short absence.

The hour from which on a unit is wanted by nobody is in the marks of its panes, and goes from there
when it is wished for again.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.moves import held
from reconciler.core.scene import Scene, drain_mark, expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import MarkPane
from reconciler.model.world import Drain, PaneMark, SeenPane


def delayed(scene: Scene, stop: Action, panes: list[SeenPane]) -> Action:
    """Return the stop of these panes, or what comes before it: a mark, and then a wait.

    A stop that a guard will hold, because it proves nothing, marks nothing either. One that a
    person confirms by its word does not wait.
    """
    due = [(pane, pane.mark) for pane in panes if pane.mark is not None and _waits(scene, pane)]
    if not due or not scene.desired.settled or implausible(scene, stop.unit):
        return stop
    delay_s = scene.desired.fleet.stops_delay_s
    unmarked = [(pane, mark) for pane, mark in due if mark.drain is Drain.NONE]
    if unmarked:
        return replace(
            stop,
            verb=Verb.UPDATE,
            reason=Reason.ABSENCE,
            detail=f"nobody wants it; it is stopped in {delay_s:g} s",
            steps=tuple(_absent(pane, mark, delay_s) for pane, mark in unmarked),
        )
    until = max(mark.drain_until for _, mark in due)
    if scene.world.taken_at >= until:
        return stop
    detail = "nobody wants it; it is stopped if that stays so"
    return held(stop, Reason.ABSENCE, detail, until=until, fix="commit it back to keep it")


def wanted_again(scene: Scene, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return the actions with what was noted while nobody wanted a unit taken back at once, where
    its own move has to wait: an absence that begins later is to last as long as any other."""
    return tuple(_taken_back(scene, action) or action for action in actions)


def _taken_back(scene: Scene, hold: Action) -> Action | None:
    pane = scene.match.panes.get(hold.unit)
    if hold.verb is not Verb.HOLD or hold.reason not in (Reason.ENGAGED, Reason.DEPENDENCY):
        return None
    if pane is None or pane.mark is None or pane.mark.drain is not Drain.ABSENT:
        return None
    return replace(
        hold,
        verb=Verb.UPDATE,
        reason=Reason.ABSENCE,
        detail="wanted again",
        expects=(expect(pane),),
        steps=(MarkPane(pane.pane_id, replace(pane.mark, drain=Drain.NONE, drain_until=0)),),
        needs=(),
        until=0,
        fix="",
    )


def implausible(scene: Scene, unit: UnitId) -> str:
    """Return why the absence of a unit proves nothing, '' when it does."""
    if not scene.desired.processes:
        return "desired-state/ asks for nothing at all; an emptied folder stops nothing by itself"
    if unit.project not in scene.desired.projects:
        return f"the whole folder {unit.project}/ is gone"
    return ""


def is_protected(panes: list[SeenPane]) -> bool:
    """Whether one of these panes was protected when its manifest was applied last."""
    return any(pane.mark is not None and pane.mark.protect for pane in panes)


def _waits(scene: Scene, pane: SeenPane) -> bool:
    """Whether the absence of what is in a pane has to last: not for an empty place, nor for the
    double of an agent that goes on elsewhere."""
    if scene.desired.fleet.stops_delay_s <= 0 or pane.mark is None or pane.mark.placeholder:
        return False
    unit = pane.mark.unit
    return unit.kind == "session" or unit not in scene.desired.processes


def _absent(pane: SeenPane, mark: PaneMark, delay_s: float) -> MarkPane:
    return MarkPane(pane.pane_id, drain_mark(mark, Drain.ABSENT, delay_s))
