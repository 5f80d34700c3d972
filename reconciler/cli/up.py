"""`novaorch up`: the daemon in the background."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import typer

from reconciler.adapters.state import holder_pid, told
from reconciler.cli import handover, render
from reconciler.cli.app import Context
from reconciler.model.problems import NovaorchError

PATIENCE_S = 10.0


def command(ctx: typer.Context) -> None:
    """Start `novaorch run` in the background, with its log in novaorch's state folder.

    Says so, and exits 0, when it runs already.

    Example: novaorch up && novaorch status
    """
    context: Context = ctx.obj
    wiring = context.wiring
    fleet = wiring.followed.read().fleet
    state = wiring.state(fleet)
    state.make()
    if holder_pid(state.lock) is not None:
        render.out(f"Up already: {handover.holder(wiring, fleet)}.")
        return
    child = _spawn(context.directory, state.log)
    deadline = time.monotonic() + PATIENCE_S
    while holder_pid(state.lock) != child.pid:
        if child.poll() is not None or time.monotonic() > deadline:
            raise NovaorchError(
                "the daemon did not come up",
                why=_last_line(state.log),
                fix=f"read {state.log}, or run it in the foreground: novaorch run",
            )
        time.sleep(0.02)
    render.out(f"Up: {handover.holder(wiring, fleet)}. Its log: {state.log}")


def _spawn(directory: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the daemon in a session of its own, so that no terminal takes it along."""
    command_line = [sys.executable, "-m", "reconciler.cli", "-C", str(directory), "run"]
    with told(log, "write"), log.open("ab", buffering=0) as out:
        out.write(b"novaorch up\n")  # on a full disk it could not say why it ended: so ask first
        return subprocess.Popen(
            command_line,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " ".join(lines[-3:])
