"""`novaorch hooks`: a commit wakes the daemon, a bad one is refused. Existing hooks are kept."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters import githooks
from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Install, remove or show the git hooks.",
    epilog="Example: novaorch hooks install",
)


@app.command()
def install(
    ctx: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Also into a hooks folder that others share.")
    ] = False,
) -> None:
    """Install them: a commit wakes the daemon; pre-commit refuses a bad desired-state/.

    A hook that is there already is kept and runs first. A second install changes nothing.

    Example: novaorch hooks install
    """
    context: Context = ctx.obj
    _print(put_in(context.wiring, force=force))


@app.command()
def uninstall(ctx: typer.Context) -> None:
    """Remove them, and put back, byte for byte, what was there before.

    Example: novaorch hooks uninstall
    """
    context: Context = ctx.obj
    _print(githooks.uninstall(context.wiring.repository))


@app.command()
def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show each hook that this repository should have.

    Example: novaorch hooks status
    """
    context: Context = ctx.obj
    found = githooks.status(context.wiring.repository)
    if not as_json:
        _print(found)
        return
    for change in found:
        render.record("hook", name=change.name, path=str(change.path), state=change.hook.value)


def put_in(wiring: Wiring, *, force: bool = False) -> Sequence[githooks.HookChange]:
    """Install the hooks for the branch that the fleet names."""
    try:
        branch = wiring.wishes.read().fleet.branch
    except NovaorchError:
        branch = ""  # no commit yet, or no fleet: the branch that HEAD is on will do
    return githooks.install(
        wiring.repository, own_command(), wiring.nudge, branch=branch, force=force
    )


def own_command() -> str:
    """Return the absolute path of the command `novaorch` that is running."""
    beside = Path(sys.executable).parent / "novaorch"
    found = str(beside) if beside.exists() else shutil.which("novaorch")
    return found or "novaorch"


def _print(changes: Sequence[githooks.HookChange]) -> None:
    if not changes:
        render.out("No hook of novaorch is installed.")
    for change in changes:
        render.out(f"{change.name:<14} {change.hook.value}")
