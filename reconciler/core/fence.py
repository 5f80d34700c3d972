"""Hours in which nothing may be begun that ends something: no lease, or a closed window.

Healing goes on, and so does whatever an earlier pass began.
"""

from __future__ import annotations

from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb

_BY_COMMIT = frozenset({Reason.CHANGED, Reason.REMOVED, Reason.LEFTOVER, Reason.STOPPED_BY_WISH})
_NO_LEASE = (
    "the store does not answer, so another host might be in charge; nothing is ended until it does"
)
_CLOSED = "the window in which commits are followed closed before this was begun"


def unleased(scene: Scene, actions: list[Action]) -> list[Action]:
    """Hold back what begins to end something, or takes something over, while nobody can say who
    is in charge. Starts, heals and changes in place go on: two hosts would not share a server."""
    if scene.restraints.leased:
        return actions
    return [
        held(action, Reason.NO_LEASE, _NO_LEASE, fix="novaorch doctor") if _ends(action) else action
        for action in actions
    ]


def overrun(scene: Scene, actions: list[Action]) -> list[Action]:
    """Hold back what a commit asks for and nobody began in its window."""
    if scene.restraints.overrun or scene.consent.now:
        return actions
    opens = scene.restraints.opens
    return [
        held(action, Reason.WINDOW_CLOSED, _CLOSED, until=opens, fix="novaorch apply --now")
        if _begins(action) and action.reason in _BY_COMMIT
        else action
        for action in actions
    ]


def _begins(action: Action) -> bool:
    return action.verb is not Verb.HOLD and not action.continues


def _ends(action: Action) -> bool:
    """Whether a move begins to end something that is there, or to take it over."""
    if not _begins(action):
        return False
    if action.verb is Verb.ADOPT:
        return True
    if action.verb not in (Verb.STOP, Verb.RESTART) or action.reason not in _BY_COMMIT:
        return False
    return action.verb is Verb.STOP or any(not expect.dead for expect in action.expects)
