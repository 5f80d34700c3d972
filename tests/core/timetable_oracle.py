"""The same questions answered minute by minute, by somebody who knows no shortcut.

Walks over every minute of some days, reads the wall clock of each, and asks each field of a cron
line. Shares nothing with what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reconciler.model.fleet import SyncWindow

MINUTE = 60
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def allowed(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        body, _, step = term.partition("/")
        if body == "*":
            first, last = low, high
        elif "-" in body:
            first, last = (int(part) for part in body.split("-"))
        else:
            first, last = int(body), (high if step else int(body))
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Line:
    def __init__(self, text: str) -> None:
        self.fields = text.split()
        pairs = zip(self.fields, RANGES, strict=True)
        self.minute, self.hour, self.day, self.month, self.weekday = (
            allowed(field, *limits) for field, limits in pairs
        )

    def comes_true(self, wall: datetime) -> bool:
        if wall.minute not in self.minute or wall.hour not in self.hour:
            return False
        by_day = wall.day in self.day
        by_weekday = wall.isoweekday() in self.weekday or wall.isoweekday() % 7 in self.weekday
        either = not self.fields[2].startswith("*") and not self.fields[4].startswith("*")
        return wall.month in self.month and (
            by_day or by_weekday if either else by_day and by_weekday
        )


class Calendar:
    """Every minute from `first` (epoch seconds, on a minute) on, and the walls of one zone."""

    def __init__(self, zone: str, first: int, minutes: int) -> None:
        where = ZoneInfo(zone)
        self.first, self.minutes = first, minutes
        self.walls = [
            datetime.fromtimestamp(first + n * MINUTE, where).replace(tzinfo=None)
            for n in range(minutes)
        ]

    def starts(self, text: str) -> list[int]:
        """The minutes, counted from the first, at which the line comes true."""
        line = Line(text)
        if line.fields[0].startswith("*") or line.fields[1].startswith("*"):
            # It follows time as it passes.
            return [n for n, wall in enumerate(self.walls) if line.comes_true(wall)]
        found, latest = set(), self.walls[0] - timedelta(minutes=1)
        for n, wall in enumerate(self.walls):
            while latest < wall:  # also each minute that the clock skips
                latest += timedelta(minutes=1)
                if line.comes_true(latest):
                    found.add(n)
        return sorted(found)


@lru_cache(maxsize=64)
def calendar(zone: str, first: int, minutes: int) -> Calendar:
    return Calendar(zone, first, minutes)


@lru_cache(maxsize=4096)
def _starts(zone: str, line: str, first: int, minutes: int) -> list[int]:
    return calendar(zone, first, minutes).starts(line)


def held(window: SyncWindow, first: int, minutes: int) -> list[bool]:
    """Whether the window holds, for each minute."""
    begins = set(_starts(window.timezone, window.cron, first, minutes))
    marks, left = [], 0
    for n in range(minutes):
        left = int(window.duration_s) // MINUTE if n in begins else max(0, left - 1)
        marks.append(left > 0)
    return marks


class Oracle:
    """Knows what is open from `first` on; what began before that it does not know."""

    def __init__(self, windows: Sequence[SyncWindow], first: int, minutes: int) -> None:
        self.windows, self.minutes = windows, minutes
        self.marks = [held(window, first, minutes) for window in windows]
        self.open = [self._open(n) for n in range(minutes)]

    def _open(self, n: int) -> bool:
        pairs = list(zip(self.windows, self.marks, strict=True))
        if any(marks[n] for window, marks in pairs if not window.allow):
            return False
        allows = [marks[n] for window, marks in pairs if window.allow]
        return any(allows) or not allows

    def flip(self, n: int) -> int | None:
        """The next minute at which the answer is another one, None when none is in sight."""
        return next((m for m in range(n + 1, self.minutes) if self.open[m] != self.open[n]), None)

    def overrun(self, n: int) -> bool | None:
        """Whether what was begun may be finished, None when that lies before the first minute."""
        if self.open[n]:
            return True
        pairs = list(zip(self.windows, self.marks, strict=True))
        said = [window.overrun for window, marks in pairs if not window.allow and marks[n]]
        allows = [(window, marks) for window, marks in pairs if window.allow]
        if allows and not any(marks[n] for _, marks in allows):
            ends = [max((m + 1 for m in range(n) if marks[m]), default=-1) for _, marks in allows]
            if max(ends) < 0:
                return None
            latest = [w.overrun for (w, _), end in zip(allows, ends, strict=True)
                      if end == max(ends)]  # fmt: skip
            said += latest
        return all(said)


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())
