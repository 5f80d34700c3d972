"""Sync windows: whether new commits may be followed at an hour, until when, and why.

Asks for no time: the hour comes in. What was worked out stays valid until a window opens or closes
and is kept until then, so that asking at each pass costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from itertools import pairwise

from reconciler.kinds.hours import last_start, starts, zone
from reconciler.kinds.spans import written
from reconciler.model.fleet import SyncWindow

YEAR_S = 366 * 86400.0
# Looked so far ahead at once, so that it is done again a few times a year only.
_AHEAD_S = YEAR_S + 30 * 86400.0
_RETRY_S = 3600.0
_STEPS_MAX = 500
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer of one hour. `until` is when `open` changes next, 0 if not within a year.

    `overrun` says that what was begun may be finished: always while open, and else when every
    window that closes it at this hour says so. `detail` is for people, in the window's own zone.
    """

    open: bool
    until: float = 0.0
    overrun: bool = True
    detail: str = ""


ALWAYS = Opening(open=True, detail="open at all hours")


def open_at(windows: tuple[SyncWindow, ...], now: float) -> Opening:
    """Return whether new commits may be followed at `now` (epoch seconds).

    A window holds from its start, included, for its duration, up to its end, not included, in time
    as it passes; windows that touch or overlap are one. Any deny closes; otherwise one allow is
    enough, and none is needed where no window says allow. A window whose zone or cron line cannot
    be read allows nothing, or denies all.
    """
    return _timetable(windows).at(now) if windows else ALWAYS


# -- one window -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _State:
    """One window at one hour: whether it holds, when that changes (inf: not in sight), when it
    ended last (-inf: never, or it holds)."""

    window: SyncWindow
    active: bool
    until: float
    ended: float = -math.inf


class _Hours:
    """When one window holds."""

    def __init__(self, window: SyncWindow) -> None:
        self.window = window
        found = zone(window.timezone)
        self._zone, self.readable = found or UTC, found is not None

    def state(self, at: float) -> _State:
        """Return what holds at an hour."""
        window, sight = self.window, at + _AHEAD_S
        try:
            last = last_start(window.cron, self._zone, at) if self.readable else None
            if last is not None and at < last + window.duration_s:
                return _State(window, active=True, until=self._end(last, sight))
            following = next(starts(window.cron, self._zone, at), math.inf)
        except ValueError:
            self.readable = False
        if not self.readable:
            return _State(window, active=not window.allow, until=math.inf)
        until = following if following <= sight else math.inf
        ended = last + window.duration_s if last is not None else -math.inf
        return _State(window, active=False, until=until, ended=ended)

    def _end(self, start: float, sight: float) -> float:
        """Return when hours that began at `start` are over, inf when that is out of sight."""
        end, walk = start, starts(self.window.cron, self._zone, start - 1)
        while (following := next(walk, math.inf)) <= end:
            joined = self._joined(following)
            if joined > following:
                walk = starts(self.window.cron, self._zone, joined)
            end = joined + self.window.duration_s
            if end > sight:
                return math.inf
        return end

    def _joined(self, start: float) -> float:
        """Return the last start of the day that is sure to be joined to `start` without a gap.

        A year of lines such as `* * * * *` would else be half a million steps.
        """
        widest, last = self._day
        day = datetime.fromtimestamp(start, self._zone).replace(hour=0, minute=0, second=0)
        next_day = day + timedelta(days=1)
        if widest > self.window.duration_s or day.utcoffset() != next_day.utcoffset():
            return start
        return day.timestamp() + last

    @cached_property
    def _day(self) -> tuple[float, float]:
        """The widest gap between two starts of a day, and its last start, in seconds."""
        times = list(_times(self.window.cron))
        gaps = [after - before for before, after in pairwise(times)]
        return max(gaps, default=0.0), times[-1]


def _times(line: str) -> Iterator[float]:
    """Yield the times of day at which a line comes true, on the days on which it does."""
    day: float | None = None
    for start in starts(line, UTC, -1.0):
        day = start - start % 86400 if day is None else day
        if start >= day + 86400:
            return
        yield start - day


# -- all of them ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _timetable(windows: tuple[SyncWindow, ...]) -> _Timetable:
    return _Timetable(windows)


class _Timetable:
    """Several windows, and the last answer with the hours in which it holds."""

    def __init__(self, windows: tuple[SyncWindow, ...]) -> None:
        self._hours = tuple(map(_Hours, windows))
        self._known = (0.0, 0.0, ALWAYS)

    def at(self, now: float) -> Opening:
        since, before, opening = self._known
        if not since <= now < before:
            before, opening = self._look(now)
            self._known = (now, before, opening)
        return opening

    def _look(self, now: float) -> tuple[float, Opening]:
        """Return the answer, and the hour before which it stays so in every word."""
        states = [hours.state(now) for hours in self._hours]
        flip = self._flip(states, now)
        before = min(now + _AHEAD_S - YEAR_S, *(state.until for state in states))
        if not all(hours.readable for hours in self._hours):
            before = min(before, now + _RETRY_S)
        if flip - now > YEAR_S:
            before, flip = min(before, flip - YEAR_S), math.inf
        return before, _opening(states, flip)

    def _flip(self, states: list[_State], now: float) -> float:
        """Return when the answer changes, inf when that is out of sight.

        Where windows alternate without an effect, an hour up to which nothing changes.
        """
        first, at = _is_open(states), now
        for _ in range(_STEPS_MAX):
            at = _next(states)
            if at > now + _AHEAD_S:
                return math.inf
            states = [hours.state(at) for hours in self._hours]
            if _is_open(states) is not first:
                break
        return at


def _is_open(states: Iterable[_State]) -> bool:
    """Return whether nothing denies, and something allows where something has to."""
    allowed = [state.active for state in states if state.window.allow]
    denied = any(state.active for state in states if not state.window.allow)
    return not denied and (any(allowed) or not allowed)


def _next(states: list[_State]) -> float:
    """Return the earliest hour at which the answer can be another one."""
    allows = [state for state in states if state.window.allow]
    denies = [state for state in states if not state.window.allow]
    if any(deny.active for deny in denies):
        return max(deny.until for deny in denies if deny.active)
    allowing = [allow.until for allow in allows if allow.active]
    if allows and not allowing:
        return min(allow.until for allow in allows)
    return min([*(deny.until for deny in denies), max(allowing, default=math.inf)])


def _opening(states: list[_State], flip: float) -> Opening:
    opening = Opening(_is_open(states), flip if flip < math.inf else 0.0)
    closers = [] if opening.open else _closers(states)
    told = closers or [s for s in states if s.active] or states
    return replace(
        opening,
        overrun=all(state.window.overrun for state in closers),
        detail=_detail(opening, told, closers),
    )


def _closers(states: list[_State]) -> list[_State]:
    """Return what keeps it closed: each deny that holds, and the allow that ended last."""
    found = [state for state in states if state.active and not state.window.allow]
    allows = [state for state in states if state.window.allow]
    if allows and not any(allow.active for allow in allows):
        ended = max(allow.ended for allow in allows)
        found += [allow for allow in allows if allow.ended == ended]
    return found


# -- for people -----------------------------------------------------------------------------------


def _detail(opening: Opening, told: list[_State], closers: list[_State]) -> str:
    word = "open" if opening.open else "closed"
    where = zone(told[0].window.timezone)
    if where is None:
        said = f"{word}: {told[0].window.timezone} is not a time zone that this machine knows"
    elif not opening.until:
        said = f"{word} for a year and more"
    else:
        said = f"{word} until {_hour(opening.until, where)} {told[0].window.timezone}"
    return f"{said} ({'; '.join(map(_reason, closers))})" if closers else said


def _hour(at: float, where: tzinfo) -> str:
    """Return an hour as `Mon 2026-11-23 09:00`, the same in every locale."""
    hour = datetime.fromtimestamp(at, where)
    return f"{_DAYS[hour.weekday()]} {hour:%Y-%m-%d %H:%M}"


def _reason(state: _State) -> str:
    window = state.window
    word = "outside allow" if window.allow else "within deny"
    return f"{word} {window.cron} for {written(window.duration_s)}"
