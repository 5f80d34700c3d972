"""When a limit is over, read from what a runtime says of it in words. Pure; the hour is given.

`resets 3pm (America/Phoenix)`, `resets Dec 3, 3:30pm (UTC)`, `try again in 5 minutes`, an epoch
second behind a bar. What cannot be read for certain is not guessed: None.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

DAY_S = 86_400.0
_EPOCH = re.compile(r"(?<!\d)(1[0-9]{9})(?:\.\d+)?(?:\d{3})?(?!\d)")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)")
_SPAN = re.compile(
    r"\b(?:in|after)\s+((?:(?:about|~)\s*)?(?:\d+(?:\.\d+)?\s*"
    r"(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_PIECE = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])", re.IGNORECASE)
_UNIT_S = {"d": DAY_S, "h": 3600.0, "m": 60.0, "s": 1.0}
_CLOCK = re.compile(
    r"(?:resets?|again|until|available)\b[^0-9\n(]*?"
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2})"
    r"(?:st|nd|rd|th)?,?\s+(?:(?P<year>\d{4}),?\s+)?(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"[^(\n]{0,4}\((?P<zone>[A-Za-z][\w+/-]*)\)",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def reset_at(text: str, now: float) -> float | None:
    """Return the epoch second at which a limit is over, None when the text does not say it.

    An hour without a date is the next one after `now`. One without a zone is nobody's hour.
    """
    for reader in (_epoch, _iso, _span, _clock):
        found = reader(text[:2000], now)
        if found is not None:
            return found
    return None


def _epoch(text: str, _now: float) -> float | None:
    found = _EPOCH.search(text)
    return float(found[1]) if found is not None else None


def _iso(text: str, _now: float) -> float | None:
    found = _ISO.search(text)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found[0]).timestamp()
    except (ValueError, OverflowError):
        return None


def _span(text: str, now: float) -> float | None:
    found = _SPAN.search(text)
    if found is None:
        return None
    parts = _PIECE.findall(found[1])
    return now + sum(float(count) * _UNIT_S[unit.lower()] for count, unit in parts)


def _clock(text: str, now: float) -> float | None:
    found = _CLOCK.search(text)
    if found is None:
        return None
    zone, hour = _zone(found["zone"]), _hour(found["hour"], found["half"])
    if zone is None or hour is None:
        return None
    here = datetime.fromtimestamp(now, zone)
    try:
        here = here.replace(minute=int(found["minute"] or 0), second=0, microsecond=0)
        if found["month"] is None:
            today = here.replace(hour=hour)
            later = today if today.timestamp() > now else today + timedelta(days=1)
            return later.timestamp()
        month = _MONTHS.index(found["month"].lower()) + 1
        year = int(found["year"] or here.year)
        dated = here.replace(year=year, month=month, day=int(found["day"]), hour=hour)
        if found["year"] is None and dated < here - timedelta(days=180):
            dated = dated.replace(year=year + 1)
    except (ValueError, OverflowError):
        return None
    return dated.timestamp()


def _hour(text: str, half: str | None) -> int | None:
    hour = int(text)
    if half is None:
        return hour if hour < 24 else None
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half.lower().startswith("p") else 0)


def _zone(name: str) -> tzinfo | None:
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - reads the zones, seldom needed

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
