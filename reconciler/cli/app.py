"""The verbs, each imported only when it is used, and what every one of them does with errors."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from reconciler.cli import render
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

UsageProblem: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises when the command line makes no sense."""

VERBS = {
    "init": "make a fleet in this repository",
    "validate": "check desired-state/ and name every problem at once",
    "diff": "show what apply would do",
    "apply": "make what runs what is wished for",
    "run": "keep it so, in the foreground",
    "up": "keep it so, in the background",
    "down": "end the background run; sessions go on",
    "status": "show every unit",
    "why": "say who asked for a unit and what holds it; where a message is, or a line comes from",
    "blame": "say of each line of a file which agent, turn and prompt it comes from",
    "events": "list what was done, deed by deed",
    "history": "list the commits that were worked on",
    "verify": "prove that the journal was not tampered with",
    "suspend": "keep hands off a unit, a project or all, for a while",
    "resume": "let go on what was suspended",
    "decisions": "list what agents wait for you to decide, and decide it",
    "rollback": "go back to an earlier commit, and stay there",
    "send": "write to an agent, a person or many, with a receipt",
    "inbox": "show what is open for an agent, or for you",
    "messages": "list messages and how far they came; send a dead one anew",
    "mode": "let an agent work by itself, by hand, in training, or not at all",
    "training": "look at agents' work, take it into a branch, or reject it",
    "wake": "tell an agent to go on",
    "tasks": "list what charters have open and done",
    "mcp": "serve an agent's tools on stdin and stdout",
    "attach": "look at an agent or session",
    "adopt": "take over a live tmux session",
    "import": "read tmuxp and tmuxinator files",
    "hooks": "install, remove or show the git hooks",
    "schema": "print the JSON Schema of a kind",
    "metrics": "print what a monitoring system reads",
    "service": "keep the daemon up with systemd",
    "rehearse": "watch fake agents send each other messages, and count them",
    "doctor": "check this machine, with a fix for each finding",
}


@dataclass(frozen=True)
class Context:
    """What every verb gets: where it was called."""

    directory: Path

    @cached_property
    def wiring(self) -> Wiring:
        """The adapters, made on first use."""
        return Wiring(self.directory)

    def close(self) -> None:
        """End helper processes and keep what was learned, if anything was used at all."""
        if "wiring" in self.__dict__:
            self.wiring.close()


class Verbs(TyperGroup):
    """A group that imports a verb's module when it is named, not before."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return the verb, or None."""
        if cmd_name not in VERBS:
            return None
        return load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the verbs from the table: help needs no verb's module."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def load(verb: str) -> Any:
    """Import one verb and return its command."""
    name = {"import": "import_"}.get(verb, verb)
    module = importlib.import_module(f"reconciler.cli.{name}")
    made: typer.Typer = getattr(module, "app", None) or _single(verb, module.command)
    return typer.main.get_command(made)


def _single(verb: str, function: Callable[..., None]) -> typer.Typer:
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command(verb, help=function.__doc__)(function)
    return made


app = typer.Typer(
    cls=Verbs,
    name="novaorch",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The tmux sessions you commit are the tmux sessions you have.",
    epilog="Example: novaorch init && novaorch diff && novaorch apply",
)


@app.callback()
def _root(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Option("-C", metavar="DIR", help="Run as if started in DIR.")
    ] = Path(),
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    from reconciler import __version__  # noqa: PLC0415

    if version:
        typer.echo(f"novaorch {__version__}")
        raise typer.Exit
    context = Context(directory.absolute())
    ctx.obj = context
    ctx.call_on_close(context.close)


def run(argv: list[str]) -> int:
    """Run one command line; return its exit code. Every expected error says how to mend it."""
    try:
        code = app(argv, standalone_mode=False)
        sys.stdout.flush()
    except UsageProblem as error:
        return _misused(error)
    except NovaorchError as error:
        render.error(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away (`novaorch diff | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # the last net: a defect of ours, reported so that it can be mended
        render.defect(traceback.format_exc())
        return 1
    return code if isinstance(code, int) else 0


def _misused(error: Exception) -> int:
    show: Callable[[], None] | None = getattr(error, "show", None)
    if show is not None:
        show()
    return 64
