"""Telling what is true: to the store, and to whoever asks at the gate.

Connects to a store when there is something to tell, and again when it was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.gatekeeper import Gatekeeper
from reconciler.core.conditions import dated
from reconciler.core.recollect import recollect
from reconciler.gate.pages import Known
from reconciler.loop.meter import Meter
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.status import Status
from reconciler.wiring import Wiring

if TYPE_CHECKING:
    from reconciler.adapters.store.ears import Ears
    from reconciler.adapters.store.redis_store import RedisStore
    from reconciler.cli.reception import Reception

RETRY_S = 5.0
"""Between two tries to find or start a store."""
JITTER = 1.1
"""A pass comes at most so many times the poll interval after the one before."""


class Publisher:
    """The daemon's mouth: one store at a time, that of the fleet settings in force, and one gate.

    `meter` counts what the daemon does; the gate tells it. `poke` hears `store` when somebody says
    a word there, and when a lost store is back; None for nobody. `reception` speaks with agents.
    """

    def __init__(
        self,
        wiring: Wiring,
        log: Callable[[str], None],
        poke: Callable[[str], None] | None = None,
        reception: Reception | None = None,
    ) -> None:
        self._wiring, self._poke = wiring, poke
        self._ears: Ears | None = None
        self._fleet: FleetSettings | None = None
        self._store: RedisStore | None = None
        self._not_before = 0.0
        self._why = ""
        self._reception = reception
        staff = reception.staff if reception is not None else None
        self._gate = Gatekeeper(wiring, self.known, log, staff)
        self._said: tuple[str, tuple[Status, ...]] = ("", ())
        self._before: Mapping[UnitId, Status] = {}
        self.meter = Meter()

    def of(self, fleet: FleetSettings) -> FleetSettings:
        """Speak for these settings from now on."""
        if fleet != self._fleet:
            self._let_go()
            self._fleet = fleet
        self._gate.of(fleet)
        return fleet

    def publish(self, commit: str, statuses: Sequence[Status], now: float) -> None:
        """Publish; BlindError when no store answers. Costs nothing while one is known to be out.

        The gate tells it in any case.
        """
        try:
            self._publish(commit, statuses, now)
        except NovaorchError:
            self.meter.stored(up=False)
            raise
        self.meter.stored(up=True)

    def _publish(self, commit: str, statuses: Sequence[Status], now: float) -> None:
        if self._reception is not None:
            statuses = self._gate.heard(self._reception.described(statuses))
        try:
            store = self._connected(now)
        finally:
            told = dated(self._before, statuses, now)
            self._said, self._before = (commit, told), {status.unit: status for status in told}
        store.publish(commit, told, now, every_s=self._every_s())

    def known(self) -> Known:
        """Return what is known now; the gate asks from a thread of its own."""
        commit, statuses = self._said
        return Known(
            fleet=self._fleet.name if self._fleet is not None else "",
            commit=commit,
            statuses=statuses,
            measured=self.meter.measured,
            now=self._wiring.clock.now(),
            every_s=self._every_s(),
        )

    def _every_s(self) -> float:
        return self._fleet.poll_s * JITTER if self._fleet is not None else 0.0

    def _connected(self, now: float) -> RedisStore:
        if self._store is not None:
            return self._store
        if self._fleet is None or now < self._not_before:
            raise BlindError("no store answers", why=self._why, fix="novaorch doctor")
        try:
            self._store = self._wiring.store(self._fleet, start=True)
            self._remember(self._store)
            if self._poke is not None:
                self._ears = self._wiring.ears(self._store, self._fleet, self._poke)
        except NovaorchError as error:
            self._not_before, self._why = now + RETRY_S, error.what
            raise
        return self._store

    def _remember(self, store: RedisStore) -> None:
        """Take the hours of what has not changed from the controller that was here before."""
        if not self._before:
            self._before = {s.unit: s for s in recollect(store.recall()).statuses}

    def close(self) -> None:
        """Close the gate and let go of the store; the embedded server goes on."""
        self._gate.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._ears is not None:
            self._ears.close()
            self._ears = None
        if self._store is not None:
            self._store.close()
            self._store = None
