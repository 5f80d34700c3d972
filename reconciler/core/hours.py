"""Hours as people say them: `2h ago`, `yesterday 14:00`, an ISO hour. Reads no clock itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from reconciler.model.problems import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"((?:\d{1,9}(?:\.\d+)?\s*[smhdw]\w*\s*)+)(?:ago)?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])([a-z]*)", re.ASCII)
_LONG = {"s": "econds", "m": "inutes", "h": "ours", "d": "ays", "w": "eeks"}
_DAYS = {"today": 0, "yesterday": 1}


def hour_of(text: str, now: datetime) -> float:
    """Return the epoch second that `text` means at the hour `now`, whose zone is the reader's.

    UsageError for anything else. An hour without a zone is in the zone of `now`; a bare hour is
    today's, a bare day begins at midnight.
    """
    words = " ".join(text.lower().split())
    try:
        found = _ago(words, now) or _day(words, now) or _written(text.strip(), now)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise UsageError(
            f"{text[:60]!r} is no hour that is understood",
            fix="write it as `2h ago`, `yesterday 14:00`, `14:30` or 2026-03-01T09:00",
        )
    return found.timestamp()


def _ago(words: str, now: datetime) -> datetime | None:
    if words == "now":
        return now
    if not _AGO.fullmatch(words):
        return None
    parts = _PART.findall(words)
    if any(not _LONG[unit].startswith(rest) and rest != "in" for _, unit, rest in parts):
        return None
    return now - timedelta(seconds=sum(float(count) * _UNITS[unit] for count, unit, _ in parts))


def _day(words: str, now: datetime) -> datetime | None:
    day, _, hour = words.partition(" ")
    if day not in _DAYS:
        return None
    at = time.fromisoformat(hour) if hour else time()
    return datetime.combine(now.date() - timedelta(days=_DAYS[day]), at, now.tzinfo)


def _written(text: str, now: datetime) -> datetime | None:
    if text.startswith("@"):
        return datetime.fromtimestamp(float(text[1:]), UTC)
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        return datetime.combine(now.date(), time.fromisoformat(text.zfill(5)), now.tzinfo)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)
