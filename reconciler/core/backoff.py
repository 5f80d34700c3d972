"""How long a process that keeps falling has to wait. All times in seconds.

Two counts are kept in a process's mark. `falls` in a row decide how long the next start waits, and
are forgiven after a while of health. `burst` is how many that were started in one window fell:
from a number on that is a crash loop, and stays one until the process has run healthy.
"""

from __future__ import annotations

from reconciler.model.ids import UnitId, digest
from reconciler.model.unit import Restart
from reconciler.model.world import PaneMark

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
    return cap * (0.5 + _share(unit, falls) / 2)


def pace_s(unit: UnitId, restart: Restart, burst: int) -> float:
    """Return how long after its last start a process in a crash loop is tried again.

    So seldom that the tries alone are no burst, and never before the longest wait is over; up to
    a quarter later than that, which differs from unit to unit. Always shorter than health takes.
    """
    rare = min(restart.burst_window_s / max(1, restart.burst_count), HEALTHY_S / 2)
    return max(restart.max_s, rare) * (1 + _share(unit, burst) / 4)


def falls_after(started: int, restart: Restart, falls: int, now: float) -> int:
    """Return the falls in a row, counting one that happened now.

    When it ended is not known, only when it started; so a long wait is no sign of health.
    """
    return 1 if _was_healthy(started, restart, now) else falls + 1


def burst_after(mark: PaneMark, restart: Restart, now: float) -> tuple[int, int]:
    """Return the falls of this burst, counting one that happened now, and since when.

    What is compared are the hours at which those that fell were started, since nobody knows when
    they ended. A window begins with the first of them, and ends unless it became a crash loop.
    """
    late = mark.started - mark.burst_since > restart.burst_window_s
    over = late and not looping(restart, mark.burst)
    if mark.burst == 0 or over or _was_healthy(mark.started, restart, now):
        return 1, mark.started
    return mark.burst + 1, mark.burst_since


def looping(restart: Restart, burst: int) -> bool:
    """Whether so many falls are a crash loop."""
    return 0 < restart.burst_count <= burst


def ready_at(unit: UnitId, restart: Restart, mark: PaneMark, now: float) -> float:
    """Return the epoch second from which a process that fell may be started again."""
    burst, _ = burst_after(mark, restart, now)
    if looping(restart, burst):
        return mark.started + pace_s(unit, restart, burst)
    return mark.started + wait_s(unit, restart, mark.falls)


def _was_healthy(started: int, restart: Restart, now: float) -> bool:
    return now - started >= max(HEALTHY_S, 2 * restart.max_s)


def _share(unit: UnitId, number: int) -> float:
    """Return a number between 0 and 1 that looks like chance and is none."""
    return int(digest([str(unit), number])[:8], 16) / 0xFFFFFFFF
