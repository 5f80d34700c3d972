"""`novaorch diff`: what apply would do, and nothing done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import liaison, render, savedplan
from reconciler.cli.agentview import limits
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson, Fetch, Revision, Staged, Worktree, chosen
from reconciler.core.budget import forecast
from reconciler.core.explain import clean
from reconciler.loop.cycle import consider


def command(
    ctx: typer.Context,
    revision: Revision = None,
    worktree: Worktree = False,
    staged: Staged = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PLAN", help="Save the plan for apply.")
    ] = None,
    fetch: Fetch = False,
    as_json: AsJson = False,
) -> None:
    """Show what apply would do: each action with its reason and fields, then one summary line; and
    what agents with a budget may cost a day.

    Exit code 0: nothing to do. 2: there are changes, or something is held. 1: an error.

    Example: novaorch diff --worktree
    """
    context: Context = ctx.obj
    if fetch:
        liaison.fetch(context.wiring)
    desired = context.wiring.followed.read(chosen(revision, worktree, staged))
    ports = context.wiring.ports(desired.fleet, accounts=limits(context.wiring, desired))
    thought = consider(ports, desired)
    if as_json:
        render.problem_records(desired.problems)
        render.plan_records(thought.plan)
        for line in forecast(desired, thought.plan):
            render.record("forecast", text=line)
    else:
        render.problems(desired.problems)
        render.plan(thought.plan)
        for line in forecast(desired, thought.plan):
            render.out(clean(line))
    liaison.show(context.wiring, desired.fleet, as_json=as_json)
    if out is not None:
        savedplan.save(out, thought.plan, desired.fleet.name)
        if not as_json:
            render.out(f"Saved as {out}. To carry out exactly this: novaorch apply {out}")
    raise typer.Exit(2 if thought.plan.actions else 0)
