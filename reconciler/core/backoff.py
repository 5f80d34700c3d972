"""How long a process that keeps falling has to wait. All times in seconds."""

from __future__ import annotations

from reconciler.model.ids import UnitId, digest
from reconciler.model.unit import Restart

HEALTHY_S = 600
"""A process that started this long ago is forgiven its earlier falls, unless it waits longer."""


def wait_s(unit: UnitId, restart: Restart, falls: int) -> float:
    """Return how long after its last start a process may be started again.

    The first fall costs nothing; then the cap doubles from `base_s` up to `max_s`, and the wait is
    a part of it between a half and the whole that differs from unit to unit, so that a hundred
    agents which fell together do not rise together.
    """
    if falls <= 0:
        return 0.0
    doublings = min(falls - 1, 60)
    cap = min(restart.max_s, restart.base_s * 2.0**doublings)
    share = int(digest([str(unit), falls])[:8], 16) / 0xFFFFFFFF
    return cap * (0.5 + share / 2)


def falls_after(started: int, restart: Restart, falls: int, now: float) -> int:
    """Return the falls in a row, counting one that happened now.

    When it ended is not known, only when it started; so a long wait is no sign of health.
    """
    healthy_s = max(HEALTHY_S, 2 * restart.max_s)
    return 1 if now - started >= healthy_s else falls + 1
