"""`novaorch mcp`: the tools of an agent, for clients that speak MCP through pipes."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from reconciler.adapters.state import PortFile, Tokens, holder_pid
from reconciler.cli.app import Context
from reconciler.cli.bridge import is_gate, serve
from reconciler.cli.quickmcp import GATE, TOKEN
from reconciler.core.address import agent as one_agent
from reconciler.core.address import book_from
from reconciler.gate import address
from reconciler.model.problems import NovaorchError, UsageError


def command(
    ctx: typer.Context,
    agent: Annotated[
        str, typer.Option("--agent", metavar="NAME", help="Whose tools; inside an agent, its own.")
    ] = "",
) -> None:
    """Serve an agent's tools on stdin and stdout: each line a message, as MCP has it.

    Inside an agent its own environment says who it is, and wins over --agent. Elsewhere the token
    of that agent is used, as it is at its last start; only its owner can read it.

    Example: novaorch mcp --agent web/torch
    """
    gate, token = os.environ.get(GATE, ""), os.environ.get(TOKEN, "")
    if gate and token:
        _refuse_elsewhere(gate)
        raise typer.Exit(serve(lambda: (gate, token)))
    if not agent:
        raise UsageError(
            "whose tools?",
            why=f"there is no {TOKEN} in the environment, as in an agent that novaorch started",
            fix="name one: novaorch mcp --agent NAME",
        )
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    unit = one_agent(agent, book_from(desired))
    state = wiring.state(desired.fleet)
    tokens, ports = Tokens(state), PortFile(state.gate_port)

    def door() -> tuple[str, str]:
        """Where the gate is and whose token opens it, read anew: both may change meanwhile."""
        port = next(iter(ports.had()), desired.fleet.gate_port)
        return address.read(state.gate) or f"http://127.0.0.1:{port}", tokens.read(unit)

    if not door()[1]:
        running = holder_pid(state.lock) is not None
        raise NovaorchError(
            f"{unit} has no token",
            why="one is made when an agent of a runtime with tools is started, and none was yet",
            fix="novaorch status" if running else "novaorch up",
        )
    raise typer.Exit(serve(door))


def _refuse_elsewhere(gate: str) -> None:
    if not is_gate(gate):
        raise UsageError(
            f"{GATE} does not name this machine's loopback",
            why="the token would be sent elsewhere",
            fix=f"unset {GATE}, or let it be http://127.0.0.1:PORT",
        )
