"""Waiting for one's turn: another controller has the fleet, and this one takes over when it ends.

Meanwhile the remote is fetched and commits made here are pushed, so that both know all. Nothing is
started, ended or marked.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.cli import embassy, handover
from reconciler.loop.remote import Envoy
from reconciler.loop.tenure import Tenure
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import LeaseHeldError, NovaorchError
from reconciler.wiring import Wiring

LOOK_S = 1.0


@dataclass(slots=True)
class Standby:
    """One process that waits. What it waits for is said to `log`, once."""

    wiring: Wiring
    log: Callable[[str], None]
    _said: str = ""

    def wait(self) -> tuple[FleetSettings, Tenure] | None:
        """Return the right to act as soon as nobody else has it; None: told to end before that."""
        fleet = self.wiring.wishes.read().fleet
        envoy = embassy.envoy(self.wiring, fleet, self.log, lambda: None)
        try:
            with _told_to_end() as end:
                while True:
                    taken = self._looked(envoy)
                    if taken is not None or end.wait(LOOK_S):
                        return taken
        finally:
            envoy.close()

    def _looked(self, envoy: Envoy) -> tuple[FleetSettings, Tenure] | None:
        """Read what is wished for by now, and try to get the right to act on it.

        What cannot be followed yet may be mended by what the remote brings.
        """
        fleet = self.wiring.wishes.read().fleet
        try:
            desired = self.wiring.followed.read()
        except NovaorchError as error:
            envoy.of(fleet.remote)
            self._say(f"{error.what} ({error.why}) {error.fix}")
            return None
        tenure = self._tried(desired.fleet)
        if tenure is not None:
            return desired.fleet, tenure
        envoy.of(fleet.remote)
        envoy.know(self.wiring.followed.tips, desired.commit)
        return None

    def _tried(self, fleet: FleetSettings) -> Tenure | None:
        tenure = self.wiring.tenure(fleet)
        try:
            if tenure.begin():
                return tenure
            why = handover.holder(self.wiring, fleet)
        except LeaseHeldError as held:
            why = held.why
        tenure.end()
        self._say(why.partition(" until ")[0])  # the hour is another one with each renewal
        return None

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self.log(f"standing by: {why}")


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Yield what is set by SIGTERM or Ctrl-C."""
    end = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: end.set())
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
