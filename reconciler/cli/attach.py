"""`novaorch attach`: your terminal on an agent or a session."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from reconciler.cli.app import Context
from reconciler.loop.cycle import Thought, consider
from reconciler.model.problems import NovaorchError, UsageError


def command(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="An agent or session: torch, or project/agent/torch.")
    ],
) -> None:
    """Attach to the tmux session in which a unit lives.

    Example: novaorch attach torch
    """
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    ports = wiring.ports(desired.fleet)
    thought = consider(ports, desired)
    argv = wiring.host(desired.fleet).attach_argv(find(thought, name))
    os.execvp(argv[0], argv)  # noqa: S606  (no shell is meant)


def find(thought: Thought, name: str) -> str:
    """Return the session of the one unit that `name` names."""
    match = thought.scene.match
    units = [u for u in {*match.panes, *match.sessions} if name in (u, u.rpartition("/")[2])]
    units += [u for u in match.sessions if name == f"{u.project}/{u.name}" and u not in units]
    if not units:
        known = ", ".join(sorted({u.rpartition("/")[2] for u in (*match.panes, *match.sessions)}))
        raise NovaorchError(
            f"nothing named {name} is running",
            why=f"running: {known}" if known else "nothing of this fleet is running",
            fix="novaorch status",
        )
    if len(units) > 1:
        raise UsageError(
            f"{name} names several: {', '.join(sorted(units))}",
            fix="use the full name",
        )
    pane = match.panes.get(units[0])
    if pane is not None:
        sessions = {s.session_id: s.name for s in thought.scene.world.sessions}
        return sessions[pane.session_id]
    return match.sessions[units[0]].name
