"""`novaorch rollback`: go back to an earlier wish, and stay there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from reconciler.adapters.git.revert import Revert, Reverts, as_user
from reconciler.cli import apply, handover, render
from reconciler.cli.app import Context
from reconciler.core.explain import clean, counted
from reconciler.loop.cycle import consider
from reconciler.model.control import Controls, Quarantine
from reconciler.model.manifest import Tree
from reconciler.model.problems import ConflictError, NovaorchError, RefusedError, SourceError
from reconciler.wiring import Wiring

Change = Callable[[Controls], Controls]

BACK_MAX = 10_000
"""How many commits are looked at on the way back."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class Way:
    """From the tip of a branch back to a commit; `bad` is what must not come again."""

    branch: str
    tip: Tree
    base: Tree
    bad: tuple[tuple[str, str], ...]


def command(
    ctx: typer.Context,
    revision: Annotated[
        str, typer.Argument(metavar="[REV]", help="Where to; the last other wish when absent.")
    ] = "",
    branch: Annotated[
        str, typer.Option("--branch", metavar="NAME", help="Commit to a new branch, for review.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    release: Annotated[
        str, typer.Option("--release", metavar="SHA", help="Let what was rolled back come again.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")] = False,
) -> None:
    """Go back to an earlier desired-state/ with a revert commit; other files stay as they are.

    What is rolled back is put into quarantine first: the very same content is not followed again,
    however often it is pushed or merged, until --release. So the fleet goes back even before the
    commit is there, and with --branch before anybody merged it. Once more goes further back.

    Exit code 0: converged. 1: something failed or is held. 3: a guard refused.

    Example: novaorch rollback --reason "agents loop since this morning"
    """
    context: Context = ctx.obj
    if release:
        _release(context.wiring, release)
        return
    way = _way(context.wiring, revision)
    reverts = as_user(context.wiring.repository.ground())
    revert = Revert(way.base.commit, way.branch, _message(way, reason))
    if not branch:
        reverts.check(revert)
    by = context.wiring.person
    _show(context, way)
    if not apply.agreed(yes, "Roll back?"):
        raise typer.Exit(1)
    _quarantine(context.wiring, way, reason, by)
    _commit(reverts, revert, branch)
    raise typer.Exit(apply.again(context))


# -- where to -------------------------------------------------------------------------------------


def _way(wiring: Wiring, revision: str) -> Way:
    """Return the way back. Looks at commits alone: what is at the tip may be beyond reading."""
    branch = _branch(wiring)
    tip = wiring.repository.tree(f"refs/heads/{branch}")
    said = wiring.control.read()
    shunned = {one.tree for one in said.quarantined}
    base = wiring.repository.tree(revision or _earlier(wiring, tip, shunned))
    if not base.exists:
        raise SourceError(
            f"there is no desired-state/ in {base.commit[:12]}",
            fix="name a commit that has one: git log --oneline -- desired-state",
        )
    if base.oid == tip.oid:
        raise NovaorchError(
            f"{branch} asks already for what {base.commit[:12]} asked for",
            fix="nothing is to be rolled back; look at `novaorch diff`",
        )
    if base.oid in shunned:
        raise RefusedError(
            f"what {base.commit[:12]} asks for was rolled back itself",
            why="it would not be followed",
            fix=f"novaorch rollback --release {base.commit[:12]}",
        )
    wiring.wishes.read(base.commit)  # a way back to what cannot be read is none
    return Way(branch, tip, base, _bad(wiring, tip, base))


def _branch(wiring: Wiring) -> str:
    """Return the branch that is followed."""
    branch = ""
    with contextlib.suppress(NovaorchError):  # a broken fleet.yaml is a reason to roll back
        branch = wiring.wishes.read("HEAD").fleet.branch
    found = branch or wiring.repository.head_branch()
    if not found:
        raise SourceError(
            "HEAD is on no branch, so there is none to roll back",
            fix="git switch BRANCH, or name one in fleet.yaml: sync: {branch: NAME}",
        )
    return found


def _earlier(wiring: Wiring, tip: Tree, shunned: set[str]) -> str:
    """Return the last commit before the tip that asks for something else, and may be followed."""
    for (commit, tree), _ in zip(wiring.repository.line(tip.commit), range(BACK_MAX), strict=False):
        if tree and tree != tip.oid and tree not in shunned:
            return commit
    raise NovaorchError(
        "there is no earlier wish to go back to",
        why="every commit before asks for the same, or was rolled back itself",
        fix="name a commit, or release one: novaorch rollback --release SHA",
    )


def _bad(wiring: Wiring, tip: Tree, base: Tree) -> tuple[tuple[str, str], ...]:
    """Return (commit, content) of all that lies between; of the tip alone when `base` is beside."""
    between: dict[str, str] = {}
    for (commit, tree), _ in zip(wiring.repository.line(tip.commit), range(BACK_MAX), strict=False):
        if commit == base.commit:
            break
        if tree and tree != base.oid:
            between.setdefault(tree, commit)
    else:
        between = {tip.oid: tip.commit} if tip.oid else {}
    return tuple((commit, tree) for tree, commit in between.items())


# -- saying and doing -----------------------------------------------------------------------------


def _message(way: Way, reason: str) -> str:
    title = f"Roll back desired-state/ to {way.base.commit[:12]}"
    return "\n\n".join(filter(None, [title, way.base.subject and f"It is as in: {way.base.subject}",
        reason, "\n".join(f"Rolled-back: {commit}" for commit, _ in way.bad)])) + "\n"  # fmt: skip


def _show(context: Context, way: Way) -> None:
    """Print where this leads to: the plan for what comes back."""
    render.out(
        f"Back on {way.branch} from {way.tip.commit[:12]} ({clean(way.tip.subject)}) to "
        f"{way.base.commit[:12]} ({clean(way.base.subject)}):"
    )
    desired = context.wiring.wishes.read(way.base.commit)
    ports = context.wiring.ports(desired.fleet)
    try:
        thought = consider(ports, desired)
    finally:
        ports.host.close()
    render.problems(desired.problems)
    render.plan(thought.plan)


def _quarantine(wiring: Wiring, way: Way, reason: str, by: str) -> None:
    if not way.bad:
        return
    now = wiring.clock.now()
    word = clean(" ".join(reason.split()))[:500]

    def said(controls: Controls) -> Controls:
        known = {one.tree for one in controls.quarantined}
        fresh = [Quarantine(c, t, word, clean(by), now) for c, t in way.bad if t not in known]
        trial = controls.trial
        ends = trial is not None and any(trial.tree == tree for _, tree in way.bad)
        return replace(
            controls,
            quarantined=(*controls.quarantined, *fresh),
            trial=None if ends else trial,
        )

    _said(wiring, said, f"quarantine {', '.join(c[:12] for c, _ in way.bad[:5])}: {word}", by)
    render.out(f"In quarantine: {counted(len(way.bad), 'commit')}; the fleet goes back now.")


def _commit(reverts: Reverts, revert: Revert, branch: str) -> None:
    if branch:
        commit = reverts.beside(revert, branch)
        render.out(f"Committed as {commit[:12]} on {branch}: merge it when it was reviewed.")
        return
    try:
        commit = reverts.onto_branch(revert)
    except NovaorchError as error:
        raise SourceError(
            f"no commit takes it back: {error.what}",
            why=f"{error.why}; the fleet goes back all the same, as the content is in quarantine",
            fix=f"{error.fix}; then: novaorch rollback --branch NAME, or novaorch rollback "
            "--release SHA to let it come again",
        ) from error
    render.out(f"Committed as {commit[:12]} on {revert.branch}.")


def _release(wiring: Wiring, name: str) -> None:
    quarantined = wiring.control.read().quarantined
    found = [one for one in quarantined if one.commit.startswith(name)] if len(name) > 3 else []
    if not found:
        tree = wiring.repository.tree(name).oid
        found = [one for one in quarantined if one.tree == tree]
    if not found:
        known = ", ".join(one.commit[:12] for one in quarantined) or "nothing"
        raise NovaorchError(
            f"{name} is not in quarantine", why=f"in quarantine: {known}", fix="name one of these"
        )
    gone = {one.tree for one in found}

    def said(controls: Controls) -> Controls:
        return replace(
            controls, quarantined=tuple(q for q in controls.quarantined if q.tree not in gone)
        )

    _said(wiring, said, f"release {', '.join(one.commit[:12] for one in found)}", wiring.person)
    handover.nudge(wiring)
    for one in found:
        render.out(f"Released: {one.commit[:12]} may be followed again.")


def _said(wiring: Wiring, change: Change, why: str, by: str) -> None:
    """Say it to the controller, again when somebody else said something meanwhile."""
    for left in reversed(range(TRIES)):
        try:
            wiring.control.write(change(wiring.control.read()), why, by)
        except ConflictError:
            if not left:
                raise
        else:
            return
