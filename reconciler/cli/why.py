"""`novaorch why`: who asked for a unit, what was done, what holds it; where a message is; or from
which turn and prompt a line of a file comes."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from reconciler.cli import mailroom, render
from reconciler.cli.annals import Annals, annals, hour, one_unit
from reconciler.cli.app import Context
from reconciler.cli.quickline import answer, file_and_line
from reconciler.cli.revision import AsJson, OfFleet, OfLine
from reconciler.core.explain import action_json, clean, explain
from reconciler.core.fold import fold
from reconciler.core.match import owner
from reconciler.core.messageid import is_message_id
from reconciler.core.retell import ndjson, why_lines
from reconciler.loop.cycle import consider
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.wiring import Wiring

_MESSAGE = re.compile(r"[mM][0-9a-zA-Z]{3,26}", re.ASCII)
"""What may be the beginning of a message's id."""


def command(
    ctx: typer.Context,
    unit: Annotated[
        str,
        typer.Argument(
            metavar="UNIT|MESSAGE|FILE:LINE",
            help="A full id, the end of a unit's, or a start; or a line of a file.",
        ),
    ],
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="As it was then, from the journal.")
    ] = "",
    live: Annotated[
        bool, typer.Option("--live", help="Look at what runs, too; a terminal always gets it.")
    ] = False,
    rev: OfLine = "",
    fleet: OfFleet = "",
    live_only: Annotated[bool, typer.Option("--live-only", hidden=True)] = False,
    as_json: AsJson = False,
) -> None:
    """Say why a unit is as it is: the commit, its author, file and line; the plan, the action with
    its reason and fields, how it went; and on a terminal, or with --live, what holds it back now.

    Of a message: every stage with its hour, the time between them and how it is known; and what it
    waits for now.

    Of a line of a file: the commit, its signature, the agent, run and turn, the conversation and
    the prompt, the model and what it took, the charter and the commit that put the agent there,
    and the verdict. What is only claimed is said to be; nothing of the repository is run.

    TIME is `2h ago`, `yesterday 14:00`, `14:30` or 2026-03-01T09:00. Exit code 1: nobody ever
    heard of such a unit.

    Example: novaorch why torch --at "yesterday 14:00"; novaorch why src/torch.py:12
    """
    context: Context = ctx.obj
    asked = file_and_line(unit)
    if asked is not None:
        options = {"rev": rev, "fleet": fleet}
        raise typer.Exit(answer(asked, options, context.directory, as_json=as_json))
    if at and (live or live_only):
        raise UsageError("--at speaks of the past, --live of now", fix="name one of them")
    if is_message_id(unit.lower()) and mailroom.told(context.wiring, unit, as_json, sure=True):
        return
    if live_only:
        raise typer.Exit(0 if _live(context.wiring, unit, as_json) else 1)
    book = annals(context.wiring)
    known = _told(book, unit, at, as_json)
    if not at and (live or not known or (sys.stdout.isatty() and not as_json)):
        sys.stdout.flush()
        known = _live(context.wiring, unit, as_json) or known
    if not known and _MESSAGE.fullmatch(unit):
        known = mailroom.told(context.wiring, unit, as_json, sure=False)
    if not known:
        raise NovaorchError(
            f"nobody has heard of {unit[:200]!r}",
            why=f"neither the journal{f' of {at}' if at else ''} nor desired-state/ names it",
            fix="see the ids: novaorch status, novaorch messages; what was done: novaorch events",
        )


def _told(book: Annals, word: str, at: str, as_json: bool) -> bool:
    """Print what the journal says; False when it does not know the unit."""
    commit = book.tip
    if commit and at:
        commit = book.chain.before(commit, hour(at))
    if not commit:
        return False
    unit = one_unit(word, book.chain.units(commit))
    page = book.chain.page(commit, unit) if unit else None
    if page is None:
        return False
    if as_json:
        render.out(ndjson("why", page))
    else:
        for line in why_lines(page):
            render.out(line)
    return True


def _live(wiring: Wiring, word: str, as_json: bool) -> bool:
    """Print what is true of it now, and what is to be done or held; False when it is not known."""
    desired = wiring.followed.read()
    ports = wiring.ports(desired.fleet)
    try:
        thought = consider(ports, desired)
    finally:
        ports.host.close()
    statuses = {str(s.unit): s for s in fold(thought.scene, thought.plan)}
    named = [
        *statuses,
        *desired.processes,
        *desired.frames,
        *(a.unit for a in thought.plan.actions),
    ]
    unit = UnitId(one_unit(word, list(dict.fromkeys(map(str, named)))))
    if not unit:
        return False
    status = statuses.get(unit) or statuses.get(owner(unit))
    about = tuple(a for a in thought.plan.actions if a.unit in (unit, owner(unit)))
    if as_json:
        told = status.as_json() if status is not None else None
        render.out(ndjson("now", {"status": told, "actions": [action_json(a) for a in about]}))
        return True
    if status is not None:
        message = f": {clean(status.message)}" if status.message else ""
        render.out(f"  now       {clean(status.state)}, ready {status.ready.value}{message}")
    for withheld in desired.withheld:
        render.out(f"  withheld  commit {withheld.commit[:12]}: {clean(withheld.detail)}")
    for line in explain(type(thought.plan)("", "", "", about))[:-1]:
        render.out(f"  {'    ' * line.depth}{line.text}")
    if not about:
        render.out("  nothing holds it back, nothing is to be done")
    return True
