"""Agents whose seat cannot be told while a Session's file cannot be read. Touches nothing.

A Session may name an agent that says nothing of it itself. Who lives in such a Session is left
there, as it is, until the file can be read: unknown is not absent.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.ids import UnitId
from reconciler.model.problems import Problem
from reconciler.model.unit import Desired
from reconciler.model.world import World


def unmoved(desired: Desired, world: World) -> Desired:
    """Return the wish without the agents that seem to live alone, and that an unread Session has
    in its panes: they are as broken as it is."""
    causes = _unread(desired)
    if not causes:
        return desired
    held: dict[UnitId, Problem] = {}
    for session in world.sessions:
        mark = session.mark
        if mark is None or mark.fleet != desired.fleet.name or mark.unit not in causes:
            continue
        for pane in (pane for window in session.windows for pane in window.panes):
            unit = pane.mark.unit if pane.mark is not None else UnitId("")
            process = desired.processes.get(unit)
            if process is not None and process.frame == unit:
                held[unit] = causes[mark.unit]
    if not held:
        return desired
    return replace(
        desired,
        processes={u: process for u, process in desired.processes.items() if u not in held},
        frames={u: frame for u, frame in desired.frames.items() if u not in held},
        broken={**(desired.broken or {}), **held},
    )


def _unread(desired: Desired) -> dict[UnitId, Problem]:
    return {
        unit: problem
        for unit, problem in (desired.broken or {}).items()
        if unit.kind == "session" and unit not in desired.frames
    }
