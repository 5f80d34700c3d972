"""`novaorch wake`: a person's word to an agent that it should go on, ahead of what waits for it."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.adapters.state import holder_pid
from reconciler.cli import render, send
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.address import agent as one_agent
from reconciler.core.address import book_from
from reconciler.model.problems import RefusedError

USUAL = "Wake up: look at what waits for you, and at your charter's open tasks, and go on."


def command(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="torch, or web/torch.")],
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT|-]", help="What it should know.")
    ] = None,
    wait: Annotated[
        str, typer.Option("--wait", "-w", metavar="STAGE", help="As in novaorch send.")
    ] = "accepted",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="SPAN", help="How long to wait at most.")
    ] = "30s",
    as_json: AsJson = False,
) -> None:
    """Send an agent a message of high priority, so that it goes on with its work.

    One whose file says `mode: stopped` does not run, and is started by a commit.

    Example: novaorch wake torch "the tests are green again"
    """
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    unit = one_agent(agent, book_from(desired))
    if desired.processes[unit].stopped:
        raise RefusedError(
            f"{unit} is stopped",
            why="its file says `mode: stopped`, and only a commit changes that",
            fix=f"novaorch mode {unit.project}/{unit.name} auto",
        )
    if holder_pid(wiring.state(desired.fleet).lock) is None and not as_json:
        render.out("No controller is at work: it is delivered after `novaorch up`.")
    send.command(
        ctx, str(unit), text or [USUAL], wait=wait, timeout=timeout, priority="high",
        as_json=as_json,
    )  # fmt: skip
