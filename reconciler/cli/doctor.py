"""`novaorch doctor`: this machine, one verdict a finding, each with the line that mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from reconciler.adapters import githooks
from reconciler.adapters.machine import Asked, examine
from reconciler.adapters.store.server import find_server, install_line
from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.explain import clean
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Desired
from reconciler.model.verdict import Verdict
from reconciler.wiring import Wiring

_WORDS = {True: ("ok", "32"), None: ("warn", "33"), False: ("fail", "31")}


def command(
    ctx: typer.Context,
    store: Annotated[
        str, typer.Option("--store", metavar="URL", help="Try every command on this store.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check tmux, git, the store, the hooks and the limits of this machine, with a fix for each.

    Exit code 0: nothing fails (warnings may be there). 1: something does.

    Example: novaorch doctor --store redis://127.0.0.1:18000
    """
    context: Context = ctx.obj
    verdicts = _store(store) if store else _machine(context.wiring)
    for verdict in verdicts:
        if as_json:
            render.record("verdict", **verdict.as_json())
        else:
            _print(verdict)
    raise typer.Exit(1 if any(verdict.ok is False for verdict in verdicts) else 0)


def _store(url: str) -> Sequence[Verdict]:
    from reconciler.adapters.store.contract import check  # noqa: PLC0415  (imports redis)

    return check(url)


def _machine(wiring: Wiring) -> Sequence[Verdict]:
    desired, trouble = _wish(wiring)
    fleet = desired.fleet if desired is not None else FleetSettings(name="default")
    hooks, state = _hooks(wiring), wiring.directory
    if desired is not None:
        state = wiring.state(fleet).root
    asked = Asked(
        environ=wiring.environ,
        repository=wiring.directory,
        state=state,
        now=wiring.clock.now(),
        panes=len(desired.processes) if desired is not None else 0,
        columns=fleet.columns,
        history_lines=fleet.history_lines,
        socket=fleet.socket,
        store_url=fleet.store_url,
        find_server=lambda: find_server(wiring.environ),
        ping=(lambda: _ping(wiring, fleet)) if desired is not None else None,
        store_fix=install_line(wiring.environ),
        hooks=hooks,
    )
    return [*examine(asked), *trouble]


def _wish(wiring: Wiring) -> tuple[Desired | None, Sequence[Verdict]]:
    try:
        desired = wiring.wishes.read()
    except NovaorchError as error:
        return None, [Verdict("desired-state", None, error.what, error.fix)]
    errors = sum(problem.severity == "error" for problem in desired.problems)
    if errors:
        return desired, [Verdict("desired-state", False, f"{errors} errors", "novaorch validate")]
    return desired, [Verdict("desired-state", True, f"{len(desired.processes)} processes")]


def _ping(wiring: Wiring, fleet: FleetSettings) -> str:
    store = wiring.store(fleet, start=False)
    try:
        return store.ping()
    finally:
        store.close()


def _hooks(wiring: Wiring) -> Mapping[str, bool]:
    try:
        found = githooks.status(wiring.repository)
    except NovaorchError:
        return {}
    ours = {githooks.Hook.UNCHANGED, githooks.Hook.INSTALLED}
    return {change.name: change.hook in ours for change in found}


def _print(verdict: Verdict) -> None:
    word, colour = _WORDS[verdict.ok]
    label = render.paint(f"{word:<4}", colour, on=render.coloured())
    render.out(f"{label}  {verdict.name:<16} {clean(verdict.what)}")
    if verdict.fix and verdict.ok is not True:
        render.out(f"      {'fix':<16} {clean(verdict.fix)}")
