"""`novaorch training promote` and `reject`: a person's word on an agent's run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.adapters.git.judge import queue
from reconciler.cli import court, render
from reconciler.cli.app import Context
from reconciler.cli.court import Court
from reconciler.core import runletters
from reconciler.core.explain import clean
from reconciler.loop.promotion import Promotions
from reconciler.model.problems import RefusedError, UsageError
from reconciler.model.promotion import Ask, Move, Settled

if TYPE_CHECKING:
    from reconciler.adapters.git.judge.promote import GitYard

POLICIES = ("squash", "merge", "ff")

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="shop/torch (its open run), shop/torch/3, or torch.")
]


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
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="PATH", help="Let a path come that policy keeps out."),
    ] = None,
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
        rules = held.training(known)
        ask = Ask(
            known.name, by, policy, into, push, " ".join(skip_gate.split()), tuple(allow or ())
        )
        remote = court.remote(held) if push else None
        yard.push = remote.push if remote is not None else None
        try:
            with queue.turn(yard.room.common_dir, known.name, render.err):
                done = _promotions(held, yard, by).promote(ask, rules)
        finally:
            if remote is not None:
                remote.close()
        _said(held, done, policy or rules.merge)


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
