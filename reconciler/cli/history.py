"""`novaorch history`: the desired commits in the order in which they were worked on."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import render
from reconciler.cli.annals import annals, hour
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.retell import applied, history_line, ndjson


def command(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Only what was done since then.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the commits that were worked on, newest last: when, which, whose, the moves, how it
    went. A commit that comes again, after another one, is listed again.

    TIME is `2h ago`, `yesterday 14:00`, `14:30` or 2026-03-01T09:00.

    Example: novaorch history --since "2d ago"
    """
    context: Context = ctx.obj
    start = hour(since) if since else 0.0
    said = (said for _, said in annals(context.wiring).records() if said["ended"] >= start)
    entries = applied(said)
    for entry in entries:
        render.out(ndjson("history", entry) if as_json else history_line(entry))
    if not entries and not as_json:
        render.out("(nothing was done yet)")
