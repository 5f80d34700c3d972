"""What is done first when there is much to do: for a person, for a commit, against drift."""

from __future__ import annotations

import enum

from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Consent


class Urgency(enum.IntEnum):
    """Why a move is made, the most pressing first."""

    USER = 0
    COMMIT = 1
    DRIFT = 2
    RESYNC = 3


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

    Between two of them a newer commit, or a person, gets a word in. The order within one urgency
    is that of the plan.
    """
    pressing = sorted(wave, key=lambda action: urgency(action, consent))
    return [pressing[n : n + size] for n in range(0, len(pressing), size)]
