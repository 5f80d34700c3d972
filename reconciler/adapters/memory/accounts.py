"""The ledger of accounts in dictionaries, as strict as a real one; answers nothing while down."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from reconciler.core.ledgertext import (
    DAY,
    account_of_text,
    account_text,
    larger,
    spending_of_text,
    spending_text,
)
from reconciler.model.capacity import Account, Spending
from reconciler.model.problems import BlindError, NovaorchError


class MemoryAccounts:
    """What `RedisAccounts` does, without a server (`ports.agents.Accounts`).

    `down` makes every call a BlindError; `wipe` forgets all, as FLUSHALL does. `texts` holds what
    stands there, so that a test can put garbage into it.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.spendings: dict[tuple[str, str], str] = {}
        self.down = False
        self._lock = threading.Lock()

    def read(self, names: Iterable[str]) -> Mapping[str, Account]:
        """See `Accounts.read`."""
        self._answer()
        return {name: account_of_text(name, self.texts.get(name, "")) for name in names}

    def swap(self, before: Account, after: Account) -> bool:
        """See `Accounts.swap`."""
        self._answer()
        with self._lock:
            if account_of_text(before.name, self.texts.get(before.name, "")) != before:
                return False
            self.texts[after.name] = account_text(after)
            return True

    def spend(self, spending: Spending) -> None:
        """See `Accounts.spend`."""
        self._answer()
        key = (_checked(spending.day), spending.unit)
        with self._lock:
            before = spending_of_text(spending.unit, spending.day, self.spendings.get(key, ""))
            kept = larger(spending, before) if before is not None else spending
            self.spendings[key] = spending_text(kept)

    def spent(self, day: str) -> Mapping[str, Spending]:
        """See `Accounts.spent`."""
        self._answer()
        _checked(day)
        rows = {unit: text for (of, unit), text in self.spendings.items() if of == day}
        read = {unit: spending_of_text(unit, day, text) for unit, text in rows.items()}
        return {unit: found for unit, found in read.items() if found is not None}

    def close(self) -> None:
        """Nothing is open."""

    def wipe(self) -> None:
        """Forget everything."""
        self.texts, self.spendings = {}, {}

    def _answer(self) -> None:
        if self.down:
            raise BlindError("the store does not answer", why="it is down", fix="novaorch doctor")


def _checked(day: str) -> str:
    if not DAY.fullmatch(day):
        raise NovaorchError(
            "this is no day", why=f"it is {day!r}", fix="give it as YYYY-MM-DD, in UTC"
        )
    return day
