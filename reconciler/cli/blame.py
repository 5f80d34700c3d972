"""`novaorch blame`: of each line of a file, which agent, run, turn and prompt it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.lineage import Opened, Query, opened
from reconciler.cli.revision import AsJson, OfFleet, OfLine
from reconciler.core.linemath import total
from reconciler.core.plain import clean
from reconciler.core.provenance import day, who
from reconciler.core.provenancedata import span_json
from reconciler.core.retell import ndjson
from reconciler.model.provenance import Span, Standing, Story

WHO_MAX = 32
LINE_MAX = 400
_COLOURS = {
    Standing.VERIFIED: "32",
    Standing.RECORDED: "36",
    Standing.CLAIMED: "33",
    Standing.PERSON: "",
}


def command(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="From here, or the top.")],
    rev: OfLine = "",
    fleet: OfFleet = "",
    as_json: AsJson = False,
) -> None:
    """Show a file with the origin of each line: the commit, its day, the agent with run and turn
    (`shop/torch 3.2`) or the person, and the first half of the prompt's hash. A `?` behind an
    agent says that the commit only claims to be its: see `novaorch why FILE:LINE`.

    With --json one record for lines that follow each other and have one origin.

    Example: novaorch blame src/torch.py
    """
    context: Context = ctx.obj
    query = Query(file, rev, context.directory, fleet)
    with opened(query, os.environ) as found:
        found.tracer.deep = False
        if found.text.disk is not None:
            render.err("note: the file has changes that are not committed; this is HEAD")
        parts = list(_parts(found))
        if as_json:
            for span, story in parts:
                told = {"file": clean(found.text.path), "rev": found.text.rev}
                render.out(ndjson("blame", {**told, **span_json(span, story)}))
        else:
            _show(found.text.body, parts)


def _parts(found: Opened) -> Iterator[tuple[Span, Story]]:
    """Yield what each commit wrote, parted where turns differ: a squashed run holds many."""
    spans = found.spans()
    found.tracer.shelf.fetch(span.commit for span in spans)
    for span in spans:
        yield from found.tracer.stories(span)


def _show(body: bytes, parts: list[tuple[Span, Story]]) -> None:
    lines = body.split(b"\n")
    on = render.coloured()
    width = min(WHO_MAX, max((len(who(story)) for _, story in parts), default=0))
    digits = len(str(total(body)))
    for span, story in parts:
        name = who(story)
        name = name if len(name) <= width else f"{name[: width - 1]}…"
        prompt = story.noted.prompt[:8] if story.noted is not None else ""
        head = f"{story.work.oid[:10]}  {day(story.work.at)}  {name:<{width}}  {clean(prompt):<8}"
        for number in range(span.first, span.end):
            shown = head if number == span.first else " " * len(head)
            text = lines[number - 1][: 4 * LINE_MAX].decode("utf-8", "replace").expandtabs(4)
            said = clean(text.rstrip("\r"))
            cut = f"{said[: LINE_MAX - 1]}…" if len(said) > LINE_MAX else said
            head_ = render.paint(shown, _COLOURS.get(story.standing, ""), on=on)
            render.out(f"{head_}  {number:>{digits}}  {cut}".rstrip())
