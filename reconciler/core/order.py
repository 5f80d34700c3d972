"""`after` means after: what an action needs comes before it, or it does not come at all."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from reconciler.core.housing import usable
from reconciler.core.processes import ended_for_good
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import Signal, TypeLines

_RANK = {Verb.ADOPT: 0, Verb.UPDATE: 1, Verb.STOP: 2, Verb.RESTART: 3, Verb.START: 4}
"""What is made in a session comes before what goes from it, which could be its last pane."""


def order(scene: Scene, actions: list[Action]) -> tuple[Action, ...]:
    """Return adoptions, updates, stops, restarts, then starts after what they need, then holds.

    An action whose need neither runs already nor moves in this plan becomes a hold, and so does
    whatever needs it in turn.
    """
    moves = sorted(
        (a for a in actions if a.verb is not Verb.HOLD), key=lambda a: (_RANK[a.verb], a.unit)
    )
    holds = [a for a in actions if a.verb is Verb.HOLD]
    held = frozenset(a.unit for a in holds if a.unit not in scene.desired.processes)
    sorted_moves, waiting = _topological(scene, moves, held)
    return (*sorted_moves, *sorted([*holds, *waiting], key=lambda a: a.unit))


def _topological(
    scene: Scene, moves: list[Action], held: frozenset[UnitId]
) -> tuple[list[Action], list[Action]]:
    """Return the moves in an order that keeps every need, and those whose need never comes."""
    by_unit = _by_unit(moves)
    unmet = {
        id(a): {unit for unit in a.needs if not _met(scene, unit, by_unit, held)} for a in moves
    }
    followers: dict[UnitId, list[Action]] = {}
    for action in moves:
        for unit in unmet[id(action)]:
            followers.setdefault(unit, []).append(action)
    ready = deque(a for a in moves if not unmet[id(a)])
    done: list[Action] = []
    while ready:
        action = ready.popleft()
        done.append(action)
        if by_unit.get(action.unit) is not action or not _brings(scene, action):
            continue
        for follower in followers.get(action.unit, ()):
            unmet[id(follower)].discard(action.unit)
            if not unmet[id(follower)]:
                ready.append(follower)
    return done, [_waiting(a, unmet[id(a)]) for a in moves if unmet[id(a)]]


def _by_unit(moves: list[Action]) -> dict[UnitId, Action]:
    """Return each unit's move; a stop beside it removes a double, and brings nothing."""
    return {action.unit: action for action in moves if action.verb is not Verb.STOP}


def _brings(scene: Scene, action: Action) -> bool:
    """Whether the unit is there once the action is done. One that only asks its process to end
    brings nothing: what comes after waits for the new one."""
    if action.unit not in scene.desired.processes:
        return True
    asks = any(isinstance(step, Signal | TypeLines) for step in action.steps)
    return action.verb is not Verb.UPDATE and not asks


def _met(
    scene: Scene, unit: UnitId, by_unit: dict[UnitId, Action], held: frozenset[UnitId]
) -> bool:
    """A need is met by what is there already, unless this very plan makes it anew."""
    action, process = by_unit.get(unit), scene.desired.processes.get(unit)
    if unit.kind == "workspace":
        return usable(scene, unit)
    if process is None:
        return action is None and unit not in held and unit in scene.match.sessions
    if action is not None and action.verb is not Verb.UPDATE:
        return False
    stays = scene.match.alive(unit) and not process.stopped
    return stays or _completed(scene, unit)


def _completed(scene: Scene, unit: UnitId) -> bool:
    """Whether a process that runs once ended well: what comes after it may start."""
    process, pane = scene.desired.processes.get(unit), scene.match.panes.get(unit)
    if process is None or pane is None or not pane.dead or pane.exit_status != 0:
        return False
    return ended_for_good(process, pane)


def _waiting(action: Action, missing: set[UnitId]) -> Action:
    return replace(
        action,
        verb=Verb.HOLD,
        reason=Reason.DEPENDENCY,
        detail=f"waits for {', '.join(sorted(missing))}",
        steps=(),
        expects=(),
        changes=(),
    )


def waves(moves: tuple[Action, ...]) -> list[list[Action]]:
    """Cut ordered moves into waves: every need of an action is in an earlier wave."""
    level: dict[UnitId, int] = {}
    cut: list[list[Action]] = []
    for action in moves:
        at = max((level[unit] + 1 for unit in action.needs if unit in level), default=0)
        if action.verb is not Verb.STOP:
            level.setdefault(action.unit, at)
        while len(cut) <= at:
            cut.append([])
        cut[at].append(action)
    return cut
