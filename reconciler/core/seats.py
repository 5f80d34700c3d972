"""Where a process belongs, whether it is there, and who wants it elsewhere: the wish, or a hand.

What the wish moves is carried, running, to its new slot. What a person moved stays where it is,
unless its manifest asks for edits to be healed: then it is carried back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.change import changes
from reconciler.core.scene import Scene, frame_key
from reconciler.model.action import Change
from reconciler.model.ids import Json, UnitId
from reconciler.model.unit import Frame, Heal, Process, Window
from reconciler.model.world import SeenPane, SeenSession


@dataclass(frozen=True, slots=True)
class Seat:
    """One slot of one window of one frame."""

    frame: Frame
    window: Window


def seat_of(scene: Scene, process: Process) -> Seat:
    """Return where a process belongs."""
    frame = scene.desired.frames[process.frame]
    for window in frame.windows:
        if any(slot.process == process.id for slot in window.slots):
            return Seat(frame, window)
    raise KeyError(process.id)


def away(scene: Scene, seat: Seat, unit: UnitId) -> SeenPane | None:
    """Return the real pane of a process that lives outside its slot's window."""
    pane = scene.match.panes.get(unit)
    if pane is None or scene.match.seated(seat.frame, seat.window, pane):
        return None
    return pane


def homeless(scene: Scene, unit: UnitId) -> bool:
    """Whether neither the process nor a placeholder for it is anywhere, and one should be."""
    if scene.desired.processes[unit].held is not None:
        return False
    return unit not in scene.match.panes and unit not in scene.match.places


def recalled(scene: Scene, seat: Seat, unit: UnitId) -> bool:
    """Whether a process that lives elsewhere is to come into this slot."""
    pane, process = away(scene, seat, unit), scene.desired.processes[unit]
    if pane is None or pane.mark is None or process.held is not None:
        return False
    return process.healing.edit is Heal.HEAL or not _moved_by_hand(scene, seat, unit)


def brought_back(scene: Scene, seat: Seat, unit: UnitId) -> bool:
    """Whether a person moved a process elsewhere, and its manifest wants that healed."""
    heals = scene.desired.processes[unit].healing.edit is Heal.HEAL
    return heals and _moved_by_hand(scene, seat, unit)


def _moved_by_hand(scene: Scene, seat: Seat, unit: UnitId) -> bool:
    """Whether a process lives elsewhere although the wish never put it there."""
    pane, process = away(scene, seat, unit), scene.desired.processes[unit]
    if pane is None or pane.mark is None:
        return False
    if unit.kind == "session" and pane.mark.unit.rpartition(".")[0] != unit.rpartition(".")[0]:
        return False
    return not (reseated(scene, process, pane) or _rewritten(scene, seat))


def renamed_by_hand(scene: Scene, frame: Frame) -> SeenSession | None:
    """Return the session of a frame if it has another name, and the wish never changed it."""
    session = scene.match.sessions.get(frame.id)
    if session is None or session.name == frame.session:
        return None
    changed = any(c.field == "session" for c in frame_changes(scene, frame, session))
    return None if changed else session


def gets_its_name_back(scene: Scene, frame: Frame) -> bool:
    """Whether a session that was renamed by hand is to have its name again, and can."""
    wanted = frame.healing.edit is Heal.HEAL and frame.session not in scene.match.names
    return wanted and renamed_by_hand(scene, frame) is not None


def reseated(scene: Scene, process: Process, pane: SeenPane) -> bool:
    """Whether the process was last applied in another seat than the one that is wanted now."""
    if pane.mark is None or pane.mark.digest == process.digest:
        return False
    applied = scene.world.facts.applied.get(process.id)
    return any(change.field == "session" for change in changes(process.fields, applied))


def _rewritten(scene: Scene, seat: Seat) -> bool:
    """Whether the wish changed who is in this window: then it is put right as a whole."""
    session = scene.match.sessions.get(seat.frame.id)
    if session is None:
        return False
    field = f"windows.{seat.window.key}.panes"
    return any(change.field == field for change in frame_changes(scene, seat.frame, session))


def frame_changes(scene: Scene, frame: Frame, session: SeenSession) -> tuple[Change, ...]:
    """Return the fields of a frame that differ from what was last applied to its session."""
    if session.mark is None or session.mark.digest == frame.digest:
        return ()
    return changes(frame.fields, applied_to(scene, frame))


def applied_to(scene: Scene, frame: Frame) -> Mapping[str, Json]:
    """Return the fields that were applied last to the session of a frame, as far as is known."""
    known = scene.world.facts.applied.get(frame_key(frame))
    if known or not frame.lone:
        return known or {}
    told = {f.name: f.value for f in frame.fields if not f.name.startswith("size.")}
    session = scene.match.sessions.get(frame.id)
    return {**told, "session": session.name} if session is not None else told


def seats(frame: Frame) -> Iterator[tuple[Seat, UnitId]]:
    """Yield every slot of a frame with the process that belongs there."""
    for window in frame.windows:
        seat = Seat(frame, window)
        for slot in window.slots:
            yield seat, slot.process
