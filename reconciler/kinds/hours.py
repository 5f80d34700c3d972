"""Hours as people write them: cron lines and names of time zones.

Reads the machine's time zone data and nothing else; never asks what time it is. Brings what it
needs only when called: most fleets have no hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

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
        _clockwork(text, _ANY_DAY)
    except ValueError:
        return False
    return True


def fires(text: str) -> bool:
    """Whether a cron line ever comes true."""
    try:
        return next(_clockwork(text, _ANY_DAY), None) is not None
    except ValueError:
        return False


def zone(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name, or None: there is none, or this machine lacks it."""
    if name == "UTC":  # also where the machine has no time zone data
        return UTC
    if _ZONE.fullmatch(name) is None or _NO_PLACE.match(name):
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def zones() -> set[str]:
    """Return the names that this machine knows; none when it has no time zone data. Slow."""
    from zoneinfo import available_timezones  # noqa: PLC0415

    return available_timezones()


def starts(line: str, where: tzinfo, after: float) -> Iterator[float]:
    """Yield the hours later than `after` at which a line comes true, in order.

    What falls into an hour that a clock skips comes true when the skipping is over; what falls into
    one that it shows twice, the first time. Lines whose minute or hour starts with `*` follow time
    as it passes. ValueError for what `is_cron` or `fires` refuses.
    """
    moment = datetime.fromtimestamp(after, where)
    for start in _clockwork(line, moment - _margin(moment)):
        if start.timestamp() > after:
            yield start.timestamp()


def last_start(line: str, where: tzinfo, now: float) -> float | None:
    """Return the latest hour at or before `now` at which a line came true; None if it never did."""
    moment = datetime.fromtimestamp(now, where)
    walk = _clockwork(line, moment + _margin(moment), back=True)
    return next((at for start in walk if (at := start.timestamp()) <= now), None)


def _margin(moment: datetime) -> timedelta:
    """Return how far around a moment the clock's face alone could mislead."""
    steady = (moment - _FOLD).utcoffset() == (moment + _FOLD).utcoffset()
    return timedelta(minutes=1) if steady else _FOLD


def _clockwork(line: str, moment: datetime, *, back: bool = False) -> Iterator[datetime]:
    """Return the moments after (or before) one at which a line comes true; ValueError: no line."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415

    try:
        return CronSim(line, moment, reverse=back)
    except CronSimError as error:
        raise ValueError(str(error)) from None
