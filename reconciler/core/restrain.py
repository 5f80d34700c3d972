"""What keeps a move from being made now although wish and world ask for it: people, mostly."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Withheld
from reconciler.model.ids import UnitId


def restrain(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every move that has to wait turned into a hold that says for what."""
    return [*actions, *(_withheld(commit) for commit in scene.desired.withheld)]


def _withheld(commit: Withheld) -> Action:
    """Say of a commit that it is not followed. No project can have this id: `commit` is no kind."""
    return Action(
        Verb.HOLD,
        UnitId.of("fleet", "commit", commit.commit[:12]),
        Reason.WITHHELD,
        detail=commit.detail,
        until=int(commit.until),
        fix=commit.fix,
    )


def held(action: Action, reason: Reason, detail: str, *, until: float = 0, fix: str = "") -> Action:
    """Return the action as a step not taken."""
    return replace(
        action,
        verb=Verb.HOLD,
        reason=reason,
        detail=detail,
        steps=(),
        until=int(-(-until // 1)),
        fix=fix,
    )
