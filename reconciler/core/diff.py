"""Desired minus World: the actions that turn what is into what must be. Touches nothing."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.adopt import adopt, adoptable, adopted_processes
from reconciler.core.frames import decide_frame
from reconciler.core.match import match
from reconciler.core.processes import decide
from reconciler.core.scene import Scene
from reconciler.core.stops import owner, stops
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.problems import Problem
from reconciler.model.unit import Desired, Source
from reconciler.model.world import World


def scene_of(desired: Desired, world: World) -> Scene:
    """Pair the wish with the photograph."""
    return Scene(desired, world, match(desired, world))


def diff(scene: Scene) -> list[Action]:
    """Return every move that is due and every step not taken, ungarded and unordered."""
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
    return [*gone, *framed.values(), *ran, *_broken(scene, gone)]


def _processes(scene: Scene, framed: dict[UnitId, Action], adopted: set[UnitId]) -> list[Action]:
    found: list[Action] = []
    for process in scene.desired.processes.values():
        if process.id in adopted:
            continue
        lone = process.frame == process.id
        if lone and process.id not in scene.match.panes:
            continue  # its frame's action starts it
        if not lone and _starts_with_frame(scene, process.id, framed):
            continue
        action = decide(scene, process)
        if action is None:
            continue
        if lone and process.id in framed:
            framed[process.id] = _joined(framed[process.id], action)
        else:
            found.append(action)
    return found


def _starts_with_frame(scene: Scene, unit: UnitId, framed: dict[UnitId, Action]) -> bool:
    """A Session's own pane that is absent is made by its frame's action, unless it cannot start."""
    if unit in scene.match.panes or unit in scene.match.places:
        return False
    if unit.kind != "session" or unit in scene.world.facts.refusals:
        return False
    return owner(unit) in framed


def _joined(frame: Action, process: Action) -> Action:
    """One unit, one action: the session's settings and the process in it."""
    if Verb.HOLD in (frame.verb, process.verb):
        return process if frame.verb is Verb.HOLD else frame
    return replace(
        process,
        changes=(*frame.changes, *process.changes),
        expects=(*frame.expects, *process.expects),
        steps=(*frame.steps, *process.steps),
        needs=tuple(dict.fromkeys((*frame.needs, *process.needs))),
    )


def _broken(scene: Scene, gone: list[Action]) -> list[Action]:
    """Say of each unit whose file could not be read that it is left as it is."""
    said = {action.unit for action in gone}
    broken = scene.desired.broken or {}
    return [broken_hold(unit, problem) for unit, problem in broken.items() if unit not in said]


def broken_hold(unit: UnitId, problem: Problem) -> Action:
    """Return the hold of a unit whose file has an error."""
    return Action(
        Verb.HOLD,
        unit,
        Reason.BROKEN,
        detail=f"{problem.place}: {problem.what}",
        source=Source(problem.path, problem.line),
        fix=problem.fix,
    )
