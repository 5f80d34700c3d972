"""What each agent with a budget has spent today, as its runtime and other hosts tell it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.budget import day_of, exceeded, unenforced
from reconciler.model.agent import Roster, Seat
from reconciler.model.capacity import Spending
from reconciler.model.ids import UnitId
from reconciler.ports.agents import Accounts, Records

FRESH_S = 5.0
"""What an agent has spent is read again when what is known of it is older than this."""


@dataclass(slots=True)
class Purse:
    """The spending of a fleet's agents. Any thread may ask; nobody waits for a store."""

    accounts: Accounts
    records: Records
    _spent: dict[UnitId, Spending] = field(default_factory=dict)
    _read_at: dict[UnitId, float] = field(default_factory=dict)
    _mute: dict[UnitId, bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def empty(self, seat: Seat, now: float) -> str:
        """Return why an agent may spend nothing more today, '' when it may."""
        return exceeded(seat.persona, self.spending(seat, now))

    def spending(self, seat: Seat, now: float) -> Spending | None:
        """Return what an agent has spent today; read anew when that is some seconds old."""
        if not bound(seat):
            return None
        day, unit = day_of(now), seat.unit
        with self._lock:
            known = self._spent.get(unit)
            known = known if known is not None and known.day == day else None
            read = self._read_at.get(unit)
            if read is not None and 0 <= now - read < FRESH_S:
                return known
            self._read_at[unit] = now
        found = self.records.spending(seat, day)
        with self._lock:
            self._mute[unit] = found is None
            if found is not None and (known is None or found.usd >= known.usd):
                self._spent[unit] = known = found
        return known

    def stale(self, unit: UnitId) -> None:
        """Note that an agent has just spent something: what is known is old."""
        with self._lock:
            self._read_at.pop(unit, None)

    def known(self) -> Mapping[UnitId, Spending]:
        """Return everything that was read."""
        with self._lock:
            return dict(self._spent)

    def warnings(self, roster: Roster) -> Mapping[UnitId, str]:
        """Return the agents whose budget cannot be enforced, or is used up, and why."""
        spent, found = self.known(), {}
        for unit, seat in roster.seats.items():
            tells = not self._mute.get(unit, False)
            why = unenforced(seat.persona, spent.get(unit), tells=tells)
            why = why or exceeded(seat.persona, spent.get(unit))
            if why:
                found[unit] = why
        return found

    def exchange(self, roster: Roster, now: float) -> None:
        """Tell the store what was spent here, and learn from it what was spent elsewhere."""
        with self._lock:
            for unit in self._spent.keys() - roster.seats.keys():
                del self._spent[unit]
        seats = [seat for seat in roster.seats.values() if bound(seat)]
        if not seats:
            return
        for seat in seats:
            before = self.known().get(seat.unit)
            found = self.spending(seat, now)
            if found is not None and found != before:
                self.accounts.spend(found)
        self._learn(self.accounts.spent(day_of(now)), {str(seat.unit) for seat in seats})

    def _learn(self, spent: Mapping[str, Spending], wanted: set[str]) -> None:
        """Take what others wrote of the same agents: a transcript may have gone with its host."""
        with self._lock:
            for unit, spending in spent.items():
                mine = self._spent.get(UnitId(unit))
                news = mine is None or mine.day != spending.day or spending.usd > mine.usd
                if unit in wanted and news:
                    self._spent[UnitId(unit)] = spending


def bound(seat: Seat) -> bool:
    """Whether an agent has a budget."""
    return seat.persona is not None and seat.persona.usd_per_day > 0
