"""`novaorch status`: every unit as it is now, read from tmux, not from a memory of it."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from reconciler.adapters.state import holder_pid
from reconciler.cli.agentview import limits, lines, reports
from reconciler.cli.app import Context
from reconciler.cli.handover import holder
from reconciler.cli.liaison import state as remote_state
from reconciler.cli.revision import AsJson
from reconciler.cli.statuspage import Picture, age, show, show_json
from reconciler.core.agents import described, remembered
from reconciler.core.conditions import dated
from reconciler.core.fold import fold
from reconciler.core.recollect import Recalled, believed, recollect
from reconciler.core.suspend import active
from reconciler.core.tally import tally
from reconciler.loop.cycle import Ports, consider
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.unit import Desired
from reconciler.wiring import Wiring

LOOK_S = 1.0


def command(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every second.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Show the four conditions.")] = False,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Show what the daemon saw last; do not look.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every unit: whether it is as wished, what it does, since when, and why not.

    Looks at tmux itself. When that does not answer, it shows what the daemon saw last; Unknown
    everywhere when nobody has looked for too long. What is suspended is never shown as all right.

    Exit code 0: everything is ready, and no newer commit is withheld. 1: something is not.

    Example: novaorch status --watch
    """
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    ports = wiring.ports(desired.fleet, accounts=limits(wiring, desired))
    while True:
        trouble: BlindError | None = None
        if recorded:
            picture = look_back(wiring, ports, desired)
        else:
            picture, trouble = _looked(wiring, ports, desired)
        if watch and not as_json:
            sys.stdout.write("\x1b[H\x1b[2J")
        show_json(picture) if as_json else show(picture, wide=wide)
        sys.stdout.flush()
        if not watch:
            if trouble is not None:
                raise trouble
            raise typer.Exit(0 if picture.tally.well else 1)
        time.sleep(LOOK_S)


def _looked(wiring: Wiring, ports: Ports, desired: Desired) -> tuple[Picture, BlindError | None]:
    """Look; when tmux does not answer, look back, if anything was written down."""
    try:
        return look(wiring, ports), None
    except BlindError as error:
        try:
            return look_back(wiring, ports, desired), error
        except NovaorchError:
            raise error from None


def look(wiring: Wiring, ports: Ports) -> Picture:
    """Take one look at everything. The hours of conditions are the daemon's, if it knows any."""
    thought = consider(ports, wiring.followed.read())
    scene, plan = thought.scene, thought.plan
    desired, now = scene.desired, scene.world.taken_at
    store, recalled = _store(wiring, desired.fleet)
    before = {status.unit: status for status in recalled.statuses} if recalled else {}
    statuses = fold(scene, plan)
    if recalled is not None and before:
        statuses = remembered(statuses, before, fresh=not recalled.stale(now))
        statuses = dated(before, statuses, now)
    statuses = described(statuses, reports(wiring, desired), {})
    return Picture(
        desired=desired,
        tally=tally(desired.fleet.name, desired.commit, statuses, desired.withheld, now),
        statuses=statuses,
        now=now,
        suspensions=active(scene.restraints.suspensions, now),
        daemon=_daemon(wiring, desired.fleet, recalled, now),
        store=store,
        plan=plan,
        remote=remote_state(wiring, desired.fleet),
        foreign=tuple(
            session.name
            for session in scene.world.sessions
            if session.mark is None or session.mark.fleet != desired.fleet.name
        ),
        lines=lines(wiring, desired),
    )


def look_back(wiring: Wiring, ports: Ports, desired: Desired) -> Picture:
    """Return what was written down last, believed as far as it is fresh.

    NovaorchError when no store answers, or nothing stands there.
    """
    now = wiring.clock.now()
    store, recalled = _store(wiring, desired.fleet)
    if recalled is None or not recalled.heartbeat:
        raise NovaorchError(
            "nothing was written down",
            why=f"store {store}" if recalled is None else "no daemon has told this store anything",
            fix="novaorch up; then look again",
        )
    statuses = believed(recalled, now)
    observed = recalled.commit or desired.commit
    return Picture(
        desired=desired,
        tally=tally(desired.fleet.name, observed, statuses, desired.withheld, now),
        statuses=statuses,
        now=now,
        suspensions=active(ports.restraints(now).suspensions, now),
        daemon=_daemon(wiring, desired.fleet, recalled, now),
        store=store,
        recorded=True,
        remote=remote_state(wiring, desired.fleet),
        lines=lines(wiring, desired),
    )


def _daemon(wiring: Wiring, fleet: FleetSettings, recalled: Recalled | None, now: float) -> str:
    """Say who keeps the fleet true, and when it was heard last if that is too long ago."""
    running = holder_pid(wiring.state(fleet).lock) is not None
    said = holder(wiring, fleet) if running else "not running (novaorch up)"
    if recalled is None or not recalled.heartbeat:
        return said
    if running and not recalled.stale(now):
        return f"{said}; heard {age(now - recalled.heartbeat)} ago"
    word = "NOT heard for" if running else "heard last"
    return f"{said}; {word} {age(now - recalled.heartbeat)}{'' if running else ' ago'}"


def _store(wiring: Wiring, fleet: FleetSettings) -> tuple[str, Recalled | None]:
    """Return the store in words, and what stands there; None when it does not answer."""
    try:
        store = wiring.store(fleet, start=False)
        try:
            return store.ping(), recollect(store.recall())
        finally:
            store.close()
    except NovaorchError as error:
        return f"down: {error.what}; sessions are kept true all the same", None
