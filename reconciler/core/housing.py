"""Agents and the work trees that they run in: what has to be there before one can start.

A process that runs is never ended for a tree that cannot be made.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.moves import hold
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason
from reconciler.model.ids import UnitId
from reconciler.model.unit import Process, Workspace
from reconciler.model.workspace import SeenWorkspace

_SOURCE = "repository"


def usable(scene: Scene, unit: UnitId) -> bool:
    """Whether a wanted work tree is there, ours, whole, and of the repository that is wanted."""
    seen, workspace = scene.world.workspaces.get(unit), scene.desired.workspaces.get(unit)
    if seen is None or workspace is None or seen.trouble or not seen.digest:
        return False
    return not moved(seen, workspace)


def moved(seen: SeenWorkspace, workspace: Workspace) -> bool:
    """Whether a tree is one of another repository than is wished for."""
    if seen.digest in ("", workspace.digest):
        return False
    return bool(seen.applied) and seen.applied.get(_SOURCE) != workspace.repository


def tree_needs(process: Process) -> tuple[UnitId, ...]:
    """Return the work tree that must be there before a process starts in it."""
    return (process.workspace,) if process.workspace is not None else ()


def made_first(scene: Scene, process: Process) -> tuple[UnitId, ...]:
    """Return the work tree that a process which runs elsewhere is only ended for once it is there.

    One of another repository is none of these: it can only come after the process has ended.
    """
    unit = process.workspace
    if unit is None or usable(scene, unit):
        return ()
    seen, workspace = scene.world.workspaces.get(unit), scene.desired.workspaces.get(unit)
    other = seen is not None and workspace is not None and moved(seen, workspace)
    return () if other else (unit,)


def treeless(scene: Scene, process: Process) -> Action | None:
    """Return the hold of a process whose work tree is in trouble, cannot give way to another, or
    has yet to show whether it has the folder in which the process is to run."""
    workspace = scene.desired.workspaces.get(process.workspace or UnitId(""))
    if workspace is None:
        return None
    seen = scene.world.workspaces.get(workspace.id)
    detail, fix = "waits for its work tree, to see whether it can be started in it", ""
    if seen is not None and seen.trouble:
        detail, fix = f"its work tree cannot be used: {seen.trouble}", seen.fix
    elif seen is not None and moved(seen, workspace) and _stays(scene, seen):
        detail = "its work tree of another repository holds what cannot be saved"
    elif _enterable(scene, process, workspace):
        return None
    return replace(hold(process, Reason.DEPENDENCY, detail, fix=fix), needs=(workspace.id,))


def _stays(scene: Scene, seen: SeenWorkspace) -> bool:
    unsaved = scene.world.facts.unsaved.get(seen.unit)
    return unsaved is not None and bool(unsaved.refused)


def _enterable(scene: Scene, process: Process, workspace: Workspace) -> bool:
    """Whether nothing has to be seen in a tree before it is known that a process can start there;
    or it can only be made when that process has ended."""
    seen = scene.world.workspaces.get(workspace.id)
    if usable(scene, workspace.id) or (seen is not None and moved(seen, workspace)):
        return True
    return process.launch.directory == workspace.path and not within(process)


def within(process: Process) -> bool:
    """Whether the program of a process is looked for in the folder that it runs in."""
    program = process.launch.argv[0] if process.launch.argv else ""
    return "/" in program and not program.startswith("/")
