"""What keeps a move from being made now although wish and world ask for it: people, mostly.

Each restraint is a module of its own that turns moves into holds; here is only their order.
"""

from __future__ import annotations

import math

from reconciler.core.afford import afford
from reconciler.core.engaged import spare
from reconciler.core.fence import overrun, unleased
from reconciler.core.scene import Scene
from reconciler.core.storm import calm
from reconciler.core.suspend import still
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Withheld
from reconciler.model.ids import UnitId


def restrain(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every move that has to wait turned into a hold that says for what.

    The storm comes last: what is held for another reason takes no share of its bucket.
    """
    for restraint in (still, unleased, overrun, spare, afford, calm):
        actions = restraint(scene, actions)
    return [*actions, *(_withheld(commit) for commit in scene.desired.withheld)]


def _withheld(commit: Withheld) -> Action:
    """Say of a commit that it is not followed. No project can have this id: `commit` is no kind."""
    return Action(
        Verb.HOLD,
        UnitId.of("fleet", "commit", commit.commit[:12]),
        Reason.WITHHELD,
        detail=commit.detail,
        until=math.ceil(commit.until),
        fix=commit.fix,
    )
