"""How a move, and a step not taken, are said: the parts that every corner of the differ repeats."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.scene import expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.step import Step
from reconciler.model.unit import Frame, Process, Workspace
from reconciler.model.world import SeenPane

Thing = Process | Frame | Workspace


def move(
    verb: Verb, thing: Thing, reason: Reason, steps: Iterable[Step], *panes: SeenPane
) -> Action:
    """Return what is done to `thing`; `panes` must still be what they were when it is done."""
    return Action(
        verb,
        thing.id,
        reason,
        wanted=thing.digest,
        source=thing.source,
        expects=tuple(expect(pane) for pane in panes),
        steps=tuple(steps),
    )


def hold(thing: Thing, reason: Reason, detail: str, *, until: float = 0, fix: str = "") -> Action:
    """Return the step not taken, and why. `until` is an epoch second."""
    return Action(
        Verb.HOLD,
        thing.id,
        reason,
        wanted=thing.digest,
        detail=detail,
        source=thing.source,
        until=math.ceil(until),
        fix=fix,
    )


def held(action: Action, reason: Reason, detail: str, *, until: float = 0, fix: str = "") -> Action:
    """Return an action as a step not taken, and why. `until` is an epoch second."""
    return replace(
        action,
        verb=Verb.HOLD,
        reason=reason,
        detail=detail,
        steps=(),
        until=math.ceil(until),
        fix=fix,
    )
