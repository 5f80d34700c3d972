"""`novaorch suspend`: hands off a unit, a project or the whole fleet, for a reason and a while."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Annotated

import typer

from reconciler.cli import handover, render
from reconciler.cli.annals import one_unit
from reconciler.cli.app import Context
from reconciler.core.explain import counted
from reconciler.core.suspend import DAY_S, LONGEST_S, line, with_suspension
from reconciler.core.suspend import command as resuming
from reconciler.kinds.spans import seconds
from reconciler.model.control import Suspension
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.unit import Desired
from reconciler.wiring import Wiring

_REASON_MAX = 500
_EXAMPLE = 'novaorch suspend web/agent/torch --reason "a demo" --for 2h'


def command(
    ctx: typer.Context,
    scope: Annotated[
        str, typer.Argument(metavar="[UNIT|PROJECT]", help="The whole fleet when absent.")
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; others will read it.")
    ] = "",
    span: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="How long, as 45m, 2h or 3d.")
    ] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="ISO", help="Until when, as 2030-01-31T18:00.")
    ] = "",
) -> None:
    """Keep hands off: nothing is started, healed, changed or stopped there until it is over.

    Reason and end are asked for, so that nothing is suspended and forgotten: 30 days at most. What
    was begun is finished. Status goes on, and shows it. A second word on the same scope replaces
    the first.

    Example: novaorch suspend web/agent/torch --reason "a demo" --for 2h
    """
    context: Context = ctx.obj
    wiring = context.wiring
    now = wiring.clock.now()
    why, end = _reason(reason), _end(now, span, until)
    scope = _full(wiring, scope.strip().strip("/"))
    covered = _covered(wiring, scope)
    said = Suspension(scope, why, wiring.person, now, end)
    made = with_suspension(wiring.control.read(), said)
    wiring.control.write(made, f"suspend {scope or 'the whole fleet'}: {why}", said.by)
    handover.nudge(wiring)
    render.out(f"{line(said, now)} ({covered})")
    render.out(f"To end it before: {resuming(scope)}")


def _reason(text: str) -> str:
    flat = " ".join(text.split())
    if not flat:
        raise UsageError(
            "a reason is asked for",
            why="whoever finds this fleet still tomorrow wants to know why, and whom to ask",
            fix=f"add --reason: {_EXAMPLE}",
        )
    if len(flat) > _REASON_MAX or not flat.isprintable():
        raise UsageError(
            "the reason cannot be shown",
            why=f"it holds control characters, or more than {_REASON_MAX} characters",
            fix="say it in one plain line",
        )
    return flat


def _end(now: float, span: str, until: str) -> float:
    """Return the hour of the end. Without a zone of its own, ISO time is this machine's."""
    if bool(span) == bool(until):
        raise UsageError(
            "an end is asked for: --for or --until"
            if not span
            else "--for and --until exclude each other",
            why="what is suspended without an end is forgotten, and nobody notices what stays down",
            fix=f"say how long: {_EXAMPLE}",
        )
    end = now + _span(span) if span else _hour(until)
    if not now < end <= now + LONGEST_S:
        raise UsageError(
            "the end lies in the past" if end <= now else "that is longer than 30 days",
            why=f"a suspension lasts {LONGEST_S / DAY_S:.0f} days at most, and can be said anew",
            fix="choose an end between now and then; for good, write `mode: stopped` and commit it",
        )
    return end


def _span(text: str) -> float:
    length = seconds(text)
    if not length:
        raise UsageError(f"{text!r} is not a duration", fix="write it as 45m, 2h, 1h30m or 3d")
    return length


def _hour(text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{text!r} is not a date", fix="write it as 2030-01-31T18:00, or with a zone: …+01:00"
        ) from None


def _full(wiring: Wiring, scope: str) -> str:
    """Return the id of the unit that is named by its end; any other name as it is."""
    try:
        desired = wiring.wishes.read()
    except NovaorchError:
        return scope
    known = sorted(map(str, {*desired.processes, *desired.frames, *(desired.broken or {})}))
    if scope in ("", *known, *desired.projects):
        return scope
    return one_unit(scope, known) or scope


def _covered(wiring: Wiring, scope: str) -> str:
    """Return what a scope holds, in words. UsageError: nothing of that name is anywhere."""
    try:
        desired = wiring.wishes.read()
    except NovaorchError as error:  # hands are wanted off all the more
        return f"the wish cannot be read: {error.what}"
    known = {*desired.processes, *desired.frames, *(desired.broken or {})}
    found = {unit for unit in known if scope in ("", unit) or unit.startswith(f"{scope}/")}
    if found or scope in desired.projects:
        return counted(len(found), "unit")
    if scope in _live(wiring, desired):
        return "it runs, but nobody wishes for it any more"
    names = sorted({*known, *desired.projects})
    near = difflib.get_close_matches(scope, names, 3, 0.4)
    raise UsageError(
        f"{scope} is no unit and no project of this fleet",
        why="hands would be kept off nothing at all",
        fix=f"did you mean {' or '.join(near)}?" if near else "see `novaorch status` for the names",
    )


def _live(wiring: Wiring, desired: Desired) -> set[str]:
    """Return the units, and their projects, that run although nobody wishes for them."""
    host = wiring.host(desired.fleet)
    try:
        world = host.photograph(wiring.clock.now())
    except NovaorchError:
        return set()
    finally:
        host.close()
    panes = [pane for s in world.sessions for w in s.windows for pane in w.panes]
    marks = [pane.mark for pane in panes if pane.mark is not None]
    units = {UnitId(m.unit) for m in marks if m.fleet == desired.fleet.name}
    return {*units, *("/".join(u.split("/", 3)[:3]) for u in units), *(u.project for u in units)}
