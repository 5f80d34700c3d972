"""One controller at a time: an apply takes the lock, or lets the daemon that has it do the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from reconciler.adapters.state import holder as lock_holder
from reconciler.loop.cycle import Ports, Thought, consider
from reconciler.loop.tenure import Tenure
from reconciler.model.control import SILENT, Consent
from reconciler.model.fleet import FleetSettings
from reconciler.wiring import Wiring

PATIENCE_S = 60.0
LOOK_S = 0.05


@contextlib.contextmanager
def controller(wiring: Wiring, fleet: FleetSettings) -> Iterator[Tenure | None]:
    """Be the fleet's controller for a while; None when a daemon, or another apply, is it here.

    LeaseHeldError when it is elsewhere, where nothing can be handed over. Every host of this
    wiring, made before or after, writes with the epoch of this tenure.
    """
    tenure = wiring.tenure(fleet)
    try:
        yield tenure if tenure.begin() else None
    finally:
        tenure.end()


def holder(wiring: Wiring, fleet: FleetSettings) -> str:
    """Return who has the lock, in words."""
    return lock_holder(wiring.state(fleet).lock)


def let_daemon(wiring: Wiring, ports: Ports, confirm: str, now: bool = False) -> Thought:
    """Nudge the daemon, watch until nothing moves any more, and return the last look.

    What a person said, the word `confirm` and that it is to be `now`, is handed over too.
    """
    consent = Consent(confirm, now)
    desired = wiring.followed.read("", consent)
    if confirm or now:
        wiring.state(desired.fleet).confirm(confirm, now)
    nudge(wiring)
    deadline = wiring.clock.now() + PATIENCE_S
    while True:
        thought = consider(ports, wiring.followed.read("", consent), consent)
        busy = thought.plan.moves or any(hold.continues for hold in thought.plan.holds)
        if not busy and consent != SILENT:  # let through here; by the daemon, too?
            busy = wiring.followed.read().commit != thought.desired.commit
        if not busy or wiring.clock.now() > deadline:
            return thought
        wiring.clock.sleep(LOOK_S)


def nudge(wiring: Wiring) -> None:
    """Write the byte that a git hook would write; nobody listening is no error."""
    with contextlib.suppress(OSError):
        fd = os.open(wiring.nudge, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            os.write(fd, b"u")
        finally:
            os.close(fd)
