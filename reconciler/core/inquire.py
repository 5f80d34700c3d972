"""What the photograph does not show and the plan must know: asked once, answered by the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.scene import Scene, frame_key
from reconciler.model.ids import UnitId
from reconciler.model.unit import Process
from reconciler.model.world import Drain


@dataclass(frozen=True, slots=True)
class Questions:
    """`applied` maps a unit to the tmux id whose last applied fields are wanted.

    `starting` holds the processes that this plan may start.
    """

    applied: Mapping[UnitId, str]
    starting: tuple[Process, ...]


def inquire(scene: Scene) -> Questions:
    """Return the questions; none at all when everything is as wished."""
    applied: dict[UnitId, str] = {}
    for frame in scene.desired.frames.values():
        session = scene.match.sessions.get(frame.id)
        if session is not None and session.mark and session.mark.digest != frame.digest:
            applied[frame_key(frame)] = session.session_id
    starting: list[Process] = []
    for process in scene.desired.processes.values():
        pane = scene.match.panes.get(process.id)
        if pane is None or pane.mark is None:
            if not process.stopped:
                starting.append(process)
            continue
        if pane.mark.digest != process.digest:
            applied[process.id] = pane.pane_id
            starting.append(process)
        elif pane.dead or pane.mark.drain is not Drain.NONE:
            starting.append(process)
    return Questions(applied, tuple(starting))
