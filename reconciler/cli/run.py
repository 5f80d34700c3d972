"""`novaorch run`: the daemon in the foreground."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from types import FrameType

import typer

from reconciler.adapters.state import Lock, StateDir
from reconciler.cli import handover
from reconciler.cli.app import Context
from reconciler.cli.errands import Errands
from reconciler.cli.publisher import Publisher
from reconciler.core.explain import clean
from reconciler.loop.daemon import Daemon
from reconciler.model.control import Consent
from reconciler.model.problems import LeaseHeldError
from reconciler.model.unit import FleetSettings
from reconciler.wiring import Wiring


def command(ctx: typer.Context) -> None:
    """Keep what runs as it is wished for, until SIGTERM or Ctrl-C; sessions go on after that.

    A git hook, a watch on the refs or a tmux event shortens the wait; without any of them it polls.

    Example: novaorch run
    """
    context: Context = ctx.obj
    wiring = context.wiring
    fleet = wiring.followed.read().fleet
    state = wiring.state(fleet)
    state.make()
    lock = Lock.acquire(state.lock)
    if lock is None:
        raise LeaseHeldError(
            "a daemon keeps this fleet true already",
            why=handover.holder(wiring, fleet),
            fix="look at it: novaorch status; or end it: novaorch down",
        )
    tenure = _Tenure(state, lock)
    try:
        _run(wiring, fleet, tenure)
    finally:
        tenure.lock.release()


@dataclass(slots=True)
class _Tenure:
    """The lock of this daemon. Whoever deletes its file lets another daemon begin beside it."""

    state: StateDir
    lock: Lock

    def renew(self) -> bool:
        """Take the lock anew if its file was deleted; False when another has it by now."""
        if self.lock.intact():
            return True
        self.state.make()
        fresh = Lock.acquire(self.state.lock)
        if fresh is None:
            return False
        self.lock.release()
        self.lock = fresh
        return True


def _run(wiring: Wiring, fleet: FleetSettings, tenure: _Tenure) -> None:
    trigger = wiring.nudges()
    followed = wiring.followed
    followed.mark.thorough, followed.log = True, log
    publisher = Publisher(wiring, log)
    errands = Errands(wiring, trigger.poke, log)

    def consented() -> Consent:
        if not tenure.renew():
            trigger.poke("stop")
            raise LeaseHeldError(
                "another daemon keeps this fleet true by now",
                why=f"the lock of this one was deleted; {handover.holder(wiring, fleet)}",
                fix="nothing: this one ends",
            )
        return tenure.state.consented()

    daemon = Daemon(
        wishes=followed,
        connect=lambda settings: wiring.ports(publisher.of(settings), trigger.poke),
        trigger=trigger,
        clock=wiring.clock,
        publish=publisher.publish,
        log=log,
        consented=consented,
        errands=errands.run,
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        trigger.poke("stop")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log(f"novaorch is watching {wiring.repository.root} (pid {os.getpid()})")
    for trouble in trigger.degraded:
        log(f"slower than it could be: {trouble}")
    followed.warm()
    gc.freeze()
    try:
        daemon.run()
    finally:
        trigger.close()
        errands.close()
        daemon.close()
        publisher.close()
        log("ended; every session goes on")


def log(text: str) -> None:
    """Write one line with its hour; log lines are never more than one line each.

    Nothing in it can paint the terminal that shows it.
    """
    hour = datetime.now().astimezone().isoformat(timespec="milliseconds")
    flat = clean(text.replace("\n", " "))
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{hour} {flat}\n")
        sys.stdout.flush()
