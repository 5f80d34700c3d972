"""`novaorch adopt`: a live session of the fleet's own server becomes ours, as it is."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters import livetmux
from reconciler.cli import handover, newmanifest, render
from reconciler.cli.app import Context
from reconciler.cli.import_ import say
from reconciler.kinds.foreign.live import read_live
from reconciler.kinds.foreign.naming import unit_name
from reconciler.loop.converge import converge
from reconciler.loop.cycle import Ports, consider
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, RefusedError, UsageError
from reconciler.model.unit import Desired
from reconciler.model.world import SeenSession
from reconciler.wiring import Wiring


def command(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The session, as `tmux list-sessions` shows it.")],
    project: Annotated[
        str, typer.Option("--project", metavar="P", help="Where it goes; else the only project.")
    ] = "",
    as_name: Annotated[
        str, typer.Option("--as-name", metavar="N", help="The unit's name; else from NAME.")
    ] = "",
    socket: Annotated[
        str, typer.Option("--socket", metavar="S", help="Say which server; must be the fleet's.")
    ] = "",
    commit: Annotated[bool, typer.Option("--commit", help="Commit it and take it over.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a manifest.")] = False,
) -> None:
    """Write the manifest of a live session, so that the next apply takes it over as it is.

    No process is touched: windows and panes get marks, and are kept from then on.

    Exit code 0: done, or ours already. 1: an error. 3: refused.

    Example: novaorch adopt scratch --project work --commit
    """
    context: Context = ctx.obj
    wiring = context.wiring
    if as_name and unit_name(as_name) != as_name:
        raise UsageError(f"{as_name} cannot name a unit", fix=f"--as-name {unit_name(as_name)}")
    desired = wiring.wishes.read(":worktree")
    _same_server(desired, socket)
    ports = wiring.ports(desired.fleet)
    if _ours(_find(ports, name), desired.fleet.name):
        raise typer.Exit(0)
    unit = UnitId.of(newmanifest.project(wiring, project), "session", as_name or unit_name(name))
    file = _write(wiring, desired, name, unit, force=force)
    thought = consider(ports, wiring.wishes.read(":worktree"))
    mine = tuple(action for action in thought.plan.actions if action.unit == unit)
    render.problems(thought.desired.problems)
    render.plan(replace(thought.plan, actions=mine, notices=()))
    if commit:
        raise typer.Exit(_take_over(wiring, ports, file, unit))
    path = shlex.quote(str(file.relative_to(wiring.repository.root)))
    render.out(f"To take it over:  git add {path} && git commit -m 'Adopt {unit}' -- {path}")
    render.out("                  novaorch apply")


def _same_server(desired: Desired, socket: str) -> None:
    if socket and socket != desired.fleet.socket:
        raise UsageError(
            f"the fleet's server is {desired.fleet.socket}, not {socket}",
            why="tmux cannot move a session to another server",
            fix=f"set `tmux: {{socket: {socket}}}` in fleet.yaml, or import its tmuxp file",
        )


def _find(ports: Ports, name: str) -> SeenSession:
    world = ports.host.photograph(ports.clock.now())
    found = [session for session in world.sessions if session.name == name]
    if found:
        return found[0]
    known = ", ".join(sorted(s.name for s in world.sessions if s.mark is None))
    raise NovaorchError(
        f"there is no tmux session named {name}",
        why=f"on the fleet's server and nobody's are: {known or 'none'}",
        fix="name one of them",
    )


def _ours(session: SeenSession, fleet: str) -> bool:
    if session.mark is None:
        return False
    if session.mark.fleet != fleet:
        raise RefusedError(
            f"{session.name} belongs to the fleet {session.mark.fleet}",
            why="a session has one owner",
            fix="take it away there first",
        )
    render.out(f"{session.name} is ours already: {session.mark.unit}")
    return True


def _write(wiring: Wiring, desired: Desired, name: str, unit: UnitId, *, force: bool) -> Path:
    live = livetmux.snapshot(desired.fleet.socket, name)
    around = newmanifest.surroundings(wiring, wiring.directory)
    imported = read_live(live, around, unit.name)
    path = newmanifest.place(unit.project, unit.name)
    file = newmanifest.write(wiring, path, imported, force=force)
    render.out(f"{name} -> {newmanifest.FOLDER}/{path}")
    say(imported.notes)
    return file


def _take_over(wiring: Wiring, ports: Ports, file: Path, unit: UnitId) -> int:
    """Commit just this file, carry out just this adoption, and prove that nothing is left of it."""
    commit = wiring.repository.commit_paths([file], f"Adopt {unit}\n")
    render.out(f"Committed as {commit[:12]}.")
    with handover.controller(wiring, wiring.followed.read().fleet) as lock:
        if lock is None:
            handover.let_daemon(wiring, ports, "")
        else:
            _adopt_alone(wiring, ports, unit)
    return _proved(wiring, ports, unit)


def _adopt_alone(wiring: Wiring, ports: Ports, unit: UnitId) -> None:
    thought = consider(ports, wiring.followed.read())
    mine = tuple(action for action in thought.plan.actions if action.unit == unit)
    only = replace(thought, plan=replace(thought.plan, actions=mine))
    converge(ports, only, render.outcome)


def _proved(wiring: Wiring, ports: Ports, unit: UnitId) -> int:
    after = consider(ports, wiring.followed.read())
    ports.host.close()
    left = tuple(a for a in after.plan.actions if a.unit == unit or a.unit.startswith(f"{unit}/"))
    if left or unit not in after.scene.match.sessions:
        render.out("Not taken over. What is left:")
        render.plan(replace(after.plan, actions=left))
        return 1
    render.out("Taken over: nothing that runs was touched, and nothing is left to do for it.")
    return 0
