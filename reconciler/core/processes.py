"""What one process needs: started, restarted, updated in place, waited for, or nothing."""

from __future__ import annotations

import math
from dataclasses import replace

from reconciler.core.backoff import falls_after, wait_s
from reconciler.core.change import applied_text, changes, worst
from reconciler.core.scene import Scene, drain_mark, expect
from reconciler.core.seats import away, reseated, seat_of
from reconciler.model.action import Action, Change, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Close, MarkPane, Respawn, Signal, Step
from reconciler.model.unit import Disruption, Process, RestartPolicy
from reconciler.model.world import Drain, PaneMark, SeenPane


def decide(scene: Scene, process: Process) -> Action | None:
    """Return the next move of a process whose slot exists or will; None when it is right."""
    pane = scene.match.panes.get(process.id)
    if pane is None or pane.mark is None:
        return None if process.stopped else start(scene, process)
    mark = pane.mark if pane.mark.unit == process.id else replace(pane.mark, unit=process.id)
    action = _decide(scene, process, pane, mark)
    return action if action is None else _after_frame(scene, process, pane, action)


def _decide(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    if process.stopped:
        return _stop_by_wish(scene, process, pane, mark)
    if mark.drain is not Drain.NONE:
        return drained(scene, process, pane, mark)
    if mark.digest != process.digest:
        return _changed(scene, process, pane, mark)
    return _exited(scene, process, pane, mark) if pane.dead else None


def _after_frame(scene: Scene, process: Process, pane: SeenPane, action: Action) -> Action:
    """Let the frame go first where it has to: it renames the pane, or makes its new slot. Until
    then an agent keeps its mark, which is the proof that it has yet to move."""
    named = pane.mark is not None and pane.mark.unit == process.id
    if action.verb is Verb.HOLD or process.frame == process.id:
        return action
    if named and not is_reseated(scene, process):
        return action
    expects = tuple(
        replace(e, unit=process.id) if e.pane_id == pane.pane_id else e for e in action.expects
    )
    return replace(action, expects=expects, needs=(*action.needs, process.frame))


def is_reseated(scene: Scene, process: Process) -> bool:
    """Whether the wish gave a live process another seat, and it is not there yet."""
    pane = scene.match.panes.get(process.id)
    if pane is None or not reseated(scene, process, pane):
        return False
    return away(scene, seat_of(scene, process), process.id) is not None


def ended_for_good(process: Process, pane: SeenPane) -> bool:
    """Whether the process ended and its policy says that this is fine."""
    policy = process.restart.policy
    if policy is RestartPolicy.NEVER:
        return True
    return policy is RestartPolicy.ON_FAILURE and pane.exit_status == 0


# -- starting -------------------------------------------------------------------------------------


def start(scene: Scene, process: Process) -> Action:
    """Return the start of a process in the placeholder of its slot, or why it has to wait."""
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    place = scene.match.places.get(process.id)
    target = place.pane_id if place is not None else f"slot:{process.id}"
    return Action(
        Verb.START,
        process.id,
        Reason.ABSENT,
        wanted=process.digest,
        detail=f"in {process.frame}" if process.frame != process.id else "",
        source=process.source,
        expects=(expect(place),) if place is not None else (),
        steps=(Respawn(target, scene.starting(process)),),
        needs=start_needs(scene, process),
    )


def start_needs(scene: Scene, process: Process) -> tuple[UnitId, ...]:
    """Return what must be there, or have succeeded in this plan, first: frame and `after`."""
    waits = list(process.after)
    if process.frame != process.id and process.id not in scene.match.places:
        waits.append(process.frame)
    return tuple(waits)


def blocked_start(scene: Scene, process: Process) -> Action | None:
    """Return the hold of a process that cannot be started here, or None."""
    refusal = scene.world.facts.refusals.get(process.id)
    if refusal is None:
        return None
    why, fix = refusal
    return hold(process, Reason.CANNOT_START, why, fix=fix)


def hold(
    process: Process, reason: Reason, detail: str, *, until: float = 0, fix: str = ""
) -> Action:
    """Return the step not taken, and why."""
    return Action(
        Verb.HOLD,
        process.id,
        reason,
        wanted=process.digest,
        detail=detail,
        source=process.source,
        until=math.ceil(until),
        fix=fix,
    )


# -- changed --------------------------------------------------------------------------------------


def _changed(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    applied = scene.world.facts.applied.get(process.id)
    found = changes(process.fields, applied)
    unread = "" if applied else "what was applied last cannot be read: every field counts"
    if worst(found) < Disruption.RESTART:
        return _update(scene, process, pane, found)
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    if pane.dead:
        steps: tuple[Step, ...] = (Respawn(pane.pane_id, scene.starting(process)),)
    else:
        steps = drain_steps(pane, mark, Drain.RESTART, process.stop_grace_s)
    return Action(
        Verb.RESTART,
        process.id,
        Reason.CHANGED,
        wanted=process.digest,
        detail=unread,
        source=process.source,
        changes=found,
        expects=(expect(pane),),
        steps=steps,
    )


def _update(scene: Scene, process: Process, pane: SeenPane, found: tuple[Change, ...]) -> Action:
    mark = scene.running_mark(process, pane)
    return Action(
        Verb.UPDATE,
        process.id,
        Reason.CHANGED,
        wanted=process.digest,
        source=process.source,
        changes=found,
        expects=(expect(pane),),
        steps=(MarkPane(pane.pane_id, mark, applied_text(process.fields)),),
    )


# -- ended ----------------------------------------------------------------------------------------


def _exited(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    if ended_for_good(process, pane):
        return None
    now = scene.world.taken_at
    wait = wait_s(process.id, process.restart, mark.falls)
    ready_at = mark.started + wait
    how = f"exited with status {pane.exit_status if pane.exit_status is not None else 'unknown'}"
    if mark.started <= now < ready_at:  # a start in the future: the clock was set back
        detail = f"{how}, {mark.falls + 1} times in a row; its next start waits"
        return hold(process, Reason.BACKING_OFF, detail, until=ready_at)
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    falls = falls_after(mark.started, process.restart, mark.falls, now)
    return Action(
        Verb.RESTART,
        process.id,
        Reason.EXITED,
        wanted=process.digest,
        detail=how,
        source=process.source,
        expects=(expect(pane),),
        steps=(Respawn(pane.pane_id, scene.starting(process, falls=falls)),),
    )


# -- draining -------------------------------------------------------------------------------------


def drain_steps(
    pane: SeenPane, mark: PaneMark, why: Drain, grace_s: float
) -> tuple[Signal | MarkPane, ...]:
    """Ask first, mark then: a crash in between looks like an exit, and never costs a KILL."""
    return (
        Signal(pane.pane_id, pane.pid, "TERM"),
        MarkPane(pane.pane_id, drain_mark(mark, why, grace_s)),
    )


def drained(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action:
    """Finish what an earlier pass began: wait, press harder, or start anew."""
    if not pane.dead:
        return _press(scene, process, pane, mark)
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    return Action(
        Verb.RESTART,
        process.id,
        Reason.DRAINED,
        wanted=process.digest,
        source=process.source,
        expects=(expect(pane),),
        steps=(Respawn(pane.pane_id, scene.starting(process)),),
        continues=True,
    )


def _press(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action:
    if scene.world.taken_at < mark.drain_until:
        detail = "asked to end; KILL follows when its grace is over"
        return hold(process, Reason.DRAINING, detail, until=mark.drain_until)
    return Action(
        Verb.RESTART,
        process.id,
        Reason.DRAIN_OVERDUE,
        wanted=process.digest,
        detail="did not end in its grace",
        source=process.source,
        expects=(expect(pane),),
        steps=(Signal(pane.pane_id, pane.pid, "KILL"),),
        continues=True,
    )


def _stop_by_wish(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    """`mode: stopped` ends the process. A slot in a Session keeps the last screen; a session that
    was the agent's own goes."""
    if pane.dead:
        return _clear(process, pane) if process.frame == process.id else None
    if mark.drain is Drain.NONE:
        return Action(
            Verb.STOP,
            process.id,
            Reason.STOPPED_BY_WISH,
            wanted=process.digest,
            source=process.source,
            expects=(expect(pane),),
            steps=drain_steps(pane, mark, Drain.STOP, process.stop_grace_s),
        )
    return replace(_press(scene, process, pane, mark), verb=_pressing(scene, mark))


def _pressing(scene: Scene, mark: PaneMark) -> Verb:
    return Verb.HOLD if scene.world.taken_at < mark.drain_until else Verb.STOP


def _clear(process: Process, pane: SeenPane) -> Action:
    return Action(
        Verb.STOP,
        process.id,
        Reason.STOPPED_BY_WISH,
        wanted=process.digest,
        source=process.source,
        expects=(expect(pane),),
        steps=(Close(pane.pane_id),),
        continues=True,
    )
