"""What one frame needs: a session to be made, its windows and slots to be put right, or nothing.

Structure only. What runs in a slot is decided in `processes`; a change of structure never ends a
process.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from reconciler.core.carry import Carry, own_carries, renamed
from reconciler.core.change import applied_text
from reconciler.core.moves import move
from reconciler.core.opening import name_taken, new_panes, new_window, open_frame
from reconciler.core.scene import Scene, expect
from reconciler.core.seats import (
    Seat,
    applied_to,
    brought_back,
    frame_changes,
    gets_its_name_back,
    homeless,
    recalled,
    seats,
)
from reconciler.core.starts import blocked_start, start_needs
from reconciler.core.windows import in_order, missing_slots, options_step, reshaped, touched
from reconciler.model.action import Action, Change, Expect, Reason, Verb
from reconciler.model.ids import Json, canonical
from reconciler.model.marks import frame_text
from reconciler.model.step import (
    MarkFrame,
    OpenPane,
    OpenWindow,
    OrderWindows,
    Rename,
    Resize,
    Step,
)
from reconciler.model.unit import Frame, Window
from reconciler.model.world import SeenSession


def decide_frame(scene: Scene, frame: Frame) -> Action | None:
    """Return the next move of a frame; None when its structure is right."""
    session = scene.match.sessions.get(frame.id)
    if session is None:
        return open_frame(scene, frame)
    found = frame_changes(scene, frame, session)
    taken = scene.match.names.get(frame.session)
    renaming = any(change.field == "session" for change in found)
    if renaming and taken is not None and taken.session_id != session.session_id:
        return name_taken(scene, frame, taken)
    if frame.lone:
        return _lone(scene, frame, session, found)
    return _present(scene, frame, session, found)


# -- the session of an agent that lives alone -----------------------------------------------------


def _lone(
    scene: Scene, frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> Action | None:
    """Settings; and a window, if a person took the pane away and left the session."""
    process = scene.desired.processes[frame.id]
    if process.stopped:
        return None
    if homeless(scene, frame.id):
        return _reopened(scene, frame, session, found)
    seat = Seat(frame, frame.windows[0])
    lacks = recalled(scene, seat, frame.id) and frame.id not in scene.match.places
    settings = _settings(scene, frame, session, found)
    if not lacks and not settings and not _stale(frame, session):
        return None
    made = new_window(seat.window, new_panes(scene, frame, seat.window))
    steps = (
        *_forgotten(scene, frame, session, found),
        *((OpenWindow(session.session_id, made),) if lacks else ()),
        *settings,
        *_remark(scene, frame, session),
    )
    reason, detail = _why_lone(scene, seat, session)
    return replace(
        move(Verb.UPDATE, frame, reason, steps),
        detail=detail,
        changes=found,
        expects=_expects(session, []),
    )


def _why_lone(scene: Scene, seat: Seat, session: SeenSession) -> tuple[Reason, str]:
    if _stale(seat.frame, session):
        return Reason.CHANGED, ""
    if gets_its_name_back(scene, seat.frame):
        return Reason.EDITED, _called(session)
    by_hand = brought_back(scene, seat, seat.frame.id)
    return Reason.EDITED if by_hand else Reason.MISPLACED, ""


def _reopened(
    scene: Scene, frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> Action:
    process = scene.desired.processes[frame.id]
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    window = new_window(frame.windows[0], (scene.starting(process, focus=True),))
    steps = (
        *_forgotten(scene, frame, session, found),
        OpenWindow(session.session_id, window),
        *_settings(scene, frame, session, found),
        *_remark(scene, frame, session),
    )
    return replace(
        move(Verb.START, process, Reason.ABSENT, steps),
        detail="its pane is gone, its session is still there",
        changes=found,
        expects=_expects(session, []),
        needs=start_needs(scene, process),
    )


# -- a Session that is there ----------------------------------------------------------------------


def _present(
    scene: Scene, frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> Action | None:
    names = touched(scene, frame, found)
    made = _absent_windows(scene, frame)
    opened = _opened(scene, frame)
    moving = own_carries(scene, frame, {window.key for window in made})
    marks = renamed(scene, frame)
    ordered, rest = _ordered(scene, frame, session, made if _reorders(names) else None)
    steps: list[Step] = [
        *_settings(scene, frame, session, found),
        *(OpenWindow(session.session_id, new_window(w, new_panes(scene, frame, w))) for w in made),
        *(step for panes in opened.values() for step in panes),
        *(step for carry in moving for step in carry.steps),
        *(step for _, step in marks),
        *_windows(scene, frame, names, opened, Counter(c.pane.window_id for c in moving)),
        *ordered,
        *(() if rest else _remark(scene, frame, session)),
    ]
    if not steps:
        return None
    steps = [*_forgotten(scene, frame, session, found), *steps]
    reason, detail = _why(scene, frame, made, moving)
    return replace(
        move(Verb.UPDATE, frame, reason, steps),
        detail=detail,
        changes=found,
        expects=tuple(dict.fromkeys((*_expects(session, moving), *(e for e, _ in marks)))),
    )


def _absent_windows(scene: Scene, frame: Frame) -> list[Window]:
    """Windows that are not there although one of their slots is nowhere else either.

    A process that a person moved elsewhere has a home; it comes along once its window is made.
    """
    wanting = {
        seat.window.key
        for seat, unit in seats(frame)
        if (frame.id, seat.window.key) not in scene.match.windows
        and (homeless(scene, unit) or recalled(scene, seat, unit))
    }
    return [window for window in frame.windows if window.key in wanting]


def _opened(scene: Scene, frame: Frame) -> dict[str, tuple[OpenPane, ...]]:
    """Return the panes that live windows lack, by key."""
    opened: dict[str, tuple[OpenPane, ...]] = {}
    for window in frame.windows:
        live = scene.match.windows.get((frame.id, window.key))
        if live is not None:
            opened[window.key] = missing_slots(scene, Seat(frame, window), live)
    return opened


def _windows(
    scene: Scene,
    frame: Frame,
    names: set[str],
    opened: dict[str, tuple[OpenPane, ...]],
    left: Counter[str],
) -> tuple[Step, ...]:
    steps: list[Step] = []
    for window in frame.windows:
        live = scene.match.windows.get((frame.id, window.key))
        if live is not None:
            new, gone = len(opened[window.key]), left[live.window_id]
            steps.extend(reshaped(scene, Seat(frame, window), names, new, gone))
    return tuple(steps)


def _reorders(names: set[str]) -> bool:
    """Whether the wish touched the order: by itself, or because panes took other windows along."""
    return any(name == "windows" or name.endswith(".panes") for name in names)


def _ordered(
    scene: Scene, frame: Frame, session: SeenSession, made: list[Window] | None
) -> tuple[tuple[Step, ...], bool]:
    """Return the step that puts the windows in order, and whether that has to wait.

    A window that this very action makes has no id yet: then the mark stays as it was, and the
    next look orders what it sees. `made` is None when the wish did not touch the order.
    """
    if made is None:
        return (), False
    live = {
        window.key: seen
        for window in frame.windows
        if (seen := scene.match.windows.get((frame.id, window.key))) is not None
    }
    indices = {key: seen.index for key, seen in live.items()}
    there = tuple(w for w in frame.windows if w.key in live or w in made)
    if in_order(there, indices):
        return (), False
    if made:
        return (), True
    return (OrderWindows(session.session_id, tuple(live[w.key].window_id for w in there)),), False


def _why(scene: Scene, frame: Frame, made: list[Window], moving: list[Carry]) -> tuple[Reason, str]:
    session = scene.match.sessions[frame.id]
    if _stale(frame, session):
        return Reason.CHANGED, ""
    if gets_its_name_back(scene, frame):
        return Reason.EDITED, _called(session)
    if any(brought_back(scene, seat, unit) for seat, unit in seats(frame)):
        return Reason.EDITED, "a pane was moved by hand"
    if made:
        return Reason.ABSENT, f"window {', '.join(w.name or w.key for w in made)} is gone"
    if moving:
        return Reason.MISPLACED, "a move that was cut short is finished"
    return Reason.ABSENT, "a pane is gone"


# -- what both have -------------------------------------------------------------------------------


def _called(session: SeenSession) -> str:
    return f"its session was renamed to {session.name} by hand"


def _expects(session: SeenSession, moving: list[Carry]) -> tuple[Expect, ...]:
    """Return the proof that this is still the session that was seen: one pane in it, whatever was
    applied to it since; and every pane that is carried."""
    panes = [pane for window in session.windows for pane in window.panes]
    ours = [pane for pane in panes if pane.mark is not None]
    anchor = [replace(expect(pane), digest="") for pane in [*ours, *panes][:1]]
    return tuple(dict.fromkeys((*anchor, *(e for carry in moving for e in carry.expects))))


def _stale(frame: Frame, session: SeenSession) -> bool:
    return session.mark is not None and session.mark.digest != frame.digest


def _remark(scene: Scene, frame: Frame, session: SeenSession) -> tuple[MarkFrame, ...]:
    """Write down what was applied, last of all: whatever is cut short is seen again."""
    if not _stale(frame, session):
        return ()
    text = frame_text(scene.frame_mark(frame))
    return (MarkFrame(session.session_id, text, applied_text(frame.fields)),)


def _forgotten(
    scene: Scene, frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> tuple[MarkFrame, ...]:
    """Forget what is about to change, first of all: should this be cut short and the wish go back,
    a size or a layout that was applied already would look as if it never had been."""
    if session.mark is None or not found:
        return ()
    changing = touched(scene, frame, found)
    applied = applied_to(scene, frame)
    kept: dict[str, Json] = {k: v for k, v in applied.items() if k not in changing}
    text = frame_text(replace(session.mark, digest=""))
    return (MarkFrame(session.session_id, text, canonical(kept)),)


def _settings(
    scene: Scene, frame: Frame, session: SeenSession, found: tuple[Change, ...]
) -> tuple[Step, ...]:
    names = {change.field for change in found}
    steps: list[Step] = []
    renames = "session" in names or gets_its_name_back(scene, frame)
    if renames and session.name != frame.session:
        steps.append(Rename(session.session_id, frame.session))
    if any(name.startswith("size") for name in names):
        steps.append(Resize(session.session_id, frame.columns, frame.rows))
    steps.extend(options_step(session.session_id, frame.options, {"options."}, names))
    return tuple(steps)
