"""Taking over a live session as it is: marks are written, nothing that runs is touched."""

from __future__ import annotations

from reconciler.core.change import applied_text
from reconciler.core.scene import Scene, expect
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_text
from reconciler.model.step import MarkFrame, MarkPane, MarkWindow, SetOptions, Step
from reconciler.model.unit import Frame, Slot, Window
from reconciler.model.world import SeenPane, SeenSession, SeenWindow


def adoptable(scene: Scene, frame: Frame) -> SeenSession | None:
    """Return the foreign session that this frame asks to take over, if there is one."""
    if not frame.adopt or frame.id in scene.match.sessions:
        return None
    session = scene.match.names.get(frame.session)
    return session if session is not None and session.mark is None else None


def adopt(scene: Scene, frame: Frame, session: SeenSession) -> Action:
    """Return the adoption, or why the live session is not what the manifest describes."""
    reason = _mismatch(scene, frame, session)
    if reason:
        return Action(
            Verb.HOLD,
            frame.id,
            Reason.CONFLICT,
            wanted=frame.digest,
            detail=reason,
            source=frame.source,
            fix=f"write the manifest anew: novaorch adopt '{frame.session}'",
        )
    pairs = tuple(zip(session.windows, frame.windows, strict=True))
    panes = [pane for window in session.windows for pane in window.panes]
    mark = frame_text(scene.frame_mark(frame))
    return Action(
        Verb.ADOPT,
        frame.id,
        Reason.ABSENT,
        wanted=frame.digest,
        detail=f"the live session {session.name} as it is",
        source=frame.source,
        expects=tuple(expect(pane) for pane in panes),
        steps=(
            *(step for live, window in pairs for step in _window(scene, live, window)),
            MarkFrame(session.session_id, mark, applied_text(frame.fields)),
        ),
    )


def _mismatch(scene: Scene, frame: Frame, session: SeenSession) -> str:
    if len(session.windows) != len(frame.windows):
        return (
            f"the live session {session.name} has {len(session.windows)} windows, "
            f"the manifest {len(frame.windows)}"
        )
    for live, window in zip(session.windows, frame.windows, strict=True):
        if len(live.panes) != len(window.slots):
            return (
                f"window {live.name} has {len(live.panes)} panes, the manifest {len(window.slots)}"
            )
        for pane, slot in zip(live.panes, window.slots, strict=True):
            if scene.desired.processes[slot.process].held is not None:
                return f"the file of {slot.process} has an error"
            if pane.mark is not None and not _begun(scene, pane, slot):
                return f"a pane of window {live.name} belongs to somebody already"
            other = scene.match.panes.get(slot.process)
            if other is not None and other.pane_id != pane.pane_id:
                return f"a process wanted in window {live.name} runs elsewhere already"
    return ""


def _begun(scene: Scene, pane: SeenPane, slot: Slot) -> bool:
    """Whether an adoption that was cut short marked this very pane for this very slot."""
    mark = pane.mark
    return (
        mark is not None
        and mark.fleet == scene.desired.fleet.name
        and mark.unit == slot.process
        and not mark.placeholder
    )


def _window(scene: Scene, live: SeenWindow, window: Window) -> tuple[Step, ...]:
    steps: list[Step] = [
        MarkWindow(live.window_id, window.key),
        SetOptions(live.window_id, (("remain-on-exit", "on"),)),
    ]
    for pane, slot in zip(live.panes, window.slots, strict=True):
        process = scene.desired.processes[slot.process]
        steps.append(MarkPane(pane.pane_id, scene.mark(process), applied_text(process.fields)))
    return tuple(steps)


def adopted_processes(frame: Frame) -> frozenset[UnitId]:
    """Return the processes that an adoption takes along."""
    return frozenset(slot.process for window in frame.windows for slot in window.slots)
