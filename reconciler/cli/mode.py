"""`novaorch mode`: what an agent may do by itself; a word in its file, changed by a commit."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from reconciler.adapters.git.edit import Edit, Edits
from reconciler.adapters.state import holder_pid
from reconciler.cli import handover, render
from reconciler.cli.app import Context
from reconciler.core.address import agent as one_agent
from reconciler.core.address import book_from
from reconciler.core.explain import clean
from reconciler.core.recollect import recollect
from reconciler.kinds.edit import with_mode
from reconciler.kinds.spans import seconds
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, SourceError, UsageError
from reconciler.model.status import Status
from reconciler.model.unit import Desired
from reconciler.wiring import Wiring

MODES = ("auto", "manual", "training", "stopped")
LOOK_S = 0.1


def command(
    ctx: typer.Context,
    agent: Annotated[
        str, typer.Argument(metavar="AGENT", help="torch, or web/torch; left out, oneself.")
    ],
    mode: Annotated[str, typer.Argument(metavar="MODE", help=f"One of {', '.join(MODES)}.")] = "",
    branch: Annotated[
        str, typer.Option("--branch", metavar="NAME", help="Commit to a new branch, for review.")
    ] = "",
    message: Annotated[
        str, typer.Option("-m", "--message", metavar="TEXT", help="The commit's message.")
    ] = "",
    wait: Annotated[
        str, typer.Option("--wait", metavar="SPAN", help="How long the daemon is waited for.")
    ] = "15s",
) -> None:
    """Let an agent work by itself (auto), only when people write to it (manual), in training, or
    not at all (stopped).

    Changes `spec.mode` in the agent's file, every other byte stays, and commits that file alone. A
    file with changes that are not committed is left as it is. When a daemon runs, it is waited for
    until it follows the commit. Within an agent the mode alone is enough.

    Example: novaorch mode torch manual -m "I take over for the demo"
    """
    context: Context = ctx.obj
    wiring = context.wiring
    if not mode:
        agent, mode = os.environ.get("NOVAORCH_UNIT", ""), agent
    if mode not in MODES:
        raise UsageError(f"{clean(mode)!r} is no mode", fix=f"choose one of {', '.join(MODES)}")
    if not agent:
        raise UsageError("whose mode?", fix=f"name an agent: novaorch mode AGENT {mode}")
    patience = seconds(wait)
    if patience is None:
        raise UsageError(f"--wait {wait!r} is no time", fix="write it as 30s, 10m or 2h")
    desired = wiring.wishes.read()
    unit, path, others = _found(desired, agent)
    commit = _committed(wiring, desired, Wanted(unit, path, mode, branch, message))
    if others:
        render.out(f"The same file asks for {', '.join(others)}, too.")
    if commit and not branch:
        _follow(wiring, desired.fleet, unit, (commit, patience))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which agent's file is to say which mode, and how that is committed."""

    unit: UnitId
    path: str
    mode: str
    branch: str
    message: str


def _found(desired: Desired, word: str) -> tuple[UnitId, str, list[str]]:
    """Return the agent, its file, and who else is in that file."""
    unit = one_agent(word, book_from(desired))
    path = desired.processes[unit].source.path
    same = [p.id for p in desired.processes.values() if p.source.path == path and p.id != unit]
    return unit, path, sorted(f"{other.project}/{other.name}" for other in same)


def _committed(wiring: Wiring, desired: Desired, wanted: Wanted) -> str:
    """Make the commit and say so; '' when there is nothing to change."""
    followed = desired.fleet.branch or wiring.repository.head_branch()
    if not followed:
        raise SourceError(
            "HEAD is on no branch, so there is none to commit to",
            fix="git switch BRANCH, or name one in fleet.yaml: sync: {branch: NAME}",
        )
    edits = Edits(wiring.repository.ground())
    before = edits.read(followed, wanted.path)
    after = with_mode(wanted.path, before, wanted.mode)
    if after == before:
        render.out(f"{wanted.unit} is to be {wanted.mode} already; nothing is committed.")
        return ""
    subject = wanted.message.strip() or f"Set {wanted.unit} to {wanted.mode}"
    edit = Edit(wanted.path, after, f"{subject}\n")
    if wanted.branch:
        commit = edits.beside(edit, followed, wanted.branch)
        render.out(f"Committed as {commit[:12]} on {wanted.branch}: merge it when it was reviewed.")
        return commit
    commit = edits.onto_branch(edit, followed)
    render.out(f"Committed as {commit[:12]} on {followed}: {wanted.unit} is to be {wanted.mode}.")
    return commit


def _follow(wiring: Wiring, fleet: FleetSettings, unit: UnitId, until: tuple[str, float]) -> None:
    """Wait until the daemon follows the commit, and say what became of it."""
    commit, patience = until
    if holder_pid(wiring.state(fleet).lock) is None:
        render.out("No daemon is at work: novaorch up, or novaorch apply.")
        return
    handover.nudge(wiring)
    end = time.monotonic() + patience
    observed, status = "", None
    while time.monotonic() < end:
        observed, status = _observed(wiring, fleet, unit)
        if observed == commit:
            what = f": {status.state}, ready {status.ready.value}" if status is not None else ""
            render.out(f"Observed: the daemon follows {commit[:12]}; {unit}{what}.")
            return
        time.sleep(LOOK_S)
    held = next((w for w in wiring.followed.read().withheld if w.commit == commit), None)
    raise NovaorchError(
        f"{commit[:12]} is committed, and not followed after {patience:g} s",
        why=f"{held.why.value}: {held.detail}" if held else f"observed is {observed[:12] or '?'}",
        fix=(held.fix if held else "") or "see why: novaorch status",
    )


def _observed(wiring: Wiring, fleet: FleetSettings, unit: UnitId) -> tuple[str, Status | None]:
    """Return the commit that the daemon follows, and how the agent is there; '' for no answer."""
    try:
        store = wiring.store(fleet, start=False)
        try:
            recalled = recollect(store.recall())
        finally:
            store.close()
    except NovaorchError:
        return "", None
    return recalled.commit, next((s for s in recalled.statuses if s.unit == unit), None)
