"""`novaorch decisions`: everything that agents wait for, in one list, and the words to answer."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import mailroom, render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.cli.statuspage import age
from reconciler.core.deciding import ASKED, lines, read
from reconciler.core.explain import clean
from reconciler.gate.client import Client
from reconciler.model.decision import Decision
from reconciler.model.ids import Json
from reconciler.model.problems import RefusedError

app = typer.Typer(
    rich_markup_mode=None,
    help="List what agents wait for you to decide, and decide it.",
    epilog="Example: novaorch decisions allow dk3f9x",
)

Name = Annotated[str, typer.Argument(metavar="ID", help="As listed; its beginning will do.")]
Because = Annotated[
    str, typer.Option("--because", "-b", metavar="TEXT", help="Why; the agent reads it.")
]


@app.callback(invoke_without_command=True)
def command(
    ctx: typer.Context,
    answered: Annotated[
        bool, typer.Option("--answered", help="What was decided last, by whom or which rule.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what agents wait for: permissions that no rule answers, and questions of their own.

    A permission may as well be answered at the agent's pane; then it is gone from here. The rules
    are `rules` in an agent's manifest.

    Exit code 0, whether something waits or not.

    Example: novaorch decisions
    """
    if ctx.invoked_subcommand is not None:
        return
    context: Context = ctx.obj
    told = _daemon(context).get("/decisions", answered="1" if answered else "0")
    found = [made for one in told if (made := read(one))] if isinstance(told, list) else []
    if as_json:
        for decision in found:
            fields = decision.as_json()
            render.record("decision", about=fields.pop("kind"), **fields)
        return
    now = context.wiring.clock.now()
    for decision in found:
        for line in lines(decision, age(now - decision.at)):
            render.out(clean(line))
    if not found:
        render.out("nothing was decided yet" if answered else "nobody waits for a decision")


@app.command()
def allow(ctx: typer.Context, name: Name, because: Because = "") -> None:
    """Let an agent do what it asks a permission for, this once.

    Example: novaorch decisions allow dk3f9x
    """
    _answer(ctx.obj, name, "allow", because)


@app.command()
def deny(ctx: typer.Context, name: Name, because: Because = "") -> None:
    """Do not let it; the agent is told why, and goes on without.

    Example: novaorch decisions deny dk3f9x --because "not on a Friday"
    """
    _answer(ctx.obj, name, "deny", because)


@app.command()
def answer(
    ctx: typer.Context,
    name: Name,
    text: Annotated[str, typer.Argument(help="An option, by its word or number, or any text.")],
    because: Because = "",
) -> None:
    """Answer a question; the answer comes to the agent as a message.

    Example: novaorch decisions answer dk3f9x 2
    """
    _answer(ctx.obj, name, text, because)


def _answer(context: Context, name: str, text: str, because: str) -> None:
    wiring = context.wiring
    unit = mailroom.within(wiring, wiring.followed.read().fleet)
    if unit:
        raise RefusedError(
            f"{unit} may not answer what agents ask",
            why="an agent that could would need no leave",
            fix="let a person answer, outside of agents",
        )
    said: dict[str, Json] = {
        "answer": text,
        "by": mailroom.person(wiring),
        "because": because,
    }
    made = read(_daemon(context).post(f"/decisions/{name}", said))
    if made is not None:
        render.out(clean(_done(made)))


def _done(made: Decision) -> str:
    if made.kind == ASKED:
        return f"{made.unit} is told: {made.answer}"
    return f"{made.unit} {'may' if made.answer == 'allow' else 'may not'} use {made.asks}"


def _daemon(context: Context) -> Client:
    wiring = context.wiring
    return Client(wiring.state(wiring.followed.read().fleet).control)
