"""What accounts let through: one case each, and what holds whatever happens in whatever order."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.capacity import (
    GAP_S,
    LONGEST_S,
    PACE_S,
    SHORTEST_S,
    Event,
    Limited,
    Overloaded,
    Served,
    Strained,
    Unpaid,
    Used,
    account_of,
    admit,
    after,
    at,
    booked,
)
from reconciler.core.resets import reset_at
from reconciler.model.agent import Persona
from reconciler.model.capacity import Account, Flow

NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC).timestamp()
OPEN = Account("work")
HOUR = 3600.0


def hour(day: int, clock: float) -> float:
    """Return an hour of November 2026, UTC."""
    return datetime(2026, 11, day, tzinfo=UTC).timestamp() + clock * HOUR


class TestResets:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("You've hit your limit · resets 3pm (America/Phoenix)", hour(22, 22)),
            ("resets 1:15pm (America/Phoenix)", hour(23, 20.25)),
            ("resets 1:30pm (America/Phoenix)", hour(23, 20.5)),
            ("limit reached ∙ resets at 9 PM (UTC)", hour(22, 21)),
            ("resets 9pm (z)", hour(22, 21)),
            ("resets 12am (Europe/Berlin)", hour(22, 23)),
            ("resets 23:45 (Asia/Kolkata)", hour(23, 18.25)),
            ("Weekly limit reached · resets Nov 25, 3pm (UTC)", hour(25, 15)),
            ("resets November 25th at 15:00 (UTC)", hour(25, 15)),
            ("resets Jan 2, 9am (UTC)", datetime(2027, 1, 2, 9, tzinfo=UTC).timestamp()),
            ("Claude AI usage limit reached|1795400000", 1795400000.0),
            ("try again in 5 minutes", NOW + 300),
            ("resets in 2h 15m", NOW + 8100),
            ("Retry after 1.5 hours and 30 seconds.", NOW + 5430),
            ("resetsAt: 2026-11-22T22:00:00Z", hour(22, 22)),
            ("resets 2026-11-22T23:00:00.000+01:00", hour(22, 22)),
        ],
    )
    def test_reads_what_runtimes_say(self, text: str, expected: float) -> None:
        assert reset_at(text, NOW) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "resets 3pm",
            "resets 3pm (Mars/Olympus)",
            "resets 3pm (../../etc/passwd)",
            "resets 25:00 (UTC)",
            "resets 13pm (UTC)",
            "resets 3:75pm (UTC)",
            "resets Feb 30, 3pm (UTC)",
            "You have 3 (three) tries",
            "Request rejected (429)",
            "resets soon",
            "resets in a while",
        ],
    )
    def test_does_not_guess(self, text: str) -> None:
        assert reset_at(text, NOW) is None

    @given(st.text(alphabet="resets in13pm:(UTC)/ 0Jan,h-TZ|.", max_size=60))
    def test_no_text_is_too_strange(self, text: str) -> None:
        found = reset_at(f"resets {text}", NOW)
        assert found is None or math.isfinite(found)

    def test_a_day_on_which_the_clock_is_changed_has_its_hours(self) -> None:
        """In Berlin, 25 October 2026 is 25 hours long."""
        now = datetime(2026, 10, 24, 22, 30, tzinfo=UTC).timestamp()  # 00:30 there
        assert reset_at("resets 4am (Europe/Berlin)", now) == now + 4.5 * HOUR


class TestLimits:
    def test_a_limit_closes_until_the_hour_it_names(self) -> None:
        found = after(OPEN, Limited("resets 3pm (America/Phoenix)"), NOW)
        assert (found.flow, found.until, found.strikes) == (Flow.CLOSED, NOW + 1.5 * HOUR, 1)
        assert found.why == "its limit is reached: resets 3pm (America/Phoenix)"

    @pytest.mark.parametrize(
        ("said", "wait_s"), [(NOW + 5, SHORTEST_S), (NOW - 500, SHORTEST_S), (NOW + 9e9, LONGEST_S)]
    )
    def test_an_hour_is_believed_within_bounds(self, said: float, wait_s: float) -> None:
        assert after(OPEN, Limited(until=said), NOW).until == NOW + wait_s

    def test_without_an_hour_it_waits_longer_each_time(self) -> None:
        account, waits, now = OPEN, [], NOW
        for _ in range(8):
            account = after(account, Limited("429"), now)
            waits.append(account.until - now)
            now = account.until + 1
        assert waits == [60, 120, 240, 480, 960, 1800, 1800, 1800]

    def test_a_used_up_window_without_an_hour_waits_long(self) -> None:
        assert after(OPEN, Limited("5-hour limit reached"), NOW).until == NOW + 1800

    def test_overload_is_short(self) -> None:
        account, waits, now = OPEN, [], NOW
        for _ in range(8):
            account = after(account, Overloaded("529"), now)
            waits.append(account.until - now)
            now = account.until + 1
        assert waits == [15, 30, 60, 120, 240, 480, 600, 600]

    def test_many_who_meet_one_limit_count_once(self) -> None:
        account = OPEN
        for n in range(50):
            account = after(account, Overloaded("529"), NOW + n / 10)
        assert (account.strikes, account.until) == (1, NOW + 4.9 + 15)

    def test_no_credit_is_for_a_person(self) -> None:
        found = after(OPEN, Unpaid("Credit balance is too low"), NOW)
        assert (found.flow, found.until) == (Flow.CLOSED, NOW + HOUR)
        assert "a person has to see to that" in found.why

    def test_a_turn_that_ends_well_forgives(self) -> None:
        closed = after(OPEN, Limited("429"), NOW)
        assert after(closed, Served(), NOW + 1) == closed
        assert after(closed, Served(), closed.until + 1).strikes == 0


class TestOpening:
    def test_opens_by_itself_and_is_paced_for_a_while(self) -> None:
        closed = after(OPEN, Limited(until=NOW + 600), NOW)
        flows = [at(closed, NOW + s).flow for s in (0, 599.9, 600, 600 + PACE_S - 1, 600 + PACE_S)]
        assert flows == [Flow.CLOSED, Flow.CLOSED, Flow.PACE, Flow.PACE, Flow.OPEN]

    def test_what_is_closed_until_nobody_knows_when_is_paced(self) -> None:
        assert at(Account("work", Flow.CLOSED), NOW).flow is Flow.PACE

    def test_lets_one_through_at_a_time_after_it_opened(self) -> None:
        account = after(OPEN, Limited(until=NOW + 600), NOW)
        hours = []
        now = NOW
        for _ in range(4):
            now = admit(account, now)
            hours.append(now - NOW)
            account = booked(account, now)
        assert hours == [600, 600 + GAP_S, 600 + 2 * GAP_S, 600 + 3 * GAP_S]

    def test_an_open_one_makes_nobody_wait(self) -> None:
        assert admit(OPEN, NOW) == NOW
        assert booked(OPEN, NOW) == OPEN

    def test_a_retry_paces_a_while(self) -> None:
        found = after(OPEN, Strained("529"), NOW)
        assert (found.flow, found.until) == (Flow.PACE, NOW + SHORTEST_S)


class TestWindows:
    @pytest.mark.parametrize(
        ("percent", "flow"), [(50, Flow.OPEN), (85, Flow.PACE), (96, Flow.PACE), (97, Flow.DRAIN)]
    )
    def test_a_window_that_is_nearly_used_up(self, percent: float, flow: Flow) -> None:
        assert after(OPEN, Used("5-hour", percent, NOW + HOUR), NOW).flow is flow

    def test_a_drained_account_begins_nothing_until_its_window_is_new(self) -> None:
        found = after(OPEN, Used("weekly", 99, NOW + HOUR), NOW)
        assert admit(found, NOW) == NOW + HOUR
        assert at(found, NOW + HOUR).flow is Flow.OPEN
        assert found.why == "99 % of its weekly window are used"

    def test_a_window_opens_nothing_that_is_closed(self) -> None:
        closed = after(OPEN, Limited(until=NOW + 600), NOW)
        assert after(closed, Used("5-hour", 99, NOW + HOUR), NOW) == closed


class TestWhoseAccount:
    @pytest.mark.parametrize(
        ("persona", "name"),
        [
            (None, ""),
            (Persona("command"), ""),
            (Persona("claude-code"), "claude-code"),
            (Persona("claude-code", account="work"), "work"),
        ],
    )
    def test_is_the_named_one_or_its_runtimes(self, persona: Persona | None, name: str) -> None:
        assert account_of(persona) == name


_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Limited, st.sampled_from(["429", "weekly limit", "resets 3pm (UTC)"])),
    st.builds(Limited, st.just(""), st.floats(NOW - 1e6, NOW + 1e6)),
    st.just(Overloaded("x")),
    st.just(Unpaid()),
    st.just(Strained()),
    st.just(Served()),
    st.builds(Used, st.just("weekly"), st.floats(0, 120), st.floats(0, NOW + 1e6)),
)


@given(st.lists(st.tuples(_EVENTS, st.floats(0, 2000)), max_size=30))
def test_whatever_happens_it_opens_again_soon_enough(story: list[tuple[Event, float]]) -> None:
    account, now = OPEN, NOW
    for event, wait_s in story:
        before = admit(account, now)
        account = after(account, event, now)
        assert now <= admit(account, now) <= now + LONGEST_S
        if not isinstance(event, Served):
            assert admit(account, now) >= min(before, now + LONGEST_S) or before <= now
        now += wait_s
    assert at(account, now + LONGEST_S + PACE_S).flow is Flow.OPEN
