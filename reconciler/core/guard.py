"""The last word before anything is stopped: unknown is not absent, much at once is a mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.absence import implausible, is_protected
from reconciler.core.diff import broken_hold
from reconciler.core.leaving import agent_of
from reconciler.core.match import owner
from reconciler.core.scene import Scene
from reconciler.core.stops import group
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.problems import Problem
from reconciler.model.step import CloseWorkspace

_REPLICA = re.compile(r"-[0-9]+$")


def guard(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every unsafe stop turned into a hold that says how to confirm it.

    Stops that an earlier pass began go on. The word of consent is the one that a refused plan
    printed; it lifts the refusal of exactly those stops, and never that of a tree with errors.
    """
    due = [action for action in actions if _is_due(action)]
    if not due:
        return actions
    if not scene.desired.settled:
        held = {id(action): _unsettled(scene, action) for action in due}
        return [held.get(id(action), action) for action in actions]
    kept = {id(a): _protected(scene, a) for a in due if _is_protected(scene, a)}
    refused = _refused(scene, [action for action in due if id(action) not in kept])
    token = confirmation([action for action, _, _ in refused])
    if scene.consent.word != token:
        kept |= {id(a): _refusal(a, reason, detail, token) for a, reason, detail in refused}
    return [kept.get(id(action), action) for action in actions]


def confirmation(refused: list[Action]) -> str:
    """Return the word that confirms exactly these stops of exactly these processes and trees."""
    names = sorted(" ".join([a.unit, *_seen(a)]) for a in refused)
    return digest(list[Json](names))[:8]


def _seen(action: Action) -> Iterator[str]:
    yield from (f"{e.pane_id}:{e.pid}" for e in action.expects)
    yield from (f"{s.branch}:{s.tip}" for s in action.steps if isinstance(s, CloseWorkspace))


def _is_protected(scene: Scene, action: Action) -> bool:
    tree = scene.world.workspaces.get(action.unit)
    if tree is not None:
        return tree.protect
    seen = {expect.pane_id for expect in action.expects}
    return is_protected([pane for pane in scene.match.strays if pane.pane_id in seen])


def _protected(scene: Scene, action: Action) -> Action:
    """Hold what was protected when it was applied last, until its very own word is said."""
    token = confirmation([action])
    if scene.consent.word == token:
        return action
    detail = "nobody wants it any more, and its last manifest said protect: true"
    fix = "commit it back with protect: false, apply, and then remove it"
    refusal = _refusal(action, Reason.PROTECTED, detail, token)
    return replace(refusal, fix=f"{fix}; or {refusal.fix}")


def _is_due(action: Action) -> bool:
    begins = action.verb is Verb.STOP and not action.continues
    return begins and action.reason in (Reason.REMOVED, Reason.LEFTOVER)


def _unsettled(scene: Scene, action: Action) -> Action:
    problem = _problem_of(scene, action.unit)
    if problem is not None:
        return broken_hold(action.unit, problem)
    first = next(p for p in scene.desired.problems if p.severity == "error")
    return replace(
        action,
        verb=Verb.HOLD,
        reason=Reason.UNSETTLED,
        detail=f"nothing is stopped while a file has an error ({first.where}: {first.what})",
        steps=(),
        fix="novaorch validate",
    )


def _problem_of(scene: Scene, unit: UnitId) -> Problem | None:
    broken = scene.desired.broken or {}
    base = _owner(unit)
    return broken.get(base) or broken.get(UnitId(_REPLICA.sub("", base)))


def _refused(scene: Scene, due: list[Action]) -> list[tuple[Action, Reason, str]]:
    """Return the stops that are not plausible, each with its reason."""
    reason = Reason.PROJECT_GONE if scene.desired.processes else Reason.EMPTY
    why = {id(action): implausible(scene, action.unit) for action in due}
    refused = [(a, reason, why[id(a)]) for a in due if why[id(a)]]
    rest = [action for action in due if not why[id(action)]]
    fleet = scene.desired.fleet
    live = len({_case(scene, unit) for unit in _live(scene)})
    cases = len({_case(scene, action.unit) for action in rest})
    limit = max(fleet.stops_count_max, live * fleet.stops_percent_max // 100)
    if cases > limit:
        detail = f"{cases} stops in one plan, more than {limit} of {live}"
        refused += [(a, Reason.TOO_MANY_STOPS, detail) for a in rest]
    return refused


def _live(scene: Scene) -> list[UnitId]:
    strays = [pane.mark.unit for pane in scene.match.strays if pane.mark is not None]
    return [*scene.match.panes, *strays, *scene.world.workspaces]


def _case(scene: Scene, unit: UnitId) -> UnitId:
    """Return what a stop is one case with: a work tree goes with its agent."""
    return agent_of(unit) if unit.kind == "workspace" else group(scene, unit)


def _owner(unit: UnitId) -> UnitId:
    return agent_of(unit) if unit.kind == "workspace" else owner(unit)


def _refusal(action: Action, reason: Reason, detail: str, token: str) -> Action:
    return replace(
        action,
        verb=Verb.HOLD,
        reason=reason,
        detail=detail,
        steps=(),
        fix=f"novaorch apply --confirm {token}",
    )
