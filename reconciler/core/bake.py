"""Whether what is on trial went well: judged from one photograph and one plan."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.processes import ended_for_good
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Plan, Reason, Verb
from reconciler.model.control import Trial
from reconciler.model.fleet import Canary
from reconciler.model.ids import UnitId
from reconciler.model.unit import Process
from reconciler.model.world import SeenPane

PATIENCE_S = 86_400.0
"""How long at most a trial waits for people: somebody at work in an agent that is to be tried."""

_HOPELESS = frozenset({Reason.CANNOT_START, Reason.CRASH_LOOP})
_EXCUSED = frozenset(
    {
        Reason.ENGAGED,
        Reason.SUSPENDED,
        Reason.NO_LEASE,
        Reason.WINDOW_CLOSED,
        Reason.NO_CAPACITY,
        Reason.STORM,
    }
)


@dataclass(frozen=True, slots=True)
class Baking:
    """Nothing speaks against it so far; `until` is when it can be over at the earliest."""

    until: float


@dataclass(frozen=True, slots=True)
class Promote:
    """It went well: the rest may follow."""


@dataclass(frozen=True, slots=True)
class Revert:
    """It went wrong, and `why`."""

    why: str


def judge(trial: Trial, canary: Canary, scene: Scene, plan: Plan) -> Baking | Promote | Revert:
    """Return how a trial stands. `scene` is about the blended wish.

    One fall of one unit ends it. It went well once every unit has run what is new for as long as a
    trial lasts; and each must run it within that time, unless it is kept waiting by people.
    """
    now = scene.world.taken_at
    actions = {action.unit: action for action in plan.actions}
    for unit in trial.units:
        fault = _fault(scene, trial, unit, actions.get(unit))
        if fault:
            return Revert(f"{unit} {fault}")
    late = [unit for unit in trial.units if not _well(scene, unit)]
    if not late:
        ready = max(_since(scene, trial, unit) for unit in trial.units) + canary.bake_s
        if now >= ready:
            return Promote()
        return Baking(ready) if now < trial.began + _longest(canary) else Revert("it never settles")
    due = trial.began + canary.bake_s
    if now < due:
        return Baking(due)
    waits = all(_kept(actions.get(unit)) or _ending(scene, canary, unit) for unit in late)
    if waits and now < trial.began + _longest(canary):
        return Baking(now + canary.bake_s)
    action = actions.get(late[0])
    why = f": {action.detail}" if action is not None and action.detail else ""
    return Revert(f"{late[0]} does not run it after {canary.bake_s:g} s{why}")


def _longest(canary: Canary) -> float:
    return PATIENCE_S + 2 * canary.bake_s


def _fault(scene: Scene, trial: Trial, unit: UnitId, action: Action | None) -> str:
    """Return what went wrong with a unit on trial, '' when nothing did."""
    if action is not None and action.verb is Verb.HOLD and action.reason in _HOPELESS:
        return f"cannot run it: {action.detail}"
    process, pane = scene.desired.processes.get(unit), _pane(scene, unit)
    if process is None or pane is None or pane.mark is None:
        return ""
    mark = pane.mark
    if mark.falls or (mark.burst and mark.burst_since >= int(trial.began)):
        return "fell"
    if pane.dead and not mark.asked and not _done(process, pane):
        status = "unknown" if pane.exit_status is None else pane.exit_status
        return f"exited with status {status}"
    return ""


def _well(scene: Scene, unit: UnitId) -> bool:
    """Whether a unit runs what is on trial, ran it to a good end, or is stopped as it is to be."""
    process, pane = scene.desired.processes.get(unit), scene.match.panes.get(unit)
    if process is not None and process.stopped:
        return pane is None or pane.dead
    pane = _pane(scene, unit)
    if process is None or pane is None:
        return False
    return scene.match.alive(unit) or (pane.dead and _done(process, pane))


def _pane(scene: Scene, unit: UnitId) -> SeenPane | None:
    """Return the pane of a unit if what is new was started in it."""
    process, pane = scene.desired.processes.get(unit), scene.match.panes.get(unit)
    if process is None or pane is None or pane.mark is None:
        return None
    return pane if pane.mark.digest == process.digest and not process.stopped else None


def _done(process: Process, pane: SeenPane) -> bool:
    return ended_for_good(process, pane) and pane.exit_status == 0


def _since(scene: Scene, trial: Trial, unit: UnitId) -> float:
    """Return since when a unit runs what is new. A clock may have been set back since then."""
    pane = _pane(scene, unit)
    started = pane.mark.started if pane is not None and pane.mark is not None else 0
    return max(trial.began, started) if started <= scene.world.taken_at else trial.began


def _kept(action: Action | None) -> bool:
    """Whether a unit is kept from what is new by people, or by what is no fault of it."""
    return action is not None and action.verb is Verb.HOLD and action.reason in _EXCUSED


def _ending(scene: Scene, canary: Canary, unit: UnitId) -> bool:
    """Whether its old process was asked to end only now, after somebody was waited for."""
    pane = scene.match.panes.get(unit)
    if pane is None or pane.mark is None or not pane.mark.asked:
        return False
    return scene.world.taken_at < pane.mark.drain_until + canary.bake_s
