"""`novaorch status`: every unit as it is now, read from tmux, not from a memory of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from reconciler.adapters.state import holder_pid
from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.handover import holder
from reconciler.cli.revision import AsJson
from reconciler.core.explain import clean, summary
from reconciler.core.fold import fold
from reconciler.loop.cycle import Ports, Thought, consider
from reconciler.model.problems import NovaorchError
from reconciler.model.status import Ready, Status
from reconciler.wiring import Wiring

LOOK_S = 1.0
_COLUMNS = ("UNIT", "READY", "STATE", "SESSION", "PID", "AGE", "FALLS", "COMMIT", "MESSAGE")


@dataclass(frozen=True, slots=True)
class Picture:
    """One look: units, sessions of other people on the same server, daemon and store in words."""

    thought: Thought
    statuses: tuple[Status, ...]
    foreign: tuple[str, ...]
    daemon: str
    store: str


def command(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every second.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every unit: whether it is as wished, what it does, since when, and why not.

    Exit code 0: everything is ready. 1: something is not.

    Example: novaorch status --watch
    """
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    ports = wiring.ports(desired.fleet)
    while True:
        picture = look(wiring, ports)
        if watch and not as_json:
            sys.stdout.write("\x1b[H\x1b[2J")
        (_print_json if as_json else _print)(picture)
        sys.stdout.flush()
        if not watch:
            raise typer.Exit(0 if all(s.ready is Ready.TRUE for s in picture.statuses) else 1)
        time.sleep(LOOK_S)


def look(wiring: Wiring, ports: Ports) -> Picture:
    """Take one look at everything."""
    thought = consider(ports, wiring.followed.read())
    scene = thought.scene
    fleet = scene.desired.fleet
    foreign = [
        session.name
        for session in scene.world.sessions
        if session.mark is None or session.mark.fleet != fleet.name
    ]
    running = holder_pid(wiring.state(fleet).lock) is not None
    return Picture(
        thought=thought,
        statuses=fold(scene, thought.plan),
        foreign=tuple(foreign),
        daemon=holder(wiring, fleet) if running else "not running (novaorch up)",
        store=_store(wiring),
    )


def _store(wiring: Wiring) -> str:
    try:
        fleet = wiring.followed.read().fleet
        store = wiring.store(fleet, start=False)
        try:
            return store.ping()
        finally:
            store.close()
    except NovaorchError as error:
        return f"down: {error.what}; sessions are kept true all the same"


def _print_json(picture: Picture) -> None:
    for status in picture.statuses:
        render.record("status", **status.as_json())
    for name in picture.foreign:
        render.record("foreign", session=name)
    plan = picture.thought.plan
    render.record(
        "fleet",
        name=picture.thought.desired.fleet.name,
        commit=plan.commit,
        daemon=picture.daemon,
        store=picture.store,
        moves=len(plan.moves),
        held=len(plan.holds),
    )


def _print(picture: Picture) -> None:
    desired = picture.thought.desired
    now = picture.thought.scene.world.taken_at
    for line in table([_COLUMNS, *(_row(s, now) for s in picture.statuses)]):
        render.out(line)
    if not picture.statuses:
        render.out("(nothing is wished for yet: commit a file to desired-state/)")
    render.out("")
    subject = f" {clean(desired.subject)}" if desired.subject else ""
    render.out(f"fleet   {desired.fleet.name} at {desired.commit[:12]}{subject}")
    render.out(f"daemon  {picture.daemon}")
    render.out(f"store   {clean(picture.store)}")
    if picture.foreign:
        names = ", ".join(clean(name) for name in picture.foreign)
        render.out(f"others  {names} (not ours; never touched)")
    render.out(summary(picture.thought.plan))


def _row(status: Status, now: float) -> tuple[str, ...]:
    return (
        clean(status.unit),
        status.ready.value,
        status.state,
        clean(status.session or "-"),
        str(status.pid) if status.pid else "-",
        age(now - status.since) if status.since else "-",
        str(status.falls) if status.falls else "-",
        status.commit[:8] or "-",
        clean(status.message),
    )


def age(seconds: float) -> str:
    """Return a duration in its two largest units: 5s, 3m10s, 2h5m, 4d1h."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (parts and name != "s"):
            parts.append(f"{count}{name}")
    return "".join(parts[:2]) or "0s"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned columns, the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
