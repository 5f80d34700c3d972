"""What one process needs: started, restarted, updated in place, waited for, or nothing."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.change import applied_text, changes, worst
from reconciler.core.ending import begin, ending, has_time, press, unheeded, waiting_for
from reconciler.core.falls import fallen
from reconciler.core.housing import made_first, tree_needs
from reconciler.core.moves import hold, move
from reconciler.core.scene import Scene
from reconciler.core.seats import away, reseated, seat_of
from reconciler.core.starts import blocked_start, start
from reconciler.model.action import Action, Change, Reason, Verb
from reconciler.model.step import Close, MarkPane, Respawn, Step
from reconciler.model.unit import Disruption, Process, RestartPolicy
from reconciler.model.world import Drain, PaneMark, SeenPane


def decide(scene: Scene, process: Process) -> Action | None:
    """Return the next move of a process whose slot exists or will; None when it is right."""
    pane = scene.match.panes.get(process.id)
    if pane is None or pane.mark is None:
        return None if process.stopped else start(scene, process)
    mark = pane.mark if pane.mark.unit == process.id else replace(pane.mark, unit=process.id)
    action = _wanted(scene, process, pane, mark)
    return action if action is None else _after_frame(scene, process, pane, action)


def _wanted(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    """Take back, if nothing else writes a new mark, what was noted while nobody wanted it."""
    if mark.drain is not Drain.ABSENT:
        return _decide(scene, process, pane, mark)
    clean = replace(mark, drain=Drain.NONE, drain_until=0)
    action = _decide(scene, process, pane, clean)
    if action is not None and action.verb is not Verb.HOLD:
        return action
    steps = (MarkPane(pane.pane_id, clean),)
    return replace(move(Verb.UPDATE, process, Reason.ABSENCE, steps, pane), detail="wanted again")


def _decide(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    if process.stopped:
        return _stop_by_wish(scene, process, pane, mark)
    if mark.drain is not Drain.NONE:
        return drained(scene, process, pane, mark)
    if mark.digest != process.digest:
        return _changed(scene, process, pane, mark)
    fell = pane.dead and not ended_for_good(process, pane)
    return fallen(scene, process, pane, mark) if fell else None


def _after_frame(scene: Scene, process: Process, pane: SeenPane, action: Action) -> Action:
    """Let the frame go first where it has to: it renames the pane, or makes its new slot. Until
    then an agent keeps its mark, which is the proof that it has yet to move."""
    named = pane.mark is not None and pane.mark.unit == process.id
    if action.verb is Verb.HOLD or process.frame == process.id:
        return action
    if named and not is_reseated(scene, process):
        return action
    expects = tuple(replace(expected, unit=process.id) for expected in action.expects)
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


# -- changed --------------------------------------------------------------------------------------


def _changed(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    applied = scene.world.facts.applied.get(process.id)
    found = changes(process.fields, applied)
    if worst(found) is Disruption.HOT:
        return _update(scene, process, pane, found)
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    if pane.dead:
        steps: tuple[Step, ...] = (Respawn(pane.pane_id, scene.starting(process)),)
        needs = tree_needs(process)
    else:
        steps = begin(pane, mark, Drain.RESTART, ending(process, applied))
        needs = made_first(scene, process)
    return replace(
        move(Verb.RESTART, process, Reason.CHANGED, steps, pane),
        needs=needs,
        detail="" if applied else "what was applied last cannot be read: every field counts",
        changes=found,
    )


def _update(scene: Scene, process: Process, pane: SeenPane, found: tuple[Change, ...]) -> Action:
    mark = scene.running_mark(process, pane)
    steps = (MarkPane(pane.pane_id, mark, applied_text(process.fields)),)
    return replace(move(Verb.UPDATE, process, Reason.CHANGED, steps, pane), changes=found)


# -- draining -------------------------------------------------------------------------------------


def drained(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action:
    """Finish what an earlier pass began: wait, press harder, or start anew. That is no fall."""
    if not pane.dead:
        return _press(scene, process, pane, mark)
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    steps = (Respawn(pane.pane_id, scene.starting(process)),)
    again = move(Verb.RESTART, process, Reason.DRAINED, steps, pane)
    return replace(again, needs=tree_needs(process), continues=True)


def _press(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action:
    now = scene.world.taken_at
    if has_time(mark, now):
        return hold(process, Reason.DRAINING, waiting_for(mark), until=mark.drain_until)
    steps = press(pane, mark, ending(process, scene.world.facts.applied.get(process.id)), now)
    return replace(
        move(Verb.RESTART, process, Reason.DRAIN_OVERDUE, steps, pane),
        detail=unheeded(mark, now),
        continues=True,
    )


def _stop_by_wish(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    """`mode: stopped` ends the process. A slot in a Session keeps the last screen; a session that
    was the agent's own goes."""
    if pane.dead:
        steps: tuple[Step, ...] = (Close(pane.pane_id),)
        gone = move(Verb.STOP, process, Reason.STOPPED_BY_WISH, steps, pane)
        return replace(gone, continues=True) if process.frame == process.id else None
    if mark.drain is Drain.NONE:
        how = ending(process, scene.world.facts.applied.get(process.id))
        steps = begin(pane, mark, Drain.STOP, how)
        return move(Verb.STOP, process, Reason.STOPPED_BY_WISH, steps, pane)
    pressed = _press(scene, process, pane, mark)
    return pressed if pressed.verb is Verb.HOLD else replace(pressed, verb=Verb.STOP)
