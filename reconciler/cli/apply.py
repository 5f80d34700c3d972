"""`novaorch apply`: carry out exactly the printed plan, look again, and only then say converged."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import handover, liaison, render, savedplan
from reconciler.cli.agentview import limits
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson, Fetch, Worktree, chosen
from reconciler.core.plan import fingerprint
from reconciler.loop.converge import Convergence, converge, select
from reconciler.loop.cycle import Ports, Thought, consider
from reconciler.model.action import Outcome, Plan, Reason
from reconciler.model.control import SILENT, Consent
from reconciler.model.problems import LeaseHeldError, NovaorchError, StalePlanError, UsageError
from reconciler.model.unit import Desired

GUARDS = frozenset({Reason.TOO_MANY_STOPS, Reason.PROJECT_GONE, Reason.EMPTY})


def command(
    ctx: typer.Context,
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="A plan saved by diff --out.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="A commit instead of the branch.")
    ] = None,
    worktree: Worktree = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="WORD", help="Lift the guard that printed WORD.")
    ] = "",
    now: Annotated[
        bool, typer.Option("--now", help="Wait for nobody: not for who types, nor for an hour.")
    ] = False,
    fetch: Fetch = False,
    as_json: AsJson = False,
) -> None:
    """Make what runs what is wished for: the printed plan, nothing else, checked step by step.

    Exit code 0: converged. 1: something failed or is held. 3: a guard refused. 4: stale PLAN.
    5: another controller is at work.

    Example: novaorch diff --out plan.json && novaorch apply plan.json
    """
    context: Context = ctx.obj
    saved = savedplan.load(plan) if plan is not None else None
    if saved is not None and (revision or worktree or confirm):
        raise UsageError(
            "a saved PLAN says already what is to be applied",
            fix="leave out --rev, --worktree and --confirm",
        )
    if fetch:
        liaison.fetch(context.wiring)
    consent = Consent(confirm, now)
    target = saved.commit if saved is not None else chosen(revision, worktree, False)
    desired = _desired(context, saved, target, consent)
    ports = context.wiring.ports(desired.fleet, accounts=limits(context.wiring, desired))
    thought = consider(ports, desired, consent)
    if saved is not None:
        thought = _held_to(saved, thought)
    _show(context, thought, as_json)
    if dry_run:
        raise typer.Exit(_verdict(thought.plan, desired))
    with handover.controller(context.wiring, desired.fleet) as lock:
        if lock is None:
            if target:
                raise LeaseHeldError(
                    "a daemon keeps this fleet true already",
                    why=handover.holder(context.wiring, desired.fleet),
                    fix="commit the change and let it work, or end it first: novaorch down",
                )
            raise typer.Exit(_let_daemon(context, ports, thought, as_json))
        if thought.plan.moves and not agreed(yes or as_json):
            raise typer.Exit(1)
        context.wiring.followed.accept(desired)
        done = _carried_out(context, ports, thought, as_json)
    raise typer.Exit(_finish(done, desired, ports, as_json))


def again(context: Context) -> int:
    """Converge on the commit that is followed now, as the last step of a verb that changed it.

    A daemon is let do it. Returns the exit code.
    """
    wiring = context.wiring
    desired = wiring.followed.read()
    ports = wiring.ports(desired.fleet, accounts=limits(wiring, desired))
    with handover.controller(wiring, desired.fleet) as lock:
        if lock is None:
            after = handover.let_daemon(wiring, ports, "")
            return _finish(Convergence((), after), after.desired, ports, as_json=False)
        thought = consider(ports, desired)
        wiring.followed.accept(desired)
        done = converge(ports, thought, render.outcome)
        return _finish(done, desired, ports, as_json=False)


def _carried_out(context: Context, ports: Ports, thought: Thought, as_json: bool) -> Convergence:
    """Carry the plan out, and keep in the journal what was done, however it went."""
    chronicle = context.wiring.chronicle(thought.desired.fleet, say=render.err)
    tell = render.outcome_record if as_json else render.outcome
    try:
        return converge(replace(ports, chronicle=chronicle), thought, tell)
    finally:
        try:
            chronicle.flush()
        except NovaorchError as error:
            render.err(f"the journal waits: {error.what} ({error.why}); {error.fix}")


def _let_daemon(context: Context, ports: Ports, thought: Thought, as_json: bool) -> int:
    """Leave the work to the daemon that has the lock; with neither a move nor a word there is
    nothing to leave."""
    consent = thought.scene.consent
    if not thought.plan.moves and consent == SILENT:
        return _verdict(thought.plan, thought.desired)
    if not as_json:
        render.out(f"Handed over: {handover.holder(context.wiring, thought.desired.fleet)}.")
    after = handover.let_daemon(context.wiring, ports, consent.word, consent.now)
    return _finish(Convergence((), after), after.desired, ports, as_json)


def _desired(
    context: Context, saved: savedplan.SavedPlan | None, target: str, consent: Consent
) -> Desired:
    if saved is None:
        return context.wiring.followed.read(target, consent)
    desired = context.wiring.followed.read("")
    if saved.fleet != desired.fleet.name:
        raise StalePlanError(
            f"the plan is for the fleet {saved.fleet}, this one is {desired.fleet.name}",
            fix="run it where it was made, or make a new one: novaorch diff --out PLAN",
        )
    return desired


def _held_to(saved: savedplan.SavedPlan, thought: Thought) -> Thought:
    moves = select(saved.fingerprints, thought)
    names = {fingerprint(move) for move in moves}
    kept = tuple(a for a in thought.plan.actions if a in moves and fingerprint(a) in names)
    return replace(thought, plan=replace(thought.plan, actions=kept))


def _show(context: Context, thought: Thought, as_json: bool) -> None:
    if as_json:
        render.problem_records(thought.desired.problems)
        render.plan_records(thought.plan)
    else:
        render.problems(thought.desired.problems)
        render.plan(thought.plan)
    liaison.show(context.wiring, thought.desired.fleet, as_json=as_json)


def agreed(yes: bool, question: str = "Apply?") -> bool:
    """A commit is consent; a person at a terminal is asked once more."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return typer.confirm(question, default=False)


def _finish(done: Convergence, desired: Desired, ports: Ports, as_json: bool) -> int:
    ports.host.close()
    plan = done.after.plan
    failed: tuple[Outcome, ...] = done.failed
    code = 1 if failed or plan.moves else _verdict(plan, desired)
    if as_json:
        render.record("result", converged=code == 0, failed=len(failed), left=len(plan.actions))
        return code
    if code == 0:
        render.out("Converged: what runs is what is wished for.")
    elif plan.actions and not done.outcomes:
        render.out("Nothing was done: see above what is held, and how to lift it.")
    elif plan.actions:
        render.out("Not converged. What is left:")
        render.plan(plan)
    return code


def _verdict(plan: Plan, desired: Desired) -> int:
    if any(hold.reason in GUARDS for hold in plan.holds):
        return 3
    return 1 if plan.holds or not desired.settled else 0
