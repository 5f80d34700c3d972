"""Work trees that are to go: after their agents have ended, and with nothing in them lost.

What is in no commit is counted here, and saved by whoever takes a tree away; what cannot be saved
keeps its tree. Guards come later.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.explain import counted
from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import CloseWorkspace
from reconciler.model.unit import Process
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.model.world import SeenPane

_REFUSED_MAX = 3


def agent_of(unit: UnitId) -> UnitId:
    """Return the agent whose work tree has this id."""
    return UnitId.of(unit.project, "agent", unit.name)


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


def unwanted(scene: Scene, seen: SeenWorkspace) -> Action:
    """Return the stop of a work tree that nobody asks for, or why it has to wait."""
    stop = Action(Verb.STOP, seen.unit, Reason.REMOVED, steps=closing(seen))
    if seen.trouble:
        detail = f"nobody wants it any more, but {seen.trouble}"
        return replace(
            stop, verb=Verb.HOLD, reason=Reason.CONFLICT, detail=detail, steps=(), fix=seen.fix
        )
    found = leaving(scene, seen, stop, "")
    return _delayed(scene, found) if found.verb is Verb.STOP else found


def leaving(scene: Scene, seen: SeenWorkspace, stop: Action, why: str) -> Action:
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
            fix=f"save or delete it: cd {shlex.quote(seen.path)}",
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


def closing(seen: SeenWorkspace) -> tuple[CloseWorkspace, ...]:
    """Return the step that takes a tree away, as it was seen."""
    return (CloseWorkspace(seen.unit, seen.path, seen.branch, seen.tip),)


def _saving(seen: SeenWorkspace, unsaved: Unsaved | None) -> str:
    """Return what becomes of the work in a tree, in words."""
    branch = f"the branch {seen.branch} stays" if seen.branch else "its commits stay"
    if unsaved is None:
        return f"what is in no commit then is kept; {branch}"
    if not unsaved.any:
        return f"everything is committed; {branch}"
    back = f"novaorch training restore {called(seen.unit)}"
    return f"{amount(unsaved)} kept (back with: {back}); {branch}"


def amount(unsaved: Unsaved) -> str:
    """Return how much is in no commit, in words."""
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


def called(unit: UnitId) -> str:
    """Return an agent as people call it to the verbs of training."""
    return f"{unit.project}/{unit.name}"
