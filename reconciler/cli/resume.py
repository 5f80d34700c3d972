"""`novaorch resume`: what was suspended goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli import handover, render
from reconciler.cli.annals import one_unit
from reconciler.cli.app import Context
from reconciler.core.suspend import active, line, named, suspended, without
from reconciler.core.suspend import command as resuming
from reconciler.model.control import Suspension
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError


def command(
    ctx: typer.Context,
    scope: Annotated[
        str, typer.Argument(metavar="[UNIT|PROJECT]", help="What was suspended by this name.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="End every suspension.")] = False,
) -> None:
    """Let go on what was suspended: one scope, or with --all every one.

    Without a scope it ends the suspension of the whole fleet. What is due there is done at once.

    Exit code 0: nothing of that name is suspended any more. 1: it still is, by a wider one.

    Example: novaorch resume web/agent/torch
    """
    context: Context = ctx.obj
    wiring = context.wiring
    scope = scope.strip().strip("/")
    if scope and everything:
        raise UsageError("--all leaves no scope to name", fix="leave one of them out")
    now = wiring.clock.now()
    said = wiring.control.read()
    going = active(said.suspensions, now)
    scopes = [one.scope for one in going]
    if scope not in scopes:
        scope = one_unit(scope, scopes) or scope
    ended = [one for one in going if everything or one.scope == scope]
    if not ended:
        _refuse(going, scope, everything, now)
        return
    left = without(said, (one.scope for one in ended), now)
    names = ", ".join(named(one.scope) for one in ended)
    wiring.control.write(left, f"resume {names}", wiring.person)
    handover.nudge(wiring)
    for one in ended:
        render.out(f"resumed: {named(one.scope)} (it was: {one.reason})")
    for one in active(left.suspensions, now):
        render.out(f"still {line(one, now)}")


def _refuse(going: Sequence[Suspension], scope: str, everything: bool, now: float) -> None:
    """Say that nothing of this name is suspended; an error when hands are kept off it all the same,
    or when something else is and no name was given."""
    wider = suspended(going, UnitId(scope), now) if scope else None
    if wider is not None:
        raise NovaorchError(
            f"{scope} is suspended with {named(wider.scope)}, not by itself",
            why=line(wider, now),
            fix=resuming(wider.scope),
        )
    if going and not everything and not scope:
        raise NovaorchError(
            "the whole fleet is not suspended",
            why="; ".join(line(one, now) for one in going),
            fix=" or ".join([*(resuming(one.scope) for one in going[:3]), "novaorch resume --all"]),
        )
    render.out(f"{scope} is not suspended." if scope else "Nothing is suspended.")
