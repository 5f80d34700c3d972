"""Work trees as units: made before their agents, put on a new run, taken away when nobody wants
them and their agents have ended.

Nothing that is in no commit is ever given up: it is counted here, and saved by whoever takes a tree
away; what cannot be saved keeps its tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.change import changes
from reconciler.core.explain import counted
from reconciler.core.moves import held, hold, move
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace
from reconciler.model.unit import Process, Workspace
from reconciler.model.workspace import RUNS, SeenWorkspace, Unsaved
from reconciler.model.world import SeenPane

_REFUSED_MAX = 3
_SOURCE = "repository"


def workspaces(scene: Scene) -> list[Action]:
    """Return every move of a work tree that is due, and every one that has to wait."""
    wanted, seen = scene.desired.workspaces, scene.world.workspaces
    decided = (decide(scene, workspace) for workspace in wanted.values())
    gone = (unwanted(scene, seen[unit]) for unit in sorted(seen.keys() - wanted.keys()))
    return [*filter(None, decided), *gone]


def agent_of(unit: UnitId) -> UnitId:
    """Return the agent whose work tree has this id."""
    return UnitId.of(unit.project, "agent", unit.name)


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
        stop = move(Verb.STOP, workspace, Reason.CHANGED, _closing(seen))
        return _leaving(scene, seen, replace(stop, changes=found), "a tree of another repository")
    noted = (MarkWorkspace(workspace.id, workspace),)
    return replace(move(Verb.UPDATE, workspace, Reason.CHANGED, noted), changes=found)


def unwanted(scene: Scene, seen: SeenWorkspace) -> Action:
    """Return the stop of a work tree that nobody asks for, or why it has to wait."""
    stop = Action(Verb.STOP, seen.unit, Reason.REMOVED, steps=_closing(seen))
    if seen.trouble:
        detail = f"nobody wants it any more, but {seen.trouble}"
        return replace(
            stop, verb=Verb.HOLD, reason=Reason.CONFLICT, detail=detail, steps=(), fix=seen.fix
        )
    leaving = _leaving(scene, seen, stop, "")
    return _delayed(scene, leaving) if leaving.verb is Verb.STOP else leaving


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


def inhabitant(scene: Scene, unit: UnitId) -> SeenPane | None:
    """Return the pane whose process is, or may be, in a work tree."""
    agent = agent_of(unit)
    process, pane = scene.desired.processes.get(agent), scene.match.panes.get(agent)
    if pane is not None and _runs(pane) and not _elsewhere(process, pane, unit):
        return pane
    strays = (p for p in scene.match.strays if p.mark is not None and p.mark.unit == agent)
    return next((pane for pane in strays if _runs(pane)), None)


def _runs(pane: SeenPane) -> bool:
    return not pane.dead and pane.mark is not None and not pane.mark.placeholder


def _elsewhere(process: Process | None, pane: SeenPane, unit: UnitId) -> bool:
    """Whether a process was started by the very wish that is now, and that wants it elsewhere."""
    if process is None or pane.mark is None or process.workspace == unit:
        return False
    return pane.mark.digest == process.digest


# -- what waits for a tree ------------------------------------------------------------------------


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
    """Return the hold of a process whose work tree is in trouble, or has yet to show whether it has
    the folder in which the process is to run."""
    workspace = scene.desired.workspaces.get(process.workspace or UnitId(""))
    if workspace is None:
        return None
    seen = scene.world.workspaces.get(workspace.id)
    detail, fix = "waits for its work tree, to see whether it can be started in it", ""
    if seen is not None and seen.trouble:
        detail, fix = f"its work tree cannot be used: {seen.trouble}", seen.fix
    elif _enterable(scene, process, workspace):
        return None
    return replace(hold(process, Reason.DEPENDENCY, detail, fix=fix), needs=(workspace.id,))


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


# -- runs -----------------------------------------------------------------------------------------


def _next_run(scene: Scene, workspace: Workspace, seen: SeenWorkspace) -> Action:
    unsaved = scene.world.facts.unsaved.get(workspace.id, Unsaved())
    over = f"run {seen.run} is over"
    if unsaved.any:
        detail = f"{over}, but the next waits for what is in no commit: {_amount(unsaved)}"
        fix = f"novaorch training commit {_called(workspace.id)}"
        return hold(workspace, Reason.UNSAVED, detail, fix=fix)
    begun = (BeginRun(workspace.id, workspace, seen.tip),)
    base = workspace.base or "the branch that its repository is on"
    detail = f"{over}; the next begins at {base}"
    return replace(move(Verb.UPDATE, workspace, Reason.FINISHED, begun), detail=detail)


def _astray(workspace: Workspace, seen: SeenWorkspace) -> Action:
    """Return the hold of a tree whose HEAD was put elsewhere by hand: nothing of it is recorded."""
    where = f"on branch {seen.branch}" if seen.branch else "on no branch"
    runs = f"{RUNS}/{_called(workspace.id)}/"
    detail = f"its HEAD is {where}, not on a run of its own ({runs}N): nothing of it is recorded"
    return hold(workspace, Reason.EDITED, detail, fix=f"git -C {seen.path} switch {runs}N")


# -- going ----------------------------------------------------------------------------------------


def _leaving(scene: Scene, seen: SeenWorkspace, stop: Action, why: str) -> Action:
    """Return the stop, saying what is saved first; held while its agent runs, or when something in
    it cannot be saved."""
    unsaved = scene.world.facts.unsaved.get(seen.unit)
    saving = "; ".join(filter(None, (why, _saving(seen, unsaved))))
    if unsaved is not None and unsaved.refused:
        return replace(
            stop,
            verb=Verb.HOLD,
            reason=Reason.UNSAVED,
            detail=f"what is in it cannot be saved: {_refused(unsaved.refused)}",
            steps=(),
            fix=f"save or delete it: cd {seen.path}",
        )
    if inhabitant(scene, seen.unit) is None:
        return replace(stop, detail=saving)
    agent = agent_of(seen.unit)
    return replace(
        stop,
        verb=Verb.HOLD,
        reason=Reason.DEPENDENCY,
        detail=f"it goes when {agent} has ended; {saving}",
        steps=(),
        needs=(agent,),
    )


def _delayed(scene: Scene, stop: Action) -> Action:
    """Return the stop, or the wait before it. A tree has no mark of since when nobody wants it; so
    it waits until the newest commit is old enough, which is never shorter than was promised."""
    delay_s, now = scene.desired.fleet.stops_delay_s, scene.world.taken_at
    committed = scene.desired.committed
    if not committed <= now < committed + delay_s:
        return stop
    detail = f"nobody wants it; it is stopped if that stays so; {stop.detail}"
    until, fix = committed + delay_s, "commit it back to keep it"
    return held(stop, Reason.ABSENCE, detail, until=until, fix=fix)


def _closing(seen: SeenWorkspace) -> tuple[CloseWorkspace, ...]:
    return (CloseWorkspace(seen.unit, seen.path, seen.branch, seen.tip),)


def _saving(seen: SeenWorkspace, unsaved: Unsaved | None) -> str:
    """Return what becomes of the work in a tree, in words."""
    branch = f"the branch {seen.branch} stays" if seen.branch else "its commits stay"
    if unsaved is None:
        return f"what is in no commit then is kept; {branch}"
    if not unsaved.any:
        return f"everything is committed; {branch}"
    back = f"novaorch training restore {_called(seen.unit)}"
    return f"{_amount(unsaved)} kept (back with: {back}); {branch}"


def _amount(unsaved: Unsaved) -> str:
    named = (
        (unsaved.staged, "staged"),
        (unsaved.changed, "changed"),
        (unsaved.untracked, "untracked"),
        (len(unsaved.refused), "unsavable"),
    )
    said = [counted(number, f"{what} file") for number, what in named if number]
    return ", ".join(said)


def _refused(refused: Iterable[tuple[str, str]]) -> str:
    told = [f"{path} ({why})" for path, why in refused]
    more = f" and {len(told) - _REFUSED_MAX} more" if len(told) > _REFUSED_MAX else ""
    return "; ".join(told[:_REFUSED_MAX]) + more


def _called(unit: UnitId) -> str:
    """Return an agent as people call it to the verbs of training."""
    return f"{unit.project}/{unit.name}"


def _origin(workspace: Workspace) -> str:
    base = f" at {workspace.base}" if workspace.base else ""
    return f"a work tree of {workspace.repository}{base}"
