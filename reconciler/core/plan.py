"""The whole of thinking in one function: wish and photograph in, plan out."""

from __future__ import annotations

from reconciler.core.diff import diff
from reconciler.core.guard import guard
from reconciler.core.order import order
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Plan
from reconciler.model.ids import Json, digest
from reconciler.model.world import SeenPane


def plan(scene: Scene, confirmed: str = "") -> Plan:
    """Return what is to be done, guarded and in order, with what was noticed and left alone."""
    actions = order(scene, guard(scene, diff(scene), confirmed))
    moves = [fingerprint(action) for action in actions if action.verb != "hold"]
    desired = scene.desired
    return Plan(
        id=digest([desired.tree, desired.fleet.name, *moves])[:12],
        commit=desired.commit,
        tree=desired.tree,
        actions=actions,
        notices=tuple(notices(scene)),
    )


def fingerprint(action: Action) -> str:
    """Return what makes two actions the same: everything but hours and prose."""
    content: Json = [
        action.verb,
        action.unit,
        action.reason,
        action.wanted,
        [[c.field, c.wanted, c.applied] for c in action.changes],
        [[e.pane_id, e.pid, e.dead, e.unit] for e in action.expects],
        list(action.needs),
    ]
    return digest(content)


def notices(scene: Scene) -> list[str]:
    """Return what a person did by hand to things of ours; said, and left as it is."""
    said: list[str] = []
    for frame in scene.desired.frames.values():
        session = scene.match.sessions.get(frame.id)
        if session is None or session.mark is None:
            continue
        if session.name != frame.session and session.mark.digest == frame.digest:
            said.append(f"{frame.id}: its session was renamed to {session.name} by hand")
    return said


def panes_of(scene: Scene) -> list[SeenPane]:
    """Return every pane of ours that stands for something wanted."""
    return list(scene.match.panes.values())
