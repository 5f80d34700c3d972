"""`novaorch training`: agents' work as runs: look at it, take it into a branch, or reject it."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.adapters.git.judge import runwork
from reconciler.cli import court, render
from reconciler.cli.app import Context
from reconciler.cli.commitwork import commit_work
from reconciler.cli.judging import RunName, promote, reject
from reconciler.cli.restore import restore
from reconciler.cli.revision import AsJson
from reconciler.cli.runreport import report
from reconciler.cli.statuspage import age, table
from reconciler.core import runlines
from reconciler.core.explain import clean, counted, hour
from reconciler.model.promotion import KnownRun, State
from reconciler.model.training import Verdict

HEADS = ("RUN", "STATE", "COMMITS", "BEGAN", "FOR", "")

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look at agents' work, take it into a branch, or reject it.",
    epilog="Example: novaorch training list && novaorch training promote shop/torch",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also those that were promoted or rejected.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List runs and how they stand, and what was saved of unsaved work.

    A run that people merged by themselves is said to be landed; promote writes that down.

    Example: novaorch training list --all
    """
    context: Context = ctx.obj
    with court.opened(context.wiring) as held:
        runs, kept = held.all()
    shown = [k for k in runs if everything or k.run.verdict is Verdict.OPEN]
    if as_json:
        for known in shown:
            render.record("run", **runlines.run_json(known))
        for one in kept:
            render.record("kept", **runlines.kept_json(one))
        return
    now = context.wiring.clock.now()
    rows = [runlines.row(known, age(now - known.run.began)) for known in shown]
    for line in table([HEADS, *rows]) if rows else ["no open runs"]:
        render.out(line)
    for one in kept:
        restore = f"novaorch training restore {one.name}"
        render.out(f"kept {one.name}, {age(now - one.at)} ago: {clean(one.subject)}: {restore}")
    ended = len(runs) - len(shown)
    if ended:
        render.out(f"{counted(ended, 'run')} ended: novaorch training list --all")


@app.command()
def commit(
    ctx: typer.Context,
    agent: Annotated[
        str, typer.Argument(metavar="[AGENT]", help="torch, or web/torch; left out, oneself.")
    ] = "",
    message: Annotated[
        str, typer.Option("-m", "--message", metavar="TEXT", help="What was done.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Commit what is in an agent's work tree to its run, now, whatever its mode.

    Example: novaorch training commit torch -m "Save before lunch"
    """
    commit_work(ctx.obj, agent, message, as_record=as_json)


@app.command()
def show(ctx: typer.Context, run: RunName, as_json: AsJson = False) -> None:
    """Show a run: how it stands, what it changes, what its turns took, and the verdict on it.

    Example: novaorch training show shop/torch/3
    """
    context: Context = ctx.obj
    with court.opened(context.wiring) as held:
        yard, known = held.find(run)
        start = runwork.begin(yard.room, known, yard.tip_of(known.target))
        works = runwork.commits(yard.room, known, start)
        files = runwork.files(yard.room, known, start)
        place = yard.place_of(known)
    noted = [work.noted for work in works if work.noted is not None]
    if as_json:
        render.record(
            "run",
            **runlines.run_json(known),
            tree=place,
            files=[{"path": f.path, "added": f.added, "deleted": f.deleted} for f in files],
        )
        return
    now = context.wiring.clock.now()
    head = f"{known.name}  {known.state.value}, {counted(len(works), 'commit')}"
    render.out(f"{head}, began {age(now - known.run.began)} ago, for {clean(known.target)}")
    for name, value in _facts(known, place, runlines.sums(noted) if noted else ""):
        render.out(f"    {name:<9} {value}")
    for work in works:
        render.out(f"    {work.commit.oid[:12]}  {clean(work.commit.subject)}")
    for file in files:
        what = "binary" if file.added < 0 else f"+{file.added} -{file.deleted}"
        render.out(f"    {what:<12} {clean(file.path)}")


@app.command()
def diff(
    ctx: typer.Context,
    run: RunName,
    stat: Annotated[bool, typer.Option("--stat", help="Only the paths, and how much.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run changes as a whole, as a patch. Nothing of the repository is run for it.

    Example: novaorch training diff torch --stat
    """
    context: Context = ctx.obj
    with court.opened(context.wiring) as held:
        yard, known = held.find(run)
        start = runwork.begin(yard.room, known, yard.tip_of(known.target))
        files = runwork.files(yard.room, known, start)
        text = "" if stat else runwork.patch(yard.room, known, start)
    if as_json:
        for file in files:
            render.record("file", path=file.path, added=file.added, deleted=file.deleted)
        if text:
            render.record("patch", run=known.name, text=text)
        return
    for file in files if stat else ():
        what = "binary" if file.added < 0 else f"+{file.added} -{file.deleted}"
        render.out(f"{what:<12} {clean(file.path)}")
    on = render.coloured()
    for line in text.split("\n")[:-1]:
        render.out(render.paint(clean(line.expandtabs(8)), _colour(line), on=on))


@app.command()
def log(ctx: typer.Context, run: RunName, as_json: AsJson = False) -> None:
    """List the commits of a run, newest first, with what is known of each turn.

    Example: novaorch training log shop/torch
    """
    context: Context = ctx.obj
    with court.opened(context.wiring) as held:
        yard, known = held.find(run)
        start = runwork.begin(yard.room, known, yard.tip_of(known.target))
        works = runwork.commits(yard.room, known, start)
    for work in reversed(works):
        noted = work.noted
        if as_json:
            render.record(
                "commit",
                run=known.name,
                commit=work.commit.oid,
                at=work.commit.committed,
                author=work.commit.author,
                subject=work.commit.subject,
                **(runlines.noted_json(noted) if noted is not None else {}),
            )
            continue
        when = hour(int(work.commit.committed))
        render.out(f"{work.commit.oid[:12]}  {when}  {clean(work.commit.subject)}")
        render.out(f"    {runlines.turn(noted)}")


app.command("promote")(promote)
app.command("reject")(reject)
app.command("report")(report)
app.command("restore")(restore)


# -- inside ---------------------------------------------------------------------------------------


def _facts(known: KnownRun, place: str, sums: str) -> list[tuple[str, str]]:
    run = known.run
    rows = [("tip", run.tip), ("tree", clean(place)), ("turns", sums)]
    if known.state is State.CONFLICT:
        paths = ", ".join(clean(path) for path in known.conflict)
        rows.append(
            ("conflict", f"with {clean(known.target)} in {paths}, until something is added")
        )
    elif run.verdict is not Verdict.OPEN:
        rows.append(("verdict", f"{known.state.value} {runlines.remark(known)}"))
        rows.append(("at", hour(int(run.ended))))
        rows.append(("archived", known.archive))
    else:
        rows.append(("", runlines.remark(known)))
    return [(name, value) for name, value in rows if value]


def _colour(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ", "rename ", "similarity ")):
        return "1"
    return {"+": "32", "-": "31", "@": "36"}.get(line[:1], "")
