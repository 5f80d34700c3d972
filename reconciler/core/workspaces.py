"""Work trees as units: made before their agents, put on a new run, taken away after them."""

from __future__ import annotations

import shlex
from dataclasses import replace

from reconciler.core.change import changes
from reconciler.core.housing import moved
from reconciler.core.leaving import amount, called, closing, inhabitant, leaving, unwanted
from reconciler.core.moves import hold, move
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.step import BeginRun, MarkWorkspace, OpenWorkspace
from reconciler.model.unit import Workspace
from reconciler.model.workspace import RUNS, SeenWorkspace, Unsaved


def workspaces(scene: Scene) -> list[Action]:
    """Return every move of a work tree that is due, and every one that has to wait."""
    wanted, seen = scene.desired.workspaces, scene.world.workspaces
    decided = (decide(scene, workspace) for workspace in wanted.values())
    gone = (unwanted(scene, seen[unit]) for unit in sorted(seen.keys() - wanted.keys()))
    return [*filter(None, decided), *gone]


def decide(scene: Scene, workspace: Workspace) -> Action | None:
    """Return the next move of a wanted work tree; None when it is right."""
    seen = scene.world.workspaces.get(workspace.id)
    if seen is None:
        made = (OpenWorkspace(workspace.id, workspace),)
        return replace(move(Verb.START, workspace, Reason.ABSENT, made), detail=_origin(workspace))
    if seen.trouble:
        return hold(workspace, Reason.CONFLICT, seen.trouble, fix=seen.fix)
    if not seen.digest:
        return _taken(workspace, seen)
    if seen.digest != workspace.digest:
        return _changed(scene, workspace, seen)
    if seen.finished:
        return _next_run(scene, workspace, seen)
    return _astray(workspace, seen) if not seen.run else None


def _taken(workspace: Workspace, seen: SeenWorkspace) -> Action:
    """Return the move that makes a tree ours: one that is there, or that was left half made."""
    verb = Verb.START if seen.fleet else Verb.ADOPT
    detail = "what was begun" if seen.fleet else f"the work tree {seen.path} as it is"
    steps = (OpenWorkspace(workspace.id, workspace),)
    return replace(move(verb, workspace, Reason.ABSENT, steps), detail=detail)


def _changed(scene: Scene, workspace: Workspace, seen: SeenWorkspace) -> Action:
    found = changes(workspace.fields, seen.applied or None)
    if moved(seen, workspace):
        stop = move(Verb.STOP, workspace, Reason.CHANGED, closing(seen))
        return leaving(scene, seen, replace(stop, changes=found), "a tree of another repository")
    noted = (MarkWorkspace(workspace.id, workspace),)
    return replace(move(Verb.UPDATE, workspace, Reason.CHANGED, noted), changes=found)


def questions(scene: Scene) -> list[SeenWorkspace]:
    """Return the trees of which it must be known what is in no commit yet: those that are to go,
    and those whose run is over. Not again and again while an agent is on its way out."""
    found: list[SeenWorkspace] = []
    for unit, seen in scene.world.workspaces.items():
        workspace = scene.desired.workspaces.get(unit)
        goes = workspace is None or moved(seen, workspace)
        if seen.trouble or not (goes or seen.finished):
            continue
        pane = inhabitant(scene, unit)
        if pane is None or pane.mark is None or not pane.mark.asked:
            found.append(seen)
    return found


# -- runs -----------------------------------------------------------------------------------------


def _next_run(scene: Scene, workspace: Workspace, seen: SeenWorkspace) -> Action:
    unsaved = scene.world.facts.unsaved.get(workspace.id, Unsaved())
    over = f"run {seen.run} is over"
    if unsaved.tied:
        tied = replace(unsaved, untracked=0, refused=())
        detail = f"{over}, but the next waits for what is in no commit: {amount(tied)}"
        fix = f"novaorch training commit {called(workspace.id)}; or take it back in {seen.path}"
        return hold(workspace, Reason.UNSAVED, detail, fix=fix)
    begun = (BeginRun(workspace.id, workspace, seen.tip),)
    base = workspace.base or "the branch that its repository is on"
    detail = f"{over}; the next begins at {base}"
    return replace(move(Verb.UPDATE, workspace, Reason.FINISHED, begun), detail=detail)


def _astray(workspace: Workspace, seen: SeenWorkspace) -> Action:
    """Return the hold of a tree whose HEAD was put elsewhere by hand: nothing of it is recorded."""
    where = f"on branch {seen.branch}" if seen.branch else "on no branch"
    runs = f"{RUNS}/{called(workspace.id)}/"
    detail = f"its HEAD is {where}, not on a run of its own ({runs}N): nothing of it is recorded"
    return hold(
        workspace, Reason.EDITED, detail, fix=f"git -C {shlex.quote(seen.path)} switch {runs}N"
    )


def _origin(workspace: Workspace) -> str:
    base = f" at {workspace.base}" if workspace.base else ""
    return f"a work tree of {workspace.repository}{base}"
