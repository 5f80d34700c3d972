"""What the photograph does not show and the plan must know: asked once, answered by the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.ending import has_time
from reconciler.core.scene import Scene, frame_key
from reconciler.core.stops import is_fresh, runs
from reconciler.core.workspaces import questions
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.unit import Process
from reconciler.model.workspace import SeenWorkspace
from reconciler.model.world import SeenPane

Applied = Mapping[UnitId, Mapping[str, Json]]
"""Last applied fields by unit."""


@dataclass(frozen=True, slots=True)
class Questions:
    """`applied` maps a unit to the tmux id whose last applied fields are wanted.

    `elsewhere` says where to look when a pane knows nothing: a person may have moved it out of
    the session that does. `starting` holds the processes that this plan may start. `unsaved` has
    the work trees of which it must be known what is in no commit.
    """

    applied: dict[UnitId, str]
    elsewhere: dict[UnitId, str]
    starting: list[Process]
    unsaved: list[SeenWorkspace] = field(default_factory=list)


def inquire(scene: Scene) -> Questions:
    """Return the questions; none at all when everything is as wished."""
    found = Questions({}, {}, [])
    for frame in scene.desired.frames.values():
        session = scene.match.sessions.get(frame.id)
        if session is not None and session.mark and session.mark.digest != frame.digest:
            found.applied[frame_key(frame)] = session.session_id
    for process in scene.desired.processes.values():
        if process.held is None:
            _ask(scene, process, found)
    for pane in scene.match.strays:
        _ask_stray(scene, pane, found)
    found.unsaved.extend(questions(scene))
    return found


def _ask(scene: Scene, process: Process, found: Questions) -> None:
    pane = scene.match.panes.get(process.id)
    if pane is None or pane.mark is None:
        if not process.stopped:
            found.starting.append(process)
        return
    if pane.mark.digest != process.digest:
        _changed(scene, process, pane, found)
    elif pane.dead or pane.mark.asked:
        found.starting.append(process)


def _ask_stray(scene: Scene, pane: SeenPane, found: Questions) -> None:
    """Ask how a process whose manifest is gone wants to end, when it is about to be told."""
    mark = pane.mark
    if mark is None or not runs(pane):
        return
    if not is_fresh(pane) and has_time(mark, scene.world.taken_at):
        return
    if mark.unit not in scene.desired.processes:
        found.applied.setdefault(mark.unit, pane.pane_id)


def believed(scene: Scene, answers: Applied) -> Applied:
    """Return the answers that are true: fields whose digest is the one in the mark.

    A session keeps what was said of a unit that left it, and a person may bring the unit back.
    """
    strays = reversed(scene.match.strays)  # of doubles, the first was asked for
    marks = {pane.mark.unit: pane.mark for pane in strays if pane.mark is not None}
    marks |= {unit: pane.mark for unit, pane in scene.match.panes.items() if pane.mark is not None}
    return {
        unit: fields
        for unit, fields in answers.items()
        if unit not in marks or digest(dict(fields)) == marks[unit].digest
    }


def _changed(scene: Scene, process: Process, pane: SeenPane, found: Questions) -> None:
    found.starting.append(process)
    found.applied[process.id] = pane.pane_id
    home = scene.match.sessions.get(process.frame)
    if home is not None and home.session_id != pane.session_id:
        found.elsewhere[process.id] = home.windows[0].panes[0].pane_id
