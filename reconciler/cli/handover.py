"""One controller at a time: an apply takes the lock, or lets the daemon that has it do the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from reconciler.adapters.state import Lock
from reconciler.adapters.state import holder as lock_holder
from reconciler.cli import render
from reconciler.loop.cycle import Ports, consider
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


def let_daemon(wiring: Wiring, ports: Ports, confirm: str, as_json: bool) -> int:
    """Nudge the daemon and watch until the plan is empty; return apply's exit code."""
    desired = wiring.wishes.read()
    if confirm:
        path = wiring.state(desired.fleet).root / "confirmed"
        path.write_text(confirm, encoding="ascii")
    if not as_json:
        render.out(f"Handed over: {holder(wiring, desired.fleet)}.")
    nudge(wiring)
    deadline = wiring.clock.now() + PATIENCE_S
    while True:
        thought = consider(ports, wiring.wishes.read())
        settled = not thought.plan.moves and not any(h.continues for h in thought.plan.holds)
        if settled or wiring.clock.now() > deadline:
            break
        wiring.clock.sleep(LOOK_S)
    if as_json:
        render.plan_records(thought.plan)
    else:
        render.plan(thought.plan)
    return 0 if settled and not thought.plan.holds else 1


def nudge(wiring: Wiring) -> None:
    """Write the byte that a git hook would write; nobody listening is no error."""
    with contextlib.suppress(OSError):
        fd = os.open(wiring.nudge, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            os.write(fd, b"u")
        finally:
            os.close(fd)
