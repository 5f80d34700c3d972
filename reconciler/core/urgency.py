"""What is done first when there is much to do: for a person, for a commit, against drift."""

from __future__ import annotations

import enum

from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Consent
from reconciler.model.step import MarkFrame, MarkPane, MarkWindow


class Urgency(enum.IntEnum):
    """Why a move is made, the most pressing first."""

    USER = 0
    COMMIT = 1
    DRIFT = 2
    RESYNC = 3


_MARKS = (MarkPane, MarkFrame, MarkWindow)
_DRIFT = frozenset({Reason.EXITED, Reason.MISPLACED, Reason.LEFTOVER})
_RESYNC = frozenset({Reason.EDITED, Reason.ABSENCE})


def urgency(action: Action, consent: Consent) -> Urgency:
    """Return how pressing a move is.

    With somebody's consent the whole plan is theirs: they wait for it. What is absent counts as
    asked for by a commit: that it ran before is not known. Finishing what was begun comes first.
    """
    if consent.word or consent.now or action.continues:
        return Urgency.USER
    if action.reason in _RESYNC:
        return Urgency.RESYNC
    if action.reason in _DRIFT:
        return Urgency.DRIFT
    idle = action.verb is Verb.UPDATE and not action.changes
    return Urgency.RESYNC if idle else Urgency.COMMIT


def portions(wave: list[Action], consent: Consent, size: int) -> list[list[Action]]:
    """Cut a wave into portions of at most `size`, the most pressing moves first.

    Between two of them a newer commit, or a person, gets a word in. What fits into one portion
    keeps the order of the plan, and so does what is equally pressing. What is made in a session
    comes before what goes from it, however pressing that is: it could be its last pane.
    """
    if len(wave) <= size:
        return [wave] if wave else []
    pressing = sorted(wave, key=lambda a: (not _makes_room(a), urgency(a, consent)))
    return [pressing[n : n + size] for n in range(0, len(pressing), size)]


def _makes_room(action: Action) -> bool:
    """Whether an action makes, moves or takes over something in a session that is there."""
    if action.verb is Verb.ADOPT:
        return True
    return action.verb is Verb.UPDATE and not all(isinstance(s, _MARKS) for s in action.steps)
