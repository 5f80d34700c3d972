"""Nobody is interrupted: what would end a process at which somebody works waits until it is free.

Only a move that begins to end something waits. What was begun is finished, what fell is healed, and
what touches no process (a label, a layout, another seat) goes on at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.change import worst
from reconciler.core.leaving import inhabitant
from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.step import BeginRun, Close, Respawn, Signal, TypeLines
from reconciler.model.unit import Disruption
from reconciler.model.world import Engagement, Presence

NOW = "novaorch apply --now"


def spare(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with everything that would disturb somebody held, whole actions at a time.

    A person who says `now` lets it through.
    """
    if scene.consent.now or not scene.world.facts.presence:
        return actions
    running = _running(scene)
    return [_spared(scene, action, running) for action in actions]


def disturbed(scene: Scene, actions: Iterable[Action]) -> list[str]:
    """Return the panes in which these actions begin to end something, or under which they put
    another tree: who works there counts."""
    running = _running(scene)
    ends = (pane for action in actions for pane in _touched(scene, action))
    return list(dict.fromkeys(pane for pane in ends if pane in running))


def _running(scene: Scene) -> frozenset[str]:
    """Return the panes of ours in which something would end."""
    panes = (*scene.match.panes.values(), *scene.match.strays)
    return frozenset(
        pane.pane_id
        for pane in panes
        if not pane.dead and pane.mark is not None and not pane.mark.placeholder
    )


def _spared(scene: Scene, action: Action, running: frozenset[str]) -> Action:
    presence = scene.world.facts.presence
    panes = _touched(scene, action)
    at_work = [presence[p] for p in panes if p in running and p in presence]
    waits = [found for found in at_work if _counts(action, found)]
    if not waits:
        return action
    detail = "; ".join(dict.fromkeys(f"{found.kind}: {found.detail}" for found in waits))
    ends = [found.until for found in waits]
    return held(action, Reason.ENGAGED, detail, until=max(ends) if all(ends) else 0, fix=NOW)


def _touched(scene: Scene, action: Action) -> Iterator[str]:
    yield from _begun_by(action)
    if any(isinstance(step, BeginRun) for step in action.steps):
        pane = inhabitant(scene, action.unit)
        yield from () if pane is None else (pane.pane_id,)


def _begun_by(action: Action) -> Iterator[str]:
    """Yield the panes that an action takes away, or whose process it ends or asks to end; none of
    what an earlier pass began."""
    for step in () if action.continues else action.steps:
        match step:
            case Signal(pane=pane) | TypeLines(pane=pane) | Respawn(pane=pane):
                yield pane
            case Close(target=target):
                yield target
            case _:
                continue


def _counts(action: Action, found: Presence) -> bool:
    """Whether this presence is waited for.

    A change of the class `boundary` is made between two turns: it waits for the turn to end, and
    for nothing else. So it may meet a person who types, or an unsent draft, as every turn does. The
    tree of an agent may become another one under an unsent draft, too.
    """
    if action.reason is Reason.FINISHED:
        return found.kind is not Engagement.DRAFT
    if action.verb is Verb.RESTART and worst(action.changes) is Disruption.BOUNDARY:
        return found.kind is Engagement.BUSY
    return True
