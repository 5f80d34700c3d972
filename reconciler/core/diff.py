"""Desired minus World: the actions that turn what is into what must be. Touches nothing."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.adopt import adopt, adoptable, adopted_processes
from reconciler.core.carry import agent_carry, placeholders, with_carry
from reconciler.core.frames import decide_frame
from reconciler.core.match import match, owner
from reconciler.core.processes import decide, is_reseated
from reconciler.core.scene import Scene
from reconciler.core.stops import stops
from reconciler.core.unread import unmoved
from reconciler.core.workspaces import workspaces
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import FREE, SILENT, Consent, Restraints
from reconciler.model.ids import UnitId
from reconciler.model.problems import Problem
from reconciler.model.unit import Desired, Process, Source
from reconciler.model.world import World


def scene_of(
    desired: Desired,
    world: World,
    restraints: Restraints = FREE,
    consent: Consent = SILENT,
) -> Scene:
    """Pair the wish with the photograph."""
    desired = unmoved(desired, world)
    return Scene(desired, world, match(desired, world), restraints, consent)


def diff(scene: Scene) -> list[Action]:
    """Return every move that is due and every step not taken, unguarded and unordered."""
    framed: dict[UnitId, Action] = {}
    adopted: set[UnitId] = set()
    for frame in scene.desired.frames.values():
        session = adoptable(scene, frame)
        if session is not None:
            framed[frame.id] = adopt(scene, frame, session)
            adopted |= adopted_processes(frame)
        else:
            action = decide_frame(scene, frame)
            if action is not None:
                framed[frame.id] = action
    ran = _processes(scene, framed, adopted)
    gone = stops(scene)
    made = [*gone, *framed.values(), *ran, *workspaces(scene)]
    return [*made, *_broken(scene, [*gone, *ran])]


def _processes(scene: Scene, framed: dict[UnitId, Action], adopted: set[UnitId]) -> list[Action]:
    found: list[Action] = []
    kept = {unit for action in framed.values() for unit in placeholders(action)}
    for process in scene.desired.processes.values():
        if process.id in adopted:
            continue
        if process.held is not None:
            found.append(broken_hold(process.id, process.held))
            continue
        if _starts_with_frame(scene, process, framed):
            continue
        action = decide(scene, process)
        carry = agent_carry(scene, process, kept)
        actions = [action] if action is not None else []
        if carry is not None:
            actions = with_carry(scene, process, carry, action)
        if actions and process.frame == process.id and process.id in framed:
            actions = _joined(scene, framed.pop(process.id), actions)
        found += actions
    return found


def _starts_with_frame(scene: Scene, process: Process, framed: dict[UnitId, Action]) -> bool:
    """What is absent is made by its frame's action: a lone agent, and a Session's own pane unless
    it cannot start."""
    unit = process.id
    if unit in scene.match.panes or unit in scene.match.places:
        return False
    if process.frame == unit:
        return True
    if unit.kind != "session" or unit in scene.world.facts.refusals:
        return False
    return owner(unit) in framed


def _joined(scene: Scene, frame: Action, actions: list[Action]) -> list[Action]:
    """One unit, one action: the session of a lone agent and the process in it.

    A hold of either is said beside the other's move. But while its own session cannot be made, an
    agent that moves there keeps its mark, which is the proof that it has yet to move.
    """
    process, *held = actions
    if frame.verb is Verb.HOLD and is_reseated(scene, scene.desired.processes[process.unit]):
        return [frame]
    if Verb.HOLD in (frame.verb, process.verb):
        return [frame, *actions]
    joined = replace(
        process,
        detail="; ".join(filter(None, (frame.detail, process.detail))),
        changes=(*frame.changes, *process.changes),
        expects=tuple(dict.fromkeys((*frame.expects, *process.expects))),
        steps=(*frame.steps, *process.steps),
        needs=tuple(dict.fromkeys((*frame.needs, *process.needs))),
    )
    return [joined, *held]


def _broken(scene: Scene, actions: list[Action]) -> list[Action]:
    """Say of each unit whose file could not be read that it is left as it is."""
    said = {action.unit for action in actions}
    broken = scene.desired.broken or {}
    return [broken_hold(unit, problem) for unit, problem in broken.items() if unit not in said]


def broken_hold(unit: UnitId, problem: Problem) -> Action:
    """Return the hold of a unit whose file has an error."""
    return Action(
        Verb.HOLD,
        unit,
        Reason.BROKEN,
        detail=f"{problem.where}: {problem.what}",
        source=Source(problem.path, problem.line),
        fix=problem.fix,
    )
