"""`novaorch validate`: every problem of a tree at once, sorted by place."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson, Revision, Staged, Worktree, chosen
from reconciler.core.explain import counted
from reconciler.loop.wish import UnreadableFleetError
from reconciler.model.problems import Problem, Severity


def command(
    ctx: typer.Context,
    revision: Revision = None,
    worktree: Worktree = False,
    staged: Staged = False,
    as_json: AsJson = False,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="The same as the argument.")
    ] = None,
) -> None:
    """Check desired-state/ and print every problem: file:line:column, rule, what, why, fix.

    Exit code 0: no error (warnings may be there). 1: errors.

    Example: novaorch validate --worktree
    """
    context: Context = ctx.obj
    found, units = _problems(context, chosen(rev or revision, worktree, staged))
    errors = sum(p.severity is Severity.ERROR for p in found)
    if as_json:
        render.problem_records(found)
        render.record("summary", errors=errors, warnings=len(found) - errors, units=units)
    else:
        render.problems(found)
        verdict = _verdict(errors, len(found) - errors)
        say = render.err if errors else render.out
        say(f"desired-state: {verdict}, {counted(units, 'unit')}")
    if errors and context.wiring.environ.get("NOVAORCH_HOOK") == "pre-commit":
        render.err("Refused by novaorch. To commit all the same: git commit --no-verify")
    raise typer.Exit(1 if errors else 0)


def _verdict(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return "valid"
    return f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"


def _problems(context: Context, revision: str) -> tuple[tuple[Problem, ...], int]:
    try:
        desired = context.wiring.wishes.read(revision)
    except UnreadableFleetError as error:
        return error.problems, 0
    sessions = sum(not frame.lone for frame in desired.frames.values())
    agents = sum(unit.kind == "agent" for unit in desired.processes)
    return desired.problems, agents + sessions
