"""What a person did by hand to things of ours: said, and left as it is.

What is healed is a move of the plan, and said there; what cannot be healed is said here. A manifest
that ignores edits is not spoken of.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from reconciler.core.scene import Scene
from reconciler.core.seats import away, seats
from reconciler.model.ids import UnitId
from reconciler.model.unit import Frame, Heal


def notices(scene: Scene, busy: Container[UnitId]) -> list[str]:
    """Return one sentence for each thing that is not where, or not called, as the wish says.

    `busy` holds the units that the plan speaks of: it says more than a notice could.
    """
    names = {session.session_id: session.name for session in scene.world.sessions}
    quiet = (frame for frame in scene.desired.frames.values() if frame.id not in busy)
    return [line for frame in quiet for line in _frame(scene, frame, names)]


def _frame(scene: Scene, frame: Frame, names: dict[str, str]) -> Iterator[str]:
    session = scene.match.sessions.get(frame.id)
    told = frame.healing.edit is not Heal.IGNORE
    if told and session is not None and session.name != frame.session:
        yield f"{frame.id}: its session was renamed to {session.name} by hand"
    for seat, unit in seats(frame):
        pane = away(scene, seat, unit)
        told = scene.desired.processes[unit].healing.edit is not Heal.IGNORE
        if told and pane is not None:
            where = names.get(pane.session_id, pane.session_id)
            yield f"{unit}: its pane {pane.pane_id} was moved to session {where} by hand"
