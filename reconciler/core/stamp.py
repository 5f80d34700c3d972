"""The hour of acting, written into steps at the last moment. A plan itself holds no hour."""

from __future__ import annotations

import math
from dataclasses import replace

from reconciler.model.step import (
    MarkPane,
    NewPane,
    NewWindow,
    OpenPane,
    OpenSession,
    OpenWindow,
    Respawn,
    Step,
)
from reconciler.model.world import PaneMark


def stamp(step: Step, now: float) -> Step:
    """Return the step with every `NOW` and relative `drain_until` in its marks resolved."""
    match step:
        case OpenSession(windows=windows):
            return replace(step, windows=tuple(_window(w, now) for w in windows))
        case OpenWindow(window=window):
            return replace(step, window=_window(window, now))
        case OpenPane(pane=pane):
            return replace(step, pane=_pane(pane, now))
        case Respawn(new=new):
            return replace(step, new=_pane(new, now))
        case MarkPane(mark=mark):
            return replace(step, mark=_mark(mark, now))
        case _:
            return step


def _window(window: NewWindow, now: float) -> NewWindow:
    return replace(window, panes=tuple(_pane(pane, now) for pane in window.panes))


def _pane(pane: NewPane, now: float) -> NewPane:
    return replace(pane, mark=_mark(pane.mark, now))


def _mark(mark: PaneMark, now: float) -> PaneMark:
    started = int(now) if mark.started < 0 else mark.started
    # Marks keep whole seconds: a grace is never shorter than was promised.
    until = math.ceil(now) - mark.drain_until if mark.drain_until < 0 else mark.drain_until
    if (started, until) == (mark.started, mark.drain_until):
        return mark
    return replace(mark, started=started, drain_until=until)
