"""The whole of thinking in one function: wish and photograph in, plan out."""

from __future__ import annotations

from reconciler.core.absence import wanted_again
from reconciler.core.diff import diff
from reconciler.core.guard import guard
from reconciler.core.notice import notices
from reconciler.core.order import order
from reconciler.core.restrain import restrain
from reconciler.core.scene import Scene
from reconciler.core.suspend import active, line
from reconciler.model.action import Action, Plan, Verb
from reconciler.model.ids import Json, digest
from reconciler.model.step import (
    BeginRun,
    CloseWorkspace,
    OpenPane,
    OpenWindow,
    Step,
    SwapPanes,
)


def plan(scene: Scene) -> Plan:
    """Return what is to be done, guarded and in order, with what was noticed and left alone."""
    actions = wanted_again(scene, order(scene, restrain(scene, guard(scene, diff(scene)))))
    moves = [fingerprint(action) for action in actions if action.verb is not Verb.HOLD]
    desired = scene.desired
    return Plan(
        id=digest([desired.tree, desired.fleet.name, *moves])[:12],
        commit=desired.commit,
        tree=desired.tree,
        actions=actions,
        notices=(*_said(scene), *notices(scene, {action.unit for action in actions})),
    )


def _said(scene: Scene) -> list[str]:
    """Return one line for each suspension, whether or not it holds anything just now."""
    now = scene.world.taken_at
    return [line(one, now) for one in active(scene.restraints.suspensions, now)]


def fingerprint(action: Action) -> str:
    """Return what makes two actions the same: everything but hours, commits and prose."""
    content: Json = [
        action.verb,
        action.unit,
        action.reason,
        action.wanted,
        [[c.field, c.wanted, c.applied] for c in action.changes],
        [[e.pane_id, e.pid, e.dead, e.unit] for e in action.expects],
        list(action.needs),
        [_trace(step) for step in action.steps],
    ]
    return digest(content)


def _trace(step: Step) -> Json:
    """Return what a step touches. What it writes there follows from the digest that is wanted."""
    first: str = getattr(step, step.__match_args__[0])
    match step:
        case OpenWindow(window=window):
            return ["OpenWindow", first, window.key, [p.mark.unit for p in window.panes]]
        case OpenPane(pane=pane, before=before):
            return ["OpenPane", first, pane.mark.unit, before]
        case SwapPanes(second=second):
            return ["SwapPanes", first, second]
        case BeginRun(tip=tip):
            return ["BeginRun", first, tip]
        case CloseWorkspace(path=path, branch=branch, tip=tip):
            return ["CloseWorkspace", first, path, branch, tip]
        case _:
            return [type(step).__name__, first]
