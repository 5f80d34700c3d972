"""Status, made in one function from one photograph and one plan. Nothing is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.processes import ended_for_good
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Outcome, Plan, Verb
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready, Status
from reconciler.model.unit import Process
from reconciler.model.world import Drain, SeenPane


def fold(scene: Scene, plan: Plan, outcomes: Iterable[Outcome] = ()) -> tuple[Status, ...]:
    """Return one status a unit, sorted by id: processes, frames without one, and held leftovers.

    `plan` is what is still to be done after `outcomes`; so a unit with a pending move is not
    ready, and one whose move failed says why.
    """
    pending = {action.unit: action for action in plan.actions}  # a hold comes last, and says more
    failed = {o.action.unit: o for o in outcomes if not o.ok}
    names = {session.session_id: session.name for session in scene.world.sessions}
    found = [
        _process(scene, names, p, _news(scene, p, pending, failed))
        for p in scene.desired.processes.values()
    ]
    named = {status.unit for status in found}
    found += [
        _other(scene, unit, pending, failed)
        for unit in {*scene.desired.frames, *pending, *failed}
        if unit not in named
    ]
    return tuple(sorted(found, key=lambda status: status.unit))


def _process(
    scene: Scene,
    names: Mapping[str, str],
    process: Process,
    news: tuple[Action | None, Outcome | None],
) -> Status:
    action, outcome = news
    pane = scene.match.panes.get(process.id)
    there = pane is not None or process.stopped
    ready = there and action is None and outcome is None
    mark = pane.mark if pane is not None else None
    return Status(
        unit=process.id,
        ready=Ready.TRUE if ready else Ready.FALSE,
        state=_state(process, pane, action),
        reason=_reason(action, outcome),
        message=_message(action, outcome),
        commit=mark.commit if mark is not None else "",
        session=names.get(pane.session_id, "") if pane is not None else "",
        pane=pane.pane_id if pane is not None else "",
        pid=pane.pid if pane is not None and not pane.dead else 0,
        since=mark.started if mark is not None else 0,
        falls=mark.falls if mark is not None else 0,
    )


def _news(
    scene: Scene,
    process: Process,
    pending: Mapping[UnitId, Action],
    failed: Mapping[UnitId, Outcome],
) -> tuple[Action | None, Outcome | None]:
    """What is due, and what failed; for a pane that is not there, what its session waits for."""
    action, outcome = pending.get(process.id), failed.get(process.id)
    if action is None and outcome is None and process.id not in scene.match.panes:
        return pending.get(process.frame), failed.get(process.frame)
    return action, outcome


def _state(process: Process, pane: SeenPane | None, action: Action | None) -> str:
    if pane is None or pane.mark is None:
        absent = "stopped" if process.stopped else "absent"
        return "held" if action is not None and action.verb is Verb.HOLD else absent
    if not pane.dead:
        return "running" if pane.mark.drain is Drain.NONE else "draining"
    if process.stopped:
        return "stopped"
    return "ended" if ended_for_good(process, pane) else "exited"


def _other(
    scene: Scene,
    unit: UnitId,
    pending: dict[UnitId, Action],
    failed: dict[UnitId, Outcome],
) -> Status:
    """A session, or a unit that is held although nobody (readable) asks for it."""
    session = scene.match.sessions.get(unit)
    frame = scene.desired.frames.get(unit)
    action, outcome = pending.get(unit), failed.get(unit)
    mark = session.mark if session is not None else None
    held = action is not None and action.verb is Verb.HOLD
    ready = frame is not None and session is not None and action is None and outcome is None
    return Status(
        unit=unit,
        ready=Ready.TRUE if ready else Ready.FALSE,
        state="held" if held else "open" if session is not None else "absent",
        reason=_reason(action, outcome),
        message=_message(action, outcome),
        commit=mark.commit if mark is not None else "",
        session=session.name if session is not None else "",
    )


def _reason(action: Action | None, outcome: Outcome | None) -> str:
    if outcome is not None:
        return "failed"
    return action.reason.value if action is not None else "as-wished"


def _message(action: Action | None, outcome: Outcome | None) -> str:
    if outcome is not None:
        return f"{outcome.error} {outcome.fix}".strip()
    if action is None:
        return ""
    if action.verb is Verb.HOLD:
        return f"{action.detail}; {action.fix}" if action.fix else action.detail
    return f"{action.verb.value} is due: {action.detail or action.reason.value}"
