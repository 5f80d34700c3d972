"""`novaorch training`: agents' work as runs: look at it, take it into a branch, or reject it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.adapters.git import queue, runwork
from reconciler.cli import court, render
from reconciler.cli.app import Context
from reconciler.cli.court import Court
from reconciler.cli.revision import AsJson
from reconciler.cli.statuspage import age, table
from reconciler.core import runletters, runlines
from reconciler.core.explain import clean, counted, hour
from reconciler.loop.promotion import Promotions
from reconciler.model.problems import RefusedError, UsageError
from reconciler.model.promotion import Ask, KnownRun, Move, Settled, State
from reconciler.model.training import Verdict

if TYPE_CHECKING:
    from reconciler.adapters.git.promote import GitYard

POLICIES = ("squash", "merge", "ff")
HEADS = ("RUN", "STATE", "COMMITS", "BEGAN", "FOR", "")

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look at agents' work, take it into a branch, or reject it.",
    epilog="Example: novaorch training list && novaorch training promote shop/torch",
)

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="shop/torch (its open run), shop/torch/3, or torch.")
]


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
        runs, kept = [known for _, known in held.all()], held.kept()
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


@app.command()
def promote(
    ctx: typer.Context,
    run: RunName,
    policy: Annotated[
        str, typer.Option("--as", metavar="HOW", help="squash, merge or ff; else by manifest.")
    ] = "",
    into: Annotated[
        str, typer.Option("--into", metavar="BRANCH", help="Another branch than its base.")
    ] = "",
    push: Annotated[
        bool, typer.Option("--push", help="Push a branch to the remote; people merge it there.")
    ] = False,
    skip_gate: Annotated[
        str, typer.Option("--skip-gate", metavar="REASON", help="Ask no command; said for ever.")
    ] = "",
) -> None:
    """Take a run into its branch: on top of it, through the gate, and only then the branch moves.

    What its agent left unsaved is saved first, if it is idle. The commands of its gate run in a
    folder that is thrown away. A work tree that is on the branch is brought along when it is clean.
    The run is kept under its verdict. Said again, it ends the same way.

    Exit code 0: done. 3: a conflict (its agent is told), the gate, or a guard: nothing was moved.

    Example: novaorch training promote shop/torch
    """
    context: Context = ctx.obj
    if policy and policy not in POLICIES:
        raise UsageError(f"--as {clean(policy)!r} is no way", fix=f"one of {', '.join(POLICIES)}")
    with court.opened(context.wiring) as held:
        court.outside(context.wiring, held.fleet, "promote")
        yard, known = held.find(run)
        by = context.wiring.person
        policy = policy or held.training(known).merge
        ask = Ask(known.name, by, policy, into, push, " ".join(skip_gate.split()))
        remote = court.remote(held) if push else None
        yard.push = remote.push if remote is not None else None
        try:
            with queue.turn(yard.room.common_dir, known.name, render.err):
                done = _promotions(held, yard, by).promote(ask, policy)
        finally:
            if remote is not None:
                remote.close()
        _said(held, done, policy)


@app.command()
def reject(
    ctx: typer.Context,
    run: RunName,
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why.")],
) -> None:
    """Reject a run. Its commits are kept, its agent is told, and goes on with a new one.

    It can still be promoted later, by its number.

    Example: novaorch training reject shop/torch/3 --reason "the tests are deleted, not mended"
    """
    context: Context = ctx.obj
    why = " ".join(reason.split())
    if not why:
        raise UsageError("--reason is empty", fix="say why: its agent reads it")
    with court.opened(context.wiring) as held:
        court.outside(context.wiring, held.fleet, "reject")
        yard, known = held.find(run)
        by = context.wiring.person
        with queue.turn(yard.room.common_dir, known.name, render.err):
            done = _promotions(held, yard, by).reject(Ask(known.name, by), why)
        for note in done.notes:
            render.out(clean(note))
        if done.move is Move.ARCHIVE:
            render.out(f"{known.name} is rejected, and kept: git log {done.archive[:12]}")
            text = runletters.rejected(known, by.partition(" <")[0], why)
            court.tell(held, known, text, f"rejected {known.name} {known.run.tip}")


# -- inside ---------------------------------------------------------------------------------------


def _promotions(held: Court, yard: GitYard, by: str) -> Promotions:
    bench, prover = court.Bench(held, yard, by), court.Prover(held, yard)
    return Promotions(yard, prover, bench, held.wiring.clock.now, render.out)


def _said(held: Court, done: Settled, policy: str) -> None:
    """Print how a promotion went. RefusedError: it conflicts; its agent is told what to do."""
    known = done.known
    for note in done.notes:
        render.out(clean(note))
    if done.clashes:
        key = f"conflict {known.name} {known.run.tip} {done.clashes[0].path}"
        court.tell(held, known, runletters.conflict(known, done.clashes, policy), key)
        paths = ", ".join(clash.path for clash in done.clashes[:5])
        raise RefusedError(
            f"{known.name} conflicts with {known.target}: nothing was moved",
            why=f"both changed {paths}",
            fix=f"its agent mends it in its own work tree, then: novaorch training promote "
            f"{known.name}",
        )
    if done.pushed_as:
        render.out(f"Pushed {done.result[:12]} as {done.pushed_as}: merge it where it was pushed.")
        render.out(f"Then: novaorch training promote {known.name}")
    elif done.move is Move.ARCHIVE:
        render.out(f"{known.name} is archived as promoted by people: {done.archive[:12]}")
    elif done.move is not Move.NOTHING:
        render.out(f"{clean(known.target)} is at {done.result[:12]} now, with {known.name} in it.")
        render.out(f"    gate      {done.proof.word}")
        render.out(f"    archived  {done.archive[:12]}{_branch(done)}")
        render.out(f"    undo      {_undo(done)}")


def _branch(done: Settled) -> str:
    return "; its work tree goes on with a new run" if done.branch_stays else ""


def _undo(done: Settled) -> str:
    if done.move is Move.SQUASH:
        return f"git revert {done.result[:12]}"
    if done.move is Move.MERGE:
        return f"git revert -m 1 {done.result[:12]}"
    return f"git revert {done.before[:12]}..{done.result[:12]}"


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
