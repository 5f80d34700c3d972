"""A frame that is not there yet: its session with all its windows, made and marked in one go."""

from __future__ import annotations

from reconciler.core.carry import carried, own_carries, renamed
from reconciler.core.change import applied_text
from reconciler.core.explain import counted
from reconciler.core.layouts import fits
from reconciler.core.scene import Scene
from reconciler.core.seats import homeless, recalled, seats
from reconciler.core.starts import blocked_start, start_needs
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.marks import frame_text
from reconciler.model.step import NewPane, NewWindow, OpenSession
from reconciler.model.unit import Frame, Slot, Window
from reconciler.model.world import SeenSession


def open_frame(scene: Scene, frame: Frame) -> Action | None:
    """Return the start of a frame whose session is not there, or why it has to wait.

    None when everybody who belongs there was moved elsewhere by a person and lives.
    """
    if frame.lone and scene.desired.processes[frame.id].stopped:
        return None
    if not any(homeless(scene, u) or recalled(scene, seat, u) for seat, u in seats(frame)):
        return None
    taken = scene.match.names.get(frame.session)
    if taken is not None:
        return name_taken(scene, frame, taken)
    if frame.lone and frame.id not in scene.match.panes:
        return _open_lone(scene, frame)
    return _open(scene, frame)


def name_taken(scene: Scene, frame: Frame, taken: SeenSession) -> Action:
    """Return the hold of a frame whose session name somebody else has."""
    whose, fix = "nobody we know", f"novaorch adopt '{frame.session}'"
    fix = f"rename one of them, or take it over: {fix}"
    if taken.mark is not None:
        ours = taken.mark.fleet == scene.desired.fleet.name
        whose = str(taken.mark.unit) if ours else f"fleet {taken.mark.fleet}"
        fix = "rename one of them"
    return Action(
        Verb.HOLD,
        frame.id,
        Reason.CONFLICT,
        wanted=frame.digest,
        detail=f"a session named {frame.session} is there already and belongs to {whose}",
        source=frame.source,
        fix=fix,
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
    """Make the session with its own panes; agents get placeholders, and start or come on their own.

    An agent that leaves a Session to live alone goes on running, so for it this is an update.
    """
    windows = tuple(new_window(w, new_panes(scene, frame, w)) for w in frame.windows)
    moving = own_carries(scene, frame, {window.key for window in frame.windows})
    names = renamed(scene, frame)
    panes = sum(len(window.panes) for window in windows)
    detail = f"{counted(len(windows), 'window')}, {counted(panes, 'pane')}"
    return Action(
        Verb.UPDATE if frame.lone else Verb.START,
        frame.id,
        Reason.MISPLACED if frame.lone else Reason.ABSENT,
        wanted=frame.digest,
        detail="into a session of its own" if frame.lone else detail,
        source=frame.source,
        expects=tuple(
            dict.fromkeys((*(e for c in moving for e in c.expects), *(e for e, _ in names)))
        ),
        steps=(
            _session(scene, frame, windows),
            *carried(scene, moving),
            *(step for _, step in names),
        ),
    )


def _session(scene: Scene, frame: Frame, windows: tuple[NewWindow, ...]) -> OpenSession:
    return OpenSession(
        name=frame.session,
        columns=frame.columns,
        rows=frame.rows,
        history_lines=scene.desired.fleet.history_lines,
        mark=frame_text(scene.frame_mark(frame)),
        # Of a lone agent's session only the size can change: not worth a mark at every start.
        applied="" if frame.lone else applied_text(frame.fields),
        windows=windows,
        options=frame.options,
    )


def new_window(window: Window, panes: tuple[NewPane, ...]) -> NewWindow:
    """Return the window to make, with these panes."""
    layout = window.layout if fits(window.layout, len(panes)) else ""
    return NewWindow(window.key, window.name, layout, panes, window.options, window.focus)


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
