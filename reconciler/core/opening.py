"""A frame that is not there yet: its session with all its windows, made and marked in one go."""

from __future__ import annotations

from reconciler.core.change import applied_text
from reconciler.core.processes import blocked_start, start_needs
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.marks import frame_text
from reconciler.model.step import Close, MarkPane, NewPane, NewWindow, OpenSession, Step, SwapPanes
from reconciler.model.unit import Frame, Process, Slot, Window
from reconciler.model.world import SeenSession


def open_frame(scene: Scene, frame: Frame) -> Action | None:
    """Return the start of a frame whose session is not there, or why it has to wait."""
    if frame.lone and scene.desired.processes[frame.id].stopped:
        return None
    taken = scene.match.names.get(frame.session)
    if taken is not None:
        return name_taken(frame, taken)
    if frame.lone and frame.id not in scene.match.panes:
        return _open_lone(scene, frame)
    return _open(scene, frame)


def name_taken(frame: Frame, taken: SeenSession) -> Action:
    """Return the hold of a frame whose session name somebody else has."""
    whose = f"fleet {taken.mark.fleet}" if taken.mark is not None else "nobody we know"
    return Action(
        Verb.HOLD,
        frame.id,
        Reason.CONFLICT,
        wanted=frame.digest,
        detail=f"a session named {frame.session} is there already and belongs to {whose}",
        source=frame.source,
        fix=f"rename one of them, or take it over: novaorch adopt '{frame.session}'",
    )


def _open_lone(scene: Scene, frame: Frame) -> Action:
    process = scene.desired.processes[frame.id]
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    window = frame.windows[0]
    pane = scene.starting(process, focus=True)
    return Action(
        Verb.START,
        frame.id,
        Reason.ABSENT,
        wanted=process.digest,
        source=frame.source,
        steps=(_session(scene, frame, (new_window(window, (pane,)),)),),
        needs=start_needs(scene, process),
    )


def _open(scene: Scene, frame: Frame) -> Action:
    """Make the session with its own panes; agents get placeholders and start on their own."""
    windows = tuple(new_window(w, new_panes(scene, frame, w)) for w in frame.windows)
    panes = sum(len(w.panes) for w in windows)
    return Action(
        Verb.START,
        frame.id,
        Reason.ABSENT,
        wanted=frame.digest,
        detail=f"{_count(len(windows), 'window')}, {_count(panes, 'pane')}",
        source=frame.source,
        steps=(_session(scene, frame, windows), *claimed(scene, frame, frame.windows)),
    )


def _session(scene: Scene, frame: Frame, windows: tuple[NewWindow, ...]) -> OpenSession:
    return OpenSession(
        name=frame.session,
        columns=frame.columns,
        rows=frame.rows,
        history_lines=scene.desired.fleet.history_lines,
        mark=frame_text(scene.frame_mark(frame)),
        applied=applied_text(frame.fields),
        windows=windows,
        options=frame.options,
    )


def new_window(window: Window, panes: tuple[NewPane, ...]) -> NewWindow:
    """Return the window to make, with these panes."""
    return NewWindow(window.key, window.name, window.layout, panes, window.options, window.focus)


def new_panes(scene: Scene, frame: Frame, window: Window) -> tuple[NewPane, ...]:
    """Return the panes to make for a window, slot by slot."""
    return tuple(new_pane(scene, frame, slot) for slot in window.slots)


def new_pane(scene: Scene, frame: Frame, slot: Slot) -> NewPane:
    """A Session's own pane starts with its session; everything else gets a placeholder."""
    process = scene.desired.processes[slot.process]
    own = slot.process.startswith(f"{frame.id}/")
    free = slot.process not in scene.match.panes and blocked_start(scene, process) is None
    if own and free:
        return scene.starting(process, focus=slot.focus)
    return scene.placeholder(process, focus=slot.focus)


def claimed(scene: Scene, frame: Frame, windows: tuple[Window, ...]) -> tuple[Step, ...]:
    """Carry a Session's own panes that live elsewhere into the slots that were made for them."""
    below = f"{frame.id}/"
    return tuple(
        step
        for window in windows
        for slot in window.slots
        if slot.process.startswith(below) and slot.process in scene.match.panes
        for step in carry(scene, scene.desired.processes[slot.process])
    )


def carry(scene: Scene, process: Process) -> tuple[Step, ...]:
    """Exchange a running pane with the placeholder in its slot, and remove the placeholder."""
    pane = scene.match.panes[process.id]
    return (
        SwapPanes(pane.pane_id, f"slot:{process.id}"),
        Close(f"slot:{process.id}"),
        MarkPane(pane.pane_id, scene.running_mark(process, pane), applied_text(process.fields)),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
