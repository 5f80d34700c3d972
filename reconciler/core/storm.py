"""Many processes that fall at once have one cause. They rise a few at a time, not all together.

What was spent is read from the marks of the processes that rose lately, so it outlives the daemon.
Processes whose pane is gone, as when a whole server died, did not fall, and are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reconciler.core.backoff import ready_at
from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb


def calm(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every restart after a fall that exceeds the fleet's limit held.

    Who has been due the longest rises first.
    """
    fell = [a for a in actions if a.verb is Verb.RESTART and a.reason is Reason.EXITED]
    if not fell:
        return actions
    most = scene.desired.fleet.restarts_count_max
    spent = _spent(scene)
    free = max(0, most - len(spent))
    if len(fell) <= free:
        return actions
    queue = sorted(fell, key=lambda action: (_due(scene, action), action.unit))
    hours = [*spent, *[math.floor(scene.world.taken_at)] * free]
    detail = f"{len(spent) + len(fell)} fell at once: one cause, not many; its turn comes"
    late = {
        id(action): held(action, Reason.STORM, detail, until=_turn(scene, hours, place))
        for place, action in enumerate(queue[free:])
    }
    return [late.get(id(action), action) for action in actions]


def _spent(scene: Scene) -> list[int]:
    """Return the hours at which processes rose from a fall in the window that ends now.

    Marks keep whole seconds, rounded down; so a second that is not over yet counts in full.
    """
    window_s, now = scene.desired.fleet.restarts_window_s, math.floor(scene.world.taken_at)
    marks = (pane.mark for pane in scene.match.panes.values())
    return sorted(
        mark.started
        for mark in marks
        if mark is not None and mark.falls > 0 and 0 <= now - mark.started <= window_s
    )


def _due(scene: Scene, action: Action) -> float:
    """Return the hour from which a fallen process might have risen."""
    pane, process = scene.match.panes[action.unit], scene.desired.processes[action.unit]
    if pane.mark is None:
        return 0.0
    return ready_at(process.id, process.restart, pane.mark, scene.world.taken_at)


def _turn(scene: Scene, hours: Sequence[int], place: int) -> float:
    """Return when so many before it have made room again."""
    window_s = math.floor(scene.desired.fleet.restarts_window_s) + 1
    if not hours:
        return scene.world.taken_at + window_s
    rounds, left = divmod(place, len(hours))
    return hours[left] + window_s * (rounds + 1)
