"""Sync windows: what is open when, held against every minute of days that clocks make difficult."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.timetable import ALWAYS, YEAR_S, Opening, _times, _timetable, open_at
from reconciler.kinds.hours import last_start, starts
from reconciler.model.fleet import SyncWindow
from tests.core.timetable_oracle import Oracle, calendar, epoch, held

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
HOUR, DAY = 3600.0, 86400.0


def window(cron: str, length_s: float, zone: str = "UTC", *, allow: bool = True,
           overrun: bool = True) -> SyncWindow:  # fmt: skip
    return SyncWindow(allow, cron, length_s, zone, overrun)


def deny(cron: str, length_s: float, zone: str = "UTC", *, overrun: bool = True) -> SyncWindow:
    return window(cron, length_s, zone, allow=False, overrun=overrun)


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    hour = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return hour.timestamp()


def look(now: float, *windows: SyncWindow) -> Opening:
    """Ask without what was worked out before."""
    _timetable.cache_clear()
    return open_at(windows, now)


# -- against every minute -------------------------------------------------------------------------

# Days around which clocks are set, a leap day, and the turn of a year, each from four days before.
TIMES = {
    "spring in Berlin": epoch(2026, 3, 25),
    "autumn in Berlin": epoch(2026, 10, 21),
    "spring in New York": epoch(2026, 3, 4),
    "autumn in New York": epoch(2026, 10, 28),
    "leap day": epoch(2028, 2, 25),
    "new year": epoch(2026, 12, 28),
}
MINUTES = 9 * 24 * 60

_minute = st.sampled_from(["*", "*/2", "*/15", "0", "30", "0,30", "5-20", "10-50/20", "59"])
_hour = st.sampled_from(["*", "*/2", "*/6", "0", "1", "2", "3", "1-3", "0,12", "9-17", "2,3", "23"])
_day = st.sampled_from(["*", "*", "*", "*/2", "1", "29", "28-31", "8", "25"])
_month = st.sampled_from(["*", "*", "*", "2,3", "10,11", "*/3", "12"])
_weekday = st.sampled_from(["*", "*", "0", "7", "1-5", "6", "*/2"])
_line = st.tuples(_minute, _hour, _day, _month, _weekday).map(" ".join)
_length = st.sampled_from([1, 2, 15, 30, 60, 61, 90, 480, 1440, 1500, 4320]).map(lambda n: n * 60.0)
_window = st.builds(
    SyncWindow,
    st.booleans(),
    _line,
    _length,
    st.sampled_from([BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe"]),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(TIMES)),
    st.lists(_window, min_size=1, max_size=3),
    st.lists(st.integers(4 * 24 * 60, 6 * 24 * 60), min_size=1, max_size=8),
)
@example(
    "spring in Berlin", [window("30 2 * * *", HOUR, BERLIN)], [5640 + n for n in range(0, 90, 9)]
)
@example(
    "autumn in Berlin", [window("30 2 * * *", HOUR, BERLIN)], [5780 + n for n in range(0, 200, 9)]
)
@example("autumn in Berlin", [deny("* * * * *", 60.0)], [6000])
@example("leap day", [window("0 0 29 2 *", DAY, NEW_YORK)], [5760, 6060, 7200, 7499, 7500])
def test_every_minute_is_as_somebody_counting_minutes_says(
    when: str, windows: list[SyncWindow], minutes: list[int]
) -> None:
    first = TIMES[when]
    oracle = Oracle(windows, first, MINUTES)
    around = [m for n in minutes if (m := oracle.flip(n)) is not None]
    for n in sorted({*minutes, *around, *(m - 1 for m in around)}):
        now = first + n * 60
        opening = look(now, *windows)
        assert opening.open is oracle.open[n], (windows, n)
        flip = oracle.flip(n)
        if flip is not None:
            assert opening.until == first + flip * 60, (windows, n)
        else:
            assert opening.until == 0 or opening.until >= first + MINUTES * 60
        overrun = oracle.overrun(n)
        if overrun is not None:
            assert opening.overrun is overrun, (windows, n)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(TIMES)), st.lists(_window, min_size=1, max_size=3))
def test_what_is_kept_answers_as_what_is_worked_out_anew(
    when: str, windows: list[SyncWindow]
) -> None:
    _timetable.cache_clear()
    hours = [TIMES[when] + n * 977.0 for n in range(160)] + [TIMES[when] + 5000.0]
    kept = [open_at(tuple(windows), now) for now in hours]
    pairs = list(zip(hours, kept, strict=True))
    for now, opening in (*pairs[::40], pairs[-1]):
        assert opening == look(now, *windows)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TIMES)), _line, st.sampled_from([BERLIN, NEW_YORK, "UTC"]))
def test_starts_are_those_of_somebody_counting_minutes(when: str, line: str, zone: str) -> None:
    first = TIMES[when]
    wanted = [first + n * 60 for n in calendar(zone, first, MINUTES).starts(line)]
    end = first + MINUTES * 60
    found: list[float] = []
    for start in starts(line, ZoneInfo(zone), first - 1):
        if start >= end:
            break
        if not found or start != found[-1]:
            found.append(start)
    assert found == wanted
    for now in range(first + 86400, end, 7919):
        before = [start for start in wanted if start <= now]
        if before:
            assert last_start(line, ZoneInfo(zone), now) == before[-1]


def test_the_oracle_counts_as_people_do() -> None:
    first = TIMES["spring in Berlin"]
    marks = held(window("0 9 * * 1-5", HOUR, BERLIN), first, MINUTES)
    # From Wednesday 25 March 2026 on: three days at 8:00 UTC, a weekend, two at 7:00 UTC.
    wanted = [
        d * 1440 + h * 60 for d, h in [(0, 8), (1, 8), (2, 8), (5, 7), (6, 7), (7, 7), (8, 7)]
    ]
    assert [n for n in range(1, MINUTES) if marks[n] and not marks[n - 1]] == wanted


# -- edges ----------------------------------------------------------------------------------------

OFFICE = window("0 9 * * 1-5", 8 * HOUR, BERLIN)


def test_a_window_holds_from_its_start_up_to_its_end() -> None:
    opens, closes = at("2026-11-23 09:00", BERLIN), at("2026-11-23 17:00", BERLIN)
    assert not look(opens - 0.001, OFFICE).open
    assert look(opens, OFFICE).open
    assert look(closes - 0.001, OFFICE).open
    assert not look(closes, OFFICE).open
    assert look(opens, OFFICE).until == closes
    assert look(closes, OFFICE).until == at("2026-11-24 09:00", BERLIN)
    assert not open_at((OFFICE,), closes).open


def test_nothing_said_is_open() -> None:
    assert open_at((), 0.0) is ALWAYS
    assert Opening(open=True, until=0.0, overrun=True, detail="open at all hours") == ALWAYS


def test_denies_alone_leave_the_rest_open() -> None:
    freeze = deny("0 0 24 12 *", 3 * DAY, BERLIN)
    assert look(at("2026-12-23 23:59", BERLIN), freeze).open
    assert look(at("2026-12-23 23:59", BERLIN), freeze).until == at("2026-12-24 00:00", BERLIN)
    assert not look(at("2026-12-26 23:59", BERLIN), freeze).open
    assert look(at("2026-12-27 00:00", BERLIN), freeze).open


def test_deny_wins() -> None:
    both = (OFFICE, deny("0 12 * * *", HOUR, BERLIN))
    assert look(at("2026-11-23 11:59", BERLIN), *both).until == at("2026-11-23 12:00", BERLIN)
    assert not look(at("2026-11-23 12:30", BERLIN), *both).open
    assert look(at("2026-11-23 12:30", BERLIN), *both).until == at("2026-11-23 13:00", BERLIN)
    assert look(at("2026-11-23 13:00", BERLIN), *both).open


def test_windows_that_touch_are_one() -> None:
    shifts = (window("0 6 * * *", 8 * HOUR), window("0 14 * * *", 8 * HOUR))
    assert look(at("2026-11-23 07:00"), *shifts).until == at("2026-11-23 22:00")
    assert look(at("2026-11-23 07:00"), window("0 */2 * * *", 2 * HOUR)).until == 0


def test_durations_pass_as_time_does() -> None:
    # The night of the switch has 23 and 25 hours; the window always has eight.
    night = window("0 22 * * *", 8 * HOUR, BERLIN)
    assert look(at("2026-03-28 23:00", BERLIN), night).until == at("2026-03-29 07:00", BERLIN)
    assert look(at("2026-10-24 23:00", BERLIN), night).until == at("2026-10-25 05:00", BERLIN)


def test_a_start_that_the_clock_skips_is_not_lost() -> None:
    skipped = window("30 2 * * *", HOUR, BERLIN)
    assert look(at("2026-03-29 01:00", BERLIN), skipped).until == at("2026-03-29 03:00", BERLIN)
    assert look(at("2026-03-29 03:59", BERLIN), skipped).open


def test_an_hour_that_comes_twice_opens_once() -> None:
    twice = window("30 2 * * *", 600.0, BERLIN)
    assert look(at("2026-10-25 02:35", BERLIN), twice).open
    second = look(at("2026-10-25 02:35", BERLIN, fold=1), twice)
    assert not second.open
    assert second.until == at("2026-10-26 02:30", BERLIN)


def test_never_is_never_within_a_year() -> None:
    leap = window("0 0 29 2 *", DAY)
    assert look(at("2026-11-22 12:00"), leap).until == 0
    now = at("2028-02-29 00:00") - YEAR_S
    assert look(now - 1, leap).until == 0
    assert look(now, leap).until == at("2028-02-29 00:00")
    _timetable.cache_clear()
    assert [open_at((leap,), t).until for t in (now - DAY, now - 1)] == [0, 0]
    assert open_at((leap,), now).until == at("2028-02-29 00:00")


def test_always_is_found_without_counting_every_minute() -> None:
    for line, length in [("* * * * *", 60.0), ("*/5 * * * *", 300.0), ("0 * * * *", 2 * HOUR),
                         ("0 0 * * *", 25 * HOUR)]:  # fmt: skip
        opening = look(at("2026-11-22 12:00"), window(line, length, BERLIN))
        assert (opening.open, opening.until) == (True, 0), line


def test_windows_that_alternate_without_effect_end_the_search_at_an_hour_that_is_true() -> None:
    pair = (window("*/2 * * * *", 60.0), deny("*/2 * * * *", 60.0))
    opening = look(at("2026-11-22 12:00"), *pair)
    assert not opening.open
    assert opening.until > at("2026-11-22 12:00")


# -- overrun --------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, False])
def test_overrun_after_an_allow(said: bool) -> None:
    hours = window("0 9 * * *", HOUR, overrun=said)
    assert look(at("2026-11-22 09:30"), hours).overrun
    assert look(at("2026-11-22 10:30"), hours).overrun is said


def test_overrun_of_what_ended_last() -> None:
    early, late = window("0 9 * * *", HOUR, overrun=False), window("0 11 * * *", HOUR)
    assert not look(at("2026-11-22 10:30"), early, late).overrun
    assert look(at("2026-11-22 12:30"), early, late).overrun
    together = window("0 10 * * *", 2 * HOUR, overrun=False)
    assert not look(at("2026-11-22 12:30"), late, together).overrun


def test_overrun_under_denies() -> None:
    soft, hard = deny("0 9 * * *", 3 * HOUR), deny("0 10 * * *", HOUR, overrun=False)
    told = [look(at(f"2026-11-22 {hour}:30"), soft, hard).overrun for hour in ("09", "10", "11")]
    assert told == [True, False, True]


def test_an_allow_that_still_holds_has_no_say_under_a_deny() -> None:
    hours, before = (window(line, 8 * HOUR, overrun=False) for line in ("0 9 * * *", "0 0 * * *"))
    opening = look(at("2026-11-22 10:30"), deny("0 10 * * *", HOUR), hours, before)
    assert (opening.open, opening.overrun) == (False, True)
    assert "outside" not in opening.detail


# -- words, cost, accidents -----------------------------------------------------------------------


def test_words_for_people() -> None:
    said = look(at("2026-11-22 12:00"), OFFICE).detail
    assert said == (
        "closed until Mon 2026-11-23 09:00 Europe/Berlin (outside allow 0 9 * * 1-5 for 8h)"
    )
    assert (
        look(at("2026-11-23 12:00"), OFFICE).detail
        == "open until Mon 2026-11-23 17:00 Europe/Berlin"
    )
    assert (
        look(at("2026-11-23 12:00"), window("* * * * *", 60.0)).detail == "open for a year and more"
    )
    lunch = look(at("2026-11-23 11:30", BERLIN), OFFICE, deny("0 11 * * *", 5400.0, NEW_YORK))
    assert lunch.detail == "open until Mon 2026-11-23 17:00 Europe/Berlin"
    closed = look(at("2026-11-23 12:00", NEW_YORK), OFFICE, deny("0 11 * * *", 5400.0, NEW_YORK))
    assert closed.detail == (
        "closed until Tue 2026-11-24 03:00 America/New_York (within deny 0 11 * * * for 1h30m; "
        "outside allow 0 9 * * 1-5 for 8h)"
    )


@pytest.mark.parametrize("broken", [("0 9 * * *", "Mars/Phobos"), ("0 9 * *", "UTC")])
def test_a_window_that_cannot_be_read_opens_nothing(broken: tuple[str, str]) -> None:
    cron, zone = broken
    good = window("* * * * *", 60.0)
    assert not look(0.0, window(cron, HOUR, zone)).open
    assert not look(0.0, good, deny(cron, HOUR, zone)).open
    assert look(0.0, good, window(cron, HOUR, zone)).open


def test_a_window_of_an_unknown_zone_says_so() -> None:
    detail = look(0.0, window("0 9 * * *", HOUR, "Mars/Phobos")).detail
    assert detail.startswith("closed: Mars/Phobos is not a time zone that this machine knows")


def test_most_questions_are_answered_from_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    table = _timetable((OFFICE,))
    asked = []
    look_anew = table._look
    table._look = lambda now: asked.append(now) or look_anew(now)  # type: ignore
    for second in range(0, 86400, 10):
        table.at(at("2026-11-23 00:00", BERLIN) + second)
    assert len(asked) <= 3


def test_hours_long_ago_and_far_away() -> None:
    for now in (0.0, 1.5, 4e9, math.floor(at("2026-11-22 12:00")) + 0.999):
        opening = look(now, OFFICE)
        assert opening.until == 0 or opening.until > now


def test_nothing_asks_for_the_time() -> None:
    """A child whose clock is broken answers all the same."""
    code = """
import datetime, time
class Broken(datetime.datetime):
    @classmethod
    def now(cls, tz=None): raise AssertionError("the clock was read")
    utcnow = today = now
datetime.datetime = Broken
from reconciler.core.timetable import open_at
from reconciler.model.fleet import SyncWindow
def broken(*_): raise AssertionError("the clock was read")
time.time = time.monotonic = time.time_ns = broken
print(open_at((SyncWindow(True, "0 9 * * 1-5", 28800.0, "Europe/Berlin"),), 1795348800.0).open)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_times_of_a_day_are_those_of_one_day() -> None:
    """A start at the next midnight is the next day's."""
    assert list(_times("0 0 * * *")) == [0.0]
    assert list(_times("30 9,18 * * 1-5")) == [34200.0, 66600.0]
