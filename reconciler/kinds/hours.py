"""Hours as people write them: cron lines and names of time zones.

Reads the machine's time zone data and nothing else; never asks what time it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_LINE = re.compile(r"[0-9A-Za-z*/,#-]{1,80}(?: +[0-9A-Za-z*/,#-]{1,80}){4}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}", re.ASCII)
# Each machine means something else by these, or counts leap seconds.
_NO_PLACE = re.compile(r"(?:localtime|posixrules|Factory)\Z|(?:posix|right)/")
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)

# Clocks are set by less than this.
_FOLD = timedelta(hours=3)


def is_cron(text: str) -> bool:
    """Whether this is a cron line of five fields, as Debian's cron reads it."""
    if len(text) > 200 or _LINE.fullmatch(text) is None:
        return False
    minute, hour, day, month, weekday = text.split()
    # Each field for itself: the 30th of February is a line, one that never comes true.
    return _is_read(f"{minute} {hour} {day} * {weekday}") and _is_read(f"0 0 * {month} *")


def _is_read(text: str) -> bool:
    try:
        CronSim(text, _ANY_DAY)
    except CronSimError:
        return False
    return True


def fires(text: str) -> bool:
    """Whether a cron line ever comes true."""
    try:
        next(CronSim(text, _ANY_DAY))
    except (CronSimError, StopIteration):
        return False
    return True


def zone(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name, or None: there is none, or this machine lacks it."""
    if name == "UTC":  # also where the machine has no time zone data
        return UTC
    if _ZONE.fullmatch(name) is None or _NO_PLACE.match(name):
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def zones() -> set[str]:
    """Return the names that this machine knows; none when it has no time zone data. Slow."""
    return available_timezones()


def starts(line: str, where: tzinfo, after: float) -> Iterator[float]:
    """Yield the hours later than `after` at which a line comes true, in order.

    What falls into an hour that a clock skips comes true when the skipping is over; what falls into
    one that it shows twice, the first time. Lines whose minute or hour starts with `*` follow time
    as it passes. ValueError for what `is_cron` or `fires` refuses.
    """
    moment = datetime.fromtimestamp(after, where)
    for start in _walk(line, moment - _margin(moment), back=False):
        if start > after:
            yield start


def last_start(line: str, where: tzinfo, now: float) -> float | None:
    """Return the latest hour at or before `now` at which a line came true; None if it never did."""
    moment = datetime.fromtimestamp(now, where)
    walk = _walk(line, moment + _margin(moment), back=True)
    return next((start for start in walk if start <= now), None)


def _margin(moment: datetime) -> timedelta:
    """Return how far around a moment the clock's face alone could mislead."""
    steady = (moment - _FOLD).utcoffset() == (moment + _FOLD).utcoffset()
    return timedelta(minutes=1) if steady else _FOLD


def _walk(line: str, moment: datetime, *, back: bool) -> Iterator[float]:
    try:
        for start in CronSim(line, moment, reverse=back):
            yield start.timestamp()
    except CronSimError as error:
        raise ValueError(str(error)) from None
