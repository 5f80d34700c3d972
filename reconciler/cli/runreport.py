"""`novaorch training report`: one run told whole, as Markdown or as one HTML page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.git.judge import runwork
from reconciler.adapters.git.lines.blame import Blamer
from reconciler.adapters.git.lines.leanroom import LeanRoom, Spot
from reconciler.adapters.git.lines.provenance import Tracer
from reconciler.adapters.git.lines.runreport import told
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.cli import court, render
from reconciler.cli.app import Context
from reconciler.cli.judging import RunName
from reconciler.cli.lineage import witness_of
from reconciler.core.report import markdown
from reconciler.core.reportpage import page
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.report import Report


def report(
    ctx: typer.Context,
    run: RunName,
    html: Annotated[
        str, typer.Option("--html", metavar="FILE", help="Write one page that needs nothing else.")
    ] = "",
    markdown_file: Annotated[
        str, typer.Option("--markdown", metavar="FILE", help="Write Markdown there.")
    ] = "",
) -> None:
    """Tell a run whole: each turn with its prompt, its summary, its diff and what it took; what was
    held back; the verdict, and what the gate said. Markdown on stdout, unless a FILE is named (`-`
    is stdout). The same run gives the same report.

    Example: novaorch training report shop/torch --html torch.html
    """
    if html == markdown_file == "-":
        raise UsageError("only one of the two can go to stdout", fix="name a file for the other")
    made = _made(ctx.obj, run)
    if html:
        _write(html, page(made))
    if markdown_file or not html:
        _write(markdown_file or "-", markdown(made))


def _made(context: Context, word: str) -> Report:
    with court.opened(context.wiring) as held:
        yard, known = held.find(word)
        start = runwork.begin(yard.room, known, yard.tip_of(known.target))
        commits = [work.commit.oid for work in runwork.commits(yard.room, known, start)]
        common = yard.room.common_dir
        place = Spot(common, common, common, True, yard.room.object_format)
        with _tracer(place, context) as tracer:
            return told(tracer, known, commits)


@contextmanager
def _tracer(place: Spot, context: Context) -> Iterator[Tracer]:
    """Give who tells the stories of commits of a repository, and knows this fleet."""
    with LeanRoom(place) as room:
        shelf = Shelf(room)
        places = [context.wiring.repository.root]
        witness = witness_of((room, shelf), places, context.wiring.environ)
        try:
            yield Tracer(room, shelf, Blamer(room, shelf), witness)
        finally:
            witness.close()
            shelf.close()


def _write(name: str, text: str) -> None:
    """Write a whole file, or nothing of it; `-` is stdout."""
    if name == "-":
        render.out(text.rstrip("\n"))
        return
    path = Path(name)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except (OSError, ValueError) as error:
        draft.unlink(missing_ok=True)
        raise NovaorchError(
            f"the report cannot be written to {name}",
            why=getattr(error, "strerror", None) or str(error),
            fix="name a file in a folder that you may write to",
        ) from None
    render.err(f"written to {name}")
