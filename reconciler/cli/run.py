"""`novaorch run`: the daemon in the foreground."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from types import FrameType
from typing import Annotated

import typer

from reconciler.cli import embassy, handover
from reconciler.cli.app import Context
from reconciler.cli.errands import Errands
from reconciler.cli.publisher import Publisher
from reconciler.cli.reception import Reception
from reconciler.cli.standby import Standby
from reconciler.core.explain import clean
from reconciler.core.lease import Standing
from reconciler.loop.cycle import Ports, Thought
from reconciler.loop.daemon import Daemon
from reconciler.loop.tenure import Tenure
from reconciler.model.control import Consent
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import LeaseHeldError
from reconciler.wiring import Wiring


def command(
    ctx: typer.Context,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait while another controller has the fleet.")
    ] = False,
) -> None:
    """Keep what runs as it is wished for, until SIGTERM or Ctrl-C; sessions go on after that.

    A git hook, a watch on the refs or a tmux event shortens the wait; without any of them it polls.

    Example: novaorch run
    """
    context: Context = ctx.obj
    wiring = context.wiring
    wiring.followed.mark.thorough, wiring.followed.log = True, log
    taken = Standby(wiring, log).wait() if standby else _taken(wiring)
    if taken is None:
        return
    fleet, tenure = taken
    try:
        _run(wiring, fleet, tenure)
    finally:
        tenure.end()
    if tenure.lost is not None:
        raise tenure.lost


def _taken(wiring: Wiring) -> tuple[FleetSettings, Tenure]:
    """Take the right to act. LeaseHeldError: somebody has it."""
    fleet = wiring.followed.read().fleet
    tenure = wiring.tenure(fleet)
    if not tenure.begin():
        raise LeaseHeldError(
            "a daemon keeps this fleet true already",
            why=handover.holder(wiring, fleet),
            fix="look at it: novaorch status; or end it: novaorch down; or wait: --standby",
        )
    return fleet, tenure


def _run(wiring: Wiring, fleet: FleetSettings, tenure: Tenure) -> None:
    trigger = wiring.nudges()
    followed = wiring.followed
    reception = Reception(wiring, fleet, log, trigger.poke)
    envoy = embassy.envoy(wiring, fleet, log, lambda: trigger.poke("watch"))
    reception.staff = embassy.behind_the_gate(reception.staff, wiring, envoy)
    publisher = Publisher(wiring, log, trigger.poke, reception)
    errands = Errands(wiring, trigger.poke, log)

    seat = Seat(wiring, fleet, tenure, trigger.poke)
    tenure.changed = seat.told

    def consented() -> Consent:
        tenure.check()
        return wiring.state(fleet).consented()

    def connect(settings: FleetSettings) -> Ports:
        seat.move(settings)
        publisher.meter.leased(seat.epoch)
        reception.of(settings)
        envoy.of(settings.remote)
        ports = wiring.ports(publisher.of(settings), trigger.poke, reception.accounts)
        return replace(ports, chronicle=wiring.chronicle(settings, say=log, thorough=True))

    def settle(thought: Thought) -> bool:
        reception.take(thought)
        envoy.know(followed.tips, thought.desired.commit)
        return followed.settle(thought)

    daemon = Daemon(
        wishes=followed,
        connect=connect,
        trigger=trigger,
        clock=wiring.clock,
        publish=publisher.publish,
        log=log,
        consented=consented,
        errands=errands.run,
        settle=settle,
        meter=publisher.meter,
        fleet=fleet,
    )

    _ended_by_signals(trigger.poke)
    log(f"novaorch is watching {wiring.repository.root} (pid {os.getpid()})")
    for trouble in trigger.degraded:
        log(f"slower than it could be: {trouble}")
    if tenure.standing(wiring.clock.now()) is not Standing.HELD:
        seat.told()
    followed.warm()
    gc.freeze()
    try:
        daemon.run()
    finally:
        for opened in (trigger, errands, envoy, daemon, reception, publisher):
            opened.close()
        log("ended; every session goes on")


def _ended_by_signals(poke: Callable[[str], None]) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        poke("stop")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


@dataclass(slots=True)
class Seat:
    """Where this daemon has its right to act, and whom it tells when that changes."""

    wiring: Wiring
    fleet: FleetSettings
    tenure: Tenure
    poke: Callable[[str], None]

    @property
    def epoch(self) -> int:
        """The number that this daemon's writes carry."""
        return self.tenure.epoch

    def told(self) -> None:
        """Say how the tenure stands; end when it is lost, look again when it is confirmed."""
        now = self.tenure.standing(self.wiring.clock.now())
        if now is Standing.LOST and self.tenure.lost is not None:
            log(f"{self.tenure.lost.what}: {self.tenure.lost.why}")
            self.poke("stop")
        elif now is Standing.UNCONFIRMED:
            log(f"the lease is not confirmed, so nothing is ended by us: {self.tenure.trouble}")
        else:
            log(f"the lease is confirmed: epoch {self.tenure.epoch}")
            self.poke("poll")

    def move(self, settings: FleetSettings) -> None:
        """Take the locks and the lease that these settings name."""
        if _places(settings) != _places(self.fleet):
            self.tenure.move(self.wiring.stakes(settings))
            self.fleet = settings


def _places(fleet: FleetSettings) -> tuple[str, ...]:
    return fleet.socket, fleet.store_url, fleet.store_password


def log(text: str) -> None:
    """Write one line with its hour; log lines are never more than one line each.

    Nothing in it can paint the terminal that shows it.
    """
    hour = datetime.now().astimezone().isoformat(timespec="milliseconds")
    flat = clean(text.replace("\n", " "))
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{hour} {flat}\n")
        sys.stdout.flush()
