"""`novaorch verify`: every record of the journal made anew in memory, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.git.audit import Audit, behind
from reconciler.adapters.git.chain import mark_of
from reconciler.adapters.git.journalfiles import JournalFiles
from reconciler.adapters.git.seal import Seal, Signers, key_path
from reconciler.cli import render
from reconciler.cli.annals import Annals, annals
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.explain import clean, counted
from reconciler.core.retell import ndjson
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.wiring import Wiring


def command(
    ctx: typer.Context,
    signers: Annotated[
        Path | None,
        typer.Option("--signers", metavar="FILE", help="More keys that count: allowed signers."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the journal is what was written: no record altered, dropped, moved or cut off,
    each inventory what its record makes of the one before, each signature good.

    Exit code 0: it is. 1: it is not; each record is named by number and commit.

    Example: novaorch verify
    """
    context: Context = ctx.obj
    book = annals(context.wiring)
    found = 0
    with _trusted(context.wiring, book.fleet, signers) as trusted:
        audit = Audit(book.chain, context.wiring.repository.objects.object_format, trusted)
        lost = behind(book.chain, book.tip, _marks(context.wiring, book))
        for finding in chain(audit.walk(book.tip), lost):
            found += 1
            if as_json:
                told = {"seq": finding.seq, "commit": finding.commit, "what": finding.what}
                render.out(ndjson("finding", told))
            else:
                where = f"record {finding.seq} (commit {finding.commit[:12] or 'none'})"
                render.out(f"{where}: {clean(finding.what)}")
    signed = f", {audit.signed} of them signed" if audit.signed else ", unsigned"
    if as_json:
        told = {"records": audit.checked, "signed": audit.signed, "findings": found}
        render.out(ndjson("verified", told))
    elif not found:
        render.out(f"Sound: {counted(audit.checked, 'record')}{signed}.")
    else:
        render.out(f"Not sound: {counted(found, 'finding')} in {counted(audit.checked, 'record')}.")
    raise typer.Exit(1 if found else 0)


@contextmanager
def _trusted(
    wiring: Wiring, fleet: FleetSettings | None, file: Path | None
) -> Iterator[Signers | None]:
    """Know whose signatures count: the journal's own key, and those of a file."""
    lines = []
    if file is not None:
        try:
            lines.append(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read", why=str(error), fix="name a file") from error
    home = wiring.environ.get("HOME", "")
    key = key_path(fleet.journal_key, home, wiring.repository.root) if fleet else None
    if key is not None:
        lines.append(f"novaorch {Seal(key).public()}")
    if not lines:
        yield None
        return
    signers = Signers("\n".join(lines) + "\n")
    try:
        yield signers
    finally:
        signers.close()


def _marks(wiring: Wiring, book: Annals) -> list[tuple[str, int]]:
    """Return the commits that the journal is remembered to have reached, outside of git."""
    fleet, mark = book.fleet, mark_of(book.chain)
    if fleet is None:
        return []
    water = JournalFiles(wiring.state(fleet).root).high_water()
    found = [*water.lost, *([(water.tip, water.seq)] if water.tip else [])]
    with suppress(NovaorchError, ValueError):
        store = wiring.store(fleet, start=False)
        try:
            tip, _, seq = store.marked(mark).partition(" ")
            found += [(tip, int(seq))] if tip else []
        finally:
            store.close()
    return found
