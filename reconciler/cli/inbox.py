"""`novaorch inbox`: what is open for an agent, or for you."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import mailroom, render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.address import book_from
from reconciler.core.receipts import furthest, letter_lines
from reconciler.model.message import Proof, Stage
from reconciler.model.problems import UsageError


def command(
    ctx: typer.Context,
    agent: Annotated[
        str, typer.Argument(metavar="[AGENT]", help="An agent, or person:NAME; you when absent.")
    ] = "",
    done: Annotated[
        bool, typer.Option("--done", help="Take what is shown as read; only in your own inbox.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=10_000, help="So many at most.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what still has to reach its receiver: the most urgent first, then the oldest.

    To look takes nothing away: messages leave an inbox when they are proved to be part of a prompt,
    or, in your own, with --done.

    Example: novaorch inbox torch
    """
    context: Context = ctx.obj
    wiring = context.wiring
    desired = wiring.followed.read()
    me = mailroom.oneself(wiring, desired.fleet) if not agent or done else ""
    who = mailroom.whom(agent, book_from(desired)) if agent else me
    if done and who != me:
        raise UsageError(
            f"only {who} reads what is in that inbox",
            why=f"you are {me}",
            fix="leave --done out, or give up a message: novaorch messages --to ...",
        )
    with mailroom.opened(wiring, desired.fleet) as mail:
        found = mail.inbox(who, limit)
        for kept in found:
            if as_json:
                render.record("message", **kept.as_json())
                continue
            for line in letter_lines(kept):
                render.out(line)
            render.out(f"  {furthest(kept)}")
        if done and found:
            proof = Proof(Stage.READ, wiring.clock.now(), f"{me} took it as read at a terminal")
            mail.prove([(kept.message.id, proof) for kept in found])
        if not found and not as_json:
            render.out(f"nothing is open for {who}")
