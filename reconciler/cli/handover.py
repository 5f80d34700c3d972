"""One controller at a time: an apply takes the lock, or lets the daemon that has it do the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from reconciler.adapters.state import Lock
from reconciler.adapters.state import holder as lock_holder
from reconciler.loop.cycle import Ports, Thought, consider
from reconciler.model.control import Consent
from reconciler.model.unit import FleetSettings
from reconciler.wiring import Wiring

PATIENCE_S = 60.0
LOOK_S = 0.05


@contextlib.contextmanager
def controller(wiring: Wiring, fleet: FleetSettings) -> Iterator[Lock | None]:
    """Hold the fleet's lock for a while; None when a daemon, or another apply, has it."""
    state = wiring.state(fleet)
    state.make()
    lock = Lock.acquire(state.lock)
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


def holder(wiring: Wiring, fleet: FleetSettings) -> str:
    """Return who has the lock, in words."""
    return lock_holder(wiring.state(fleet).lock)


def let_daemon(wiring: Wiring, ports: Ports, confirm: str) -> Thought:
    """Nudge the daemon, watch until nothing moves any more, and return the last look."""
    desired = wiring.followed.read("", Consent(confirm))
    if confirm:
        wiring.state(desired.fleet).confirm(confirm)
    nudge(wiring)
    deadline = wiring.clock.now() + PATIENCE_S
    while True:
        thought = consider(ports, wiring.followed.read("", Consent(confirm)), Consent(confirm))
        busy = thought.plan.moves or any(hold.continues for hold in thought.plan.holds)
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
