"""Hours as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from reconciler.core.hours import hour_of
from reconciler.model.problems import UsageError

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-10T15:30:00+02:00"),
        ("2h ago", "2026-03-10T13:30:00+02:00"),
        ("1h30m ago", "2026-03-10T14:00:00+02:00"),
        ("90 seconds ago", "2026-03-10T15:28:30+02:00"),
        ("5 min ago", "2026-03-10T15:25:00+02:00"),
        ("2d", "2026-03-08T15:30:00+02:00"),
        ("yesterday", "2026-03-09T00:00:00+02:00"),
        ("yesterday 14:00", "2026-03-09T14:00:00+02:00"),
        ("Today 09:15", "2026-03-10T09:15:00+02:00"),
        ("9:15", "2026-03-10T09:15:00+02:00"),
        ("2026-03-01", "2026-03-01T00:00:00+02:00"),
        ("2026-03-01T09:00", "2026-03-01T09:00:00+02:00"),
        ("2026-03-01 09:00:30", "2026-03-01T09:00:30+02:00"),
        ("2026-03-01T09:00Z", "2026-03-01T09:00:00+00:00"),
        ("@1700000000", "2023-11-14T22:13:20+00:00"),
    ],
)
def test_an_hour_is_understood(text: str, expected: str) -> None:
    assert hour_of(text, NOW) == datetime.fromisoformat(expected).timestamp()


@pytest.mark.parametrize(
    "text", ["", "soon", "2x ago", "25:00", "2026-13-01", "yesterday 25:00", "@x", "9" * 40 + "h"]
)
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as told:
        hour_of(text, NOW)
    assert told.value.fix


def test_a_week_has_seven_days() -> None:
    assert hour_of("1w ago", NOW) == hour_of("7d ago", NOW) == hour_of("168h ago", NOW)
