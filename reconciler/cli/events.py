"""`novaorch events`: every deed, newest last; with -f, each one as it becomes durable."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from reconciler.cli import render
from reconciler.cli.annals import Annals, annals, hour
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.retell import about, event_line, events, ndjson

LOOK_S = 0.25


def command(
    ctx: typer.Context,
    unit: Annotated[
        str | None, typer.Argument(metavar="[UNIT]", help="Only deeds about this unit.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as more is done, until Ctrl-C.")
    ] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Only what was done since then.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List every deed from the journal, newest last: when, what, to whom, why, and how it went.

    UNIT is a full id, or the end of one. TIME is `2h ago`, `yesterday 14:00`, `14:30` or
    2026-03-01T09:00.

    Example: novaorch events -f torch --since "1h ago"
    """
    context: Context = ctx.obj
    start = hour(since) if since else 0.0
    book = annals(context.wiring)
    last = 0
    for _, said in book.records():
        last = max(last, int(said["seq"]))
        _show(said, unit, start, as_json)
    while follow:
        sys.stdout.flush()
        time.sleep(LOOK_S)
        tip = book.chain.tip()
        if tip != book.tip:
            book = Annals(book.chain, book.fleet, tip)
            last = _news(book, last, unit, as_json)


def _news(book: Annals, last: int, unit: str | None, as_json: bool) -> int:
    """Show what came after a record; only as many commits are read as there are new ones."""
    if not book.tip:
        return last
    newest = int(book.chain.head(book.tip).get("seq", 0))
    oids = book.chain.tail(book.tip, max(1, newest - last))
    for _, said in book.chain.records(oids):
        if int(said["seq"]) > last:
            _show(said, unit, 0.0, as_json)
    return max(last, newest)


def _show(said: dict[str, Any], unit: str | None, start: float, as_json: bool) -> None:
    if said["ended"] < start:
        return
    for event in events(said):
        if unit is None or about(event, unit):
            render.out(ndjson("event", event) if as_json else event_line(event))
