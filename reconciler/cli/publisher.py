"""Telling the store what is true. Connects when there is something to tell, and again when lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.status import Status
from reconciler.model.unit import FleetSettings
from reconciler.wiring import Wiring

if TYPE_CHECKING:
    from reconciler.adapters.store.redis_store import RedisStore

RETRY_S = 5.0
"""Between two tries to find or start a store."""


class Publisher:
    """The daemon's mouth: one store at a time, that of the fleet settings in force."""

    def __init__(self, wiring: Wiring, log: Callable[[str], None]) -> None:
        self._wiring = wiring
        self._log = log
        self._fleet: FleetSettings | None = None
        self._store: RedisStore | None = None
        self._not_before = 0.0
        self._why = ""

    def of(self, fleet: FleetSettings) -> FleetSettings:
        """Speak for these settings from now on."""
        if fleet != self._fleet:
            self.close()
            self._fleet = fleet
        return fleet

    def publish(self, commit: str, statuses: Sequence[Status], now: float) -> None:
        """Publish; BlindError when no store answers. Costs nothing while one is known to be out."""
        self._connected(now).publish(commit, statuses, now)

    def _connected(self, now: float) -> RedisStore:
        if self._store is not None:
            return self._store
        if self._fleet is None or now < self._not_before:
            raise BlindError("no store answers", why=self._why, fix="novaorch doctor")
        try:
            self._store = self._wiring.store(self._fleet, start=True)
        except NovaorchError as error:
            self._not_before, self._why = now + RETRY_S, error.what
            raise
        return self._store

    def close(self) -> None:
        """Let go of the connection; the embedded server goes on."""
        if self._store is not None:
            self._store.close()
            self._store = None
