"""`novaorch down`: the background daemon ends; what it started goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.state import holder_pid
from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

PATIENCE_S = 10.0


def command(
    ctx: typer.Context,
    store: Annotated[
        bool, typer.Option("--store", help="End the embedded store too; its data stay.")
    ] = False,
) -> None:
    """End the daemon. Every session goes on; `novaorch up` takes them up again as they are.

    Example: novaorch down --store
    """
    context: Context = ctx.obj
    wiring = context.wiring
    fleet = wiring.followed.read().fleet
    render.out(_end_daemon(wiring.state(fleet).lock))
    if store:
        render.out(_end_store(wiring, fleet))


def _end_daemon(path: Path) -> str:
    pid = holder_pid(path)
    if pid is None:
        return "No daemon was running."
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while holder_pid(path) == pid:
        if time.monotonic() > deadline:
            raise NovaorchError(
                f"the daemon (pid {pid}) did not end in {PATIENCE_S:.0f} s",
                fix=f"look at it (ps -p {pid}); as a last resort: kill -9 {pid}",
            )
        time.sleep(0.02)
    return f"The daemon (pid {pid}) ended; every session goes on."


def _end_store(wiring: Wiring, fleet: FleetSettings) -> str:
    ended = wiring.embedded(fleet).stop()
    return "The embedded store ended; its data stay." if ended else "No embedded store was running."
