"""What one frame needs: a session to be made, its windows and slots to be put right, or nothing.

Structure only. What runs in a slot is decided in `processes`; a change of structure never ends a
process.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.change import applied_text, changes
from reconciler.core.match import own_processes
from reconciler.core.opening import claimed, new_pane, new_panes, new_window, open_frame
from reconciler.core.processes import blocked_start, start_needs
from reconciler.core.scene import Scene, expect, frame_key
from reconciler.core.windows import missing_slots, rearranged
from reconciler.model.action import Action, Change, Expect, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_text
from reconciler.model.step import (
    MarkFrame,
    MarkPane,
    OpenWindow,
    OrderWindows,
    Rename,
    Resize,
    SetOptions,
    Step,
)
from reconciler.model.unit import Frame, Process, Slot, Window
from reconciler.model.world import SeenPane, SeenSession


def decide_frame(scene: Scene, frame: Frame) -> Action | None:
    """Return the next move of a frame; None when its structure is right."""
    session = scene.match.sessions.get(frame.id)
    if session is None:
        return open_frame(scene, frame)
    return _present(scene, frame, session)


def _present(scene: Scene, frame: Frame, session: SeenSession) -> Action | None:
    if frame.lone:
        return _present_lone(scene, frame, session)
    found = _changes(scene, frame, session)
    steps: list[Step] = [
        *_session_settings(frame, session, found),
        *_missing_windows(scene, frame, session),
        *_present_windows(scene, frame, found),
        *_renamed_panes(scene, frame),
    ]
    gone = [window.name or window.key for window in _absent_windows(scene, frame)]
    if any(change.field == "windows" for change in found):
        steps.extend(_ordered(scene, frame, session))
    return _update(scene, frame, session, (found, steps, gone))


def _present_lone(scene: Scene, frame: Frame, session: SeenSession) -> Action | None:
    """The session of an agent that lives alone: settings, and a window if its pane was taken."""
    process = scene.desired.processes[frame.id]
    found = _changes(scene, frame, session)
    if frame.id not in scene.match.panes and not process.stopped:
        blocked = blocked_start(scene, process)
        if blocked is not None:
            return blocked
        window = new_window(frame.windows[0], (scene.starting(process, focus=True),))
        return Action(
            Verb.START,
            frame.id,
            Reason.ABSENT,
            wanted=process.digest,
            detail="its pane is gone, its session is still there",
            source=frame.source,
            changes=found,
            expects=_anchor(session),
            steps=(
                OpenWindow(session.session_id, window),
                *_session_settings(frame, session, found),
                *((_remark(scene, frame, session),) if found else ()),
            ),
            needs=start_needs(scene, process),
        )
    return _update(scene, frame, session, (found, [*_session_settings(frame, session, found)], []))


def _update(
    scene: Scene,
    frame: Frame,
    session: SeenSession,
    what: tuple[tuple[Change, ...], list[Step], list[str]],
) -> Action | None:
    found, steps, gone = what
    stale_mark = session.mark is not None and session.mark.digest != frame.digest
    if not steps and not stale_mark:
        return None
    if stale_mark:
        steps.append(_remark(scene, frame, session))
    return Action(
        Verb.UPDATE,
        frame.id,
        Reason.CHANGED if found else Reason.ABSENT,
        wanted=frame.digest,
        detail="" if found else _gone_detail(gone),
        source=frame.source,
        changes=found,
        expects=_anchor(session),
        steps=tuple(steps),
    )


def _gone_detail(gone: list[str]) -> str:
    return f"window {', '.join(gone)} is gone" if gone else "a pane is gone"


def _anchor(session: SeenSession) -> tuple[Expect, ...]:
    """Return the proof that this is still the session that was seen: one pane in it."""
    panes = [pane for window in session.windows for pane in window.panes]
    ours = [pane for pane in panes if pane.mark is not None]
    return tuple(expect(pane) for pane in [*ours, *panes][:1])


def _changes(scene: Scene, frame: Frame, session: SeenSession) -> tuple[Change, ...]:
    if session.mark is None or session.mark.digest == frame.digest:
        return ()
    key = frame_key(frame)
    return changes(frame.fields, scene.world.facts.applied.get(key))


def _remark(scene: Scene, frame: Frame, session: SeenSession) -> MarkFrame:
    text = frame_text(scene.frame_mark(frame))
    return MarkFrame(session.session_id, text, applied_text(frame.fields))


def _session_settings(
    frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> tuple[Step, ...]:
    names = {change.field for change in found}
    steps: list[Step] = []
    if "session" in names and session.name != frame.session:
        steps.append(Rename(session.session_id, frame.session))
    if any(name.startswith("size") for name in names):
        steps.append(Resize(session.session_id, frame.columns, frame.rows))
    steps.extend(options_step(session.session_id, frame.options, "options.", names))
    return tuple(steps)


def options_step(
    target: str, options: tuple[tuple[str, str], ...], prefix: str, names: set[str]
) -> tuple[SetOptions, ...]:
    """Return the step that sets the options which changed, and unsets those wanted no longer."""
    changed = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    if not changed:
        return ()
    kept = tuple((name, value) for name, value in options if name in changed)
    gone = tuple(sorted(changed - {name for name, _ in options}))
    return (SetOptions(target, kept, gone),)


def _absent_windows(scene: Scene, frame: Frame) -> list[Window]:
    """Windows that are not there although one of their slots is nowhere else either."""
    return [
        window
        for window in frame.windows
        if (frame.id, window.key) not in scene.match.windows
        and any(_homeless(scene, frame, slot) for slot in window.slots)
    ]


def _homeless(scene: Scene, frame: Frame, slot: Slot) -> bool:
    """A process that a person moved elsewhere has a home; one that never started has none."""
    process = scene.desired.processes[slot.process]
    if process.id in scene.match.places or process.stopped:
        return False
    pane = scene.match.panes.get(process.id)
    return pane is None or (pane.mark is not None and moves(scene, frame, process))


def moves(scene: Scene, frame: Frame, process: Process) -> bool:
    """Whether the wish itself, not a person's hand, moves this process to another slot."""
    pane = scene.match.panes.get(process.id)
    if pane is None or pane.mark is None:
        return False
    if process.id.startswith(f"{frame.id}/"):
        return _moves_own(scene, frame, process.id, pane)
    if pane.mark.digest == process.digest:
        return False
    applied = scene.world.facts.applied.get(process.id)
    return any(change.field == "session" for change in changes(process.fields, applied))


def _moves_own(scene: Scene, frame: Frame, unit: UnitId, pane: SeenPane) -> bool:
    """A window that was merely renamed takes its panes along; nothing moves then."""
    window = unit.rpartition(".")[0]
    if pane.mark is None or pane.mark.unit.rpartition(".")[0] == window:
        return False
    live = scene.match.windows.get((frame.id, window.removeprefix(f"{frame.id}/")))
    return live is None or live.window_id != pane.window_id


def _renamed_panes(scene: Scene, frame: Frame) -> tuple[Step, ...]:
    """Write the new names of own panes whose content stayed and whose number changed."""
    steps: list[Step] = []
    for unit in own_processes(frame):
        process, pane = scene.desired.processes[unit], scene.match.panes.get(unit)
        if pane is None or pane.mark is None or pane.mark.unit == unit:
            continue
        if not _moves_own(scene, frame, unit, pane):
            mark = replace(pane.mark, unit=unit, commit=scene.desired.commit)
            steps.append(MarkPane(pane.pane_id, mark, applied_text(process.fields)))
    return tuple(steps)


def _missing_windows(scene: Scene, frame: Frame, session: SeenSession) -> tuple[Step, ...]:
    absent = _absent_windows(scene, frame)
    return (
        *(
            OpenWindow(session.session_id, new_window(w, new_panes(scene, frame, w)))
            for w in absent
        ),
        *claimed(scene, frame, tuple(absent)),
    )


def _present_windows(scene: Scene, frame: Frame, found: tuple[Change, ...]) -> tuple[Step, ...]:
    names = {change.field for change in found}
    steps: list[Step] = []
    for window in frame.windows:
        live = scene.match.windows.get((frame.id, window.key))
        if live is None:
            continue
        missing = [slot for slot in window.slots if _homeless(scene, frame, slot)]
        opened = missing_slots(live, window, missing, lambda s: new_pane(scene, frame, s))
        steps.extend(opened)
        steps.extend(claimed(scene, frame, (replace(window, slots=tuple(missing)),)))
        steps.extend(rearranged(scene, live, window, names, opened=bool(opened)))
        prefix = f"windows.{window.key}.options."
        steps.extend(options_step(live.window_id, window.options, prefix, names))
    return tuple(steps)


def _ordered(scene: Scene, frame: Frame, session: SeenSession) -> tuple[Step, ...]:
    pairs = [scene.match.windows.get((frame.id, window.key)) for window in frame.windows]
    live = [pair for pair in pairs if pair is not None]
    if len(live) < 2 or len(live) != len(pairs):
        return ()
    if [w.index for w in live] == sorted(w.index for w in live):
        return ()
    return (OrderWindows(session.session_id, tuple(w.window_id for w in live)),)
