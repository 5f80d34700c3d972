"""Gives up what waits for receivers that left the fleet, after a grace; nothing of it is dropped.

Remembers in memory since when somebody has been gone: another life of the daemon waits anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.core.address import PERSON
from reconciler.core.admission import given_up
from reconciler.model.agent import Roster
from reconciler.model.ids import UnitId
from reconciler.model.message import Proof, Stage
from reconciler.ports.agents import Mail

AT_ONCE = 100


class LostMail:
    """Looks through the receivers of open messages for those who are in no roster any more."""

    def __init__(self, mail: Mail, roster: Callable[[], Roster]) -> None:
        self._mail, self._roster = mail, roster
        self._gone: dict[str, float] = {}

    def look(self, waiting: Iterable[str], now: float) -> None:
        """Make dead letters of what waits too long; `waiting` are all who have something open.

        An empty roster proves nothing. An hour before the last one is a clock set back: from then.
        """
        seats = self._roster().seats
        missing = [w for w in waiting if not w.startswith(PERSON) and UnitId(w) not in seats]
        if not seats:
            missing = []
        self._gone = {who: min(self._gone.get(who, now), now) for who in missing}
        for who, since in self._gone.items():
            why = given_up(now - since)
            if why:
                proof = Proof(Stage.DEAD, now, why)
                waits = self._mail.inbox(who, AT_ONCE)
                self._mail.prove([(kept.message.id, proof) for kept in waits])
