"""What a model account still allows. A limit is never a crash, and never a failed task."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.model.ids import Json


class Flow(enum.StrEnum):
    """What an account lets through."""

    OPEN = "open"
    PACE = "pace"
    """One start or wake at a time, some seconds apart."""
    DRAIN = "drain"
    """What works goes on; nothing new is begun."""
    CLOSED = "closed"
    """Nothing until an hour."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account's ledger as it stands. Times in epoch seconds.

    `until` is when it opens again, 0 when nobody knows. `strikes` counts limits in a row. `next_at`
    is the hour before which nothing more is admitted: starts and wakes go one after another.
    """

    name: str
    flow: Flow = Flow.OPEN
    until: float = 0.0
    strikes: int = 0
    next_at: float = 0.0
    why: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        return {
            "account": self.name,
            "flow": self.flow.value,
            "until": self.until,
            "strikes": self.strikes,
            "next_at": self.next_at,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Spending:
    """What one agent has used since the beginning of its day (UTC). `usd` -1: nobody knows."""

    unit: str
    day: str
    usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
