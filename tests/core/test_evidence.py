"""Who is believed: against an oracle that knows the rules as sentences, and one case each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.evidence import LAG_S, STARTING_S, YOUNG_S, judge, reconfirmed
from reconciler.model.agent import AgentState, Evidence, Persona, Seat, Waiting, Witness
from reconciler.model.ids import UnitId

NOW = 10_000.0
SEAT = Seat(UnitId.of("p", "agent", "a"), Persona("claude-code"), "auto", "%1", 77, NOW - 5000)
HOOK, FILE, SCREEN = Witness.HOOK, Witness.SESSION_FILE, Witness.SCREEN
IDLE, BUSY, WAITING = AgentState.IDLE, AgentState.BUSY, AgentState.WAITING


def word(
    witness: Witness, state: AgentState, ago: float, waiting: Waiting | None = None
) -> Evidence:
    """Return a witness's word."""
    return Evidence(witness, state, NOW - ago, waiting=waiting)


def judged(*words: Evidence) -> AgentState:
    """Return what these words come to."""
    return judge(words, SEAT, NOW).state


class TestRank:
    def test_a_hook_counts_more_than_a_file_of_the_same_time(self) -> None:
        found = judge([word(HOOK, IDLE, 3), word(FILE, BUSY, 3.5)], SEAT, NOW)
        assert (found.state, found.why) == (IDLE, "hook: idle")
        assert found.conflicts == ("session-file: busy",)

    def test_a_file_counts_more_than_a_screen_of_the_same_time(self) -> None:
        assert judged(word(SCREEN, BUSY, 3), word(FILE, IDLE, 3)) is IDLE

    @pytest.mark.parametrize("witness", [FILE, SCREEN])
    @pytest.mark.parametrize("state", [BUSY, WAITING, AgentState.LIMITED, AgentState.AUTH_LOST])
    def test_what_began_later_counts_at_once(self, witness: Witness, state: AgentState) -> None:
        before = BUSY if state is not BUSY else IDLE
        if witness is FILE and {before, state} == {BUSY, WAITING}:
            return  # a file does not know the two apart
        assert judged(word(HOOK, before, 60), word(witness, state, 1)) is state

    def test_a_screen_that_lags_behind_a_hook_is_old_news(self) -> None:
        found = judge([word(HOOK, IDLE, 1), word(SCREEN, BUSY, 1 - LAG_S / 2)], SEAT, NOW)
        assert found.state is IDLE

    def test_one_that_does_not_lag_is_none(self) -> None:
        assert judged(word(HOOK, IDLE, LAG_S + 1), word(SCREEN, BUSY, 1)) is BUSY

    def test_one_idle_screen_ends_no_turn(self) -> None:
        found = judge([word(HOOK, BUSY, 60), word(SCREEN, IDLE, 1)], SEAT, NOW)
        assert (found.state, found.conflicts) == (BUSY, ("screen: idle",))

    def test_two_idle_screens_do(self) -> None:
        assert judged(word(HOOK, BUSY, 60), word(SCREEN, IDLE, 2), word(SCREEN, IDLE, 1)) is IDLE

    def test_two_looks_in_a_row_too_close_together_do_not(self) -> None:
        two = word(SCREEN, IDLE, 1.1), word(SCREEN, IDLE, 1)
        assert judged(word(HOOK, BUSY, 60), *two) is BUSY

    def test_two_idle_screens_with_work_between_do_not(self) -> None:
        words = word(SCREEN, IDLE, 3), word(SCREEN, BUSY, 2), word(SCREEN, IDLE, 1)
        assert judged(word(HOOK, BUSY, 60), *words) is BUSY

    def test_idle_screens_of_before_the_turn_do_not(self) -> None:
        words = word(SCREEN, IDLE, 90), word(SCREEN, IDLE, 1)
        assert judged(word(HOOK, BUSY, 60), *words) is BUSY

    def test_an_interrupted_dialog_ends_though_no_hook_says_so(self) -> None:
        asked = word(HOOK, WAITING, 60, Waiting.PERMISSION)
        assert judged(asked, word(FILE, IDLE, 1)) is IDLE

    def test_a_file_that_is_busy_agrees_with_whoever_waits(self) -> None:
        asked = word(HOOK, WAITING, 60, Waiting.PERMISSION)
        found = judge([asked, word(FILE, BUSY, 1)], SEAT, NOW)
        assert (found.state, found.waiting, found.conflicts) == (WAITING, Waiting.PERMISSION, ())

    def test_an_empty_composer_does_not_lift_a_limit(self) -> None:
        limit = replace(word(HOOK, AgentState.LIMITED, 600), until=NOW + 600)
        found = judge([limit, word(SCREEN, IDLE, 2), word(SCREEN, IDLE, 1)], SEAT, NOW)
        assert (found.state, found.until, found.conflicts) == (
            AgentState.LIMITED,
            NOW + 600,
            (),
        )


class TestWhatIsNoWord:
    def test_of_a_former_process(self) -> None:
        old = replace(word(SCREEN, BUSY, 1), pid=76)
        assert judge([old], SEAT, NOW).why == "nothing was heard of it yet"

    def test_of_before_it_began(self) -> None:
        assert judged(word(HOOK, BUSY, 5001)) is AgentState.UNKNOWN

    def test_what_is_over(self) -> None:
        limit = replace(word(HOOK, AgentState.LIMITED, 600), until=NOW)
        assert judged(limit, word(SCREEN, IDLE, 1)) is IDLE

    def test_nothing_new_is_a_start_for_a_while(self) -> None:
        fresh = replace(SEAT, began=NOW - STARTING_S + 1)
        assert judge([], fresh, NOW).state is AgentState.STARTING
        assert judge([], replace(SEAT, began=NOW - STARTING_S), NOW).state is AgentState.UNKNOWN

    def test_of_a_command_nothing_is_said(self) -> None:
        found = judge([], replace(SEAT, persona=None, began=NOW - 1), NOW)
        assert (found.state, found.confidence) == (AgentState.UNKNOWN, 0.0)

    def test_where_nothing_runs_only_how_it_ended_counts(self) -> None:
        gone = replace(SEAT, pane="", pid=0)
        ended = word(HOOK, AgentState.DONE, 9000)
        assert judge([ended, word(SCREEN, BUSY, 1)], gone, NOW).state is AgentState.DONE
        assert judge([word(HOOK, BUSY, 1)], gone, NOW).why == "nothing runs"
        stopped = judge([], replace(gone, mode="stopped"), NOW)
        assert (stopped.state, stopped.why) == (AgentState.DONE, "stopped by wish")

    def test_a_word_from_the_future_is_one_of_now(self) -> None:
        found = judge([word(HOOK, IDLE, -500)], SEAT, NOW)
        assert (found.state, found.confidence) == (IDLE, 0.98)


class TestConfidence:
    def test_falls_with_time(self) -> None:
        found = [judge([word(HOOK, BUSY, ago)], SEAT, NOW).confidence for ago in (0, 60, 300, 900)]
        assert found == sorted(found, reverse=True)
        assert (found[0], found[2]) == (0.98, 0.49)

    def test_grows_with_agreement(self) -> None:
        alone = judge([word(SCREEN, IDLE, 1)], SEAT, NOW).confidence
        both = judge([word(SCREEN, IDLE, 1), word(FILE, IDLE, 1)], SEAT, NOW).confidence
        assert both > max(alone, 0.9)

    def test_too_old_a_word_is_none(self) -> None:
        seat = replace(SEAT, began=0.0)
        found = judge([word(HOOK, BUSY, 4000)], seat, NOW)
        assert found.state is AgentState.UNKNOWN
        assert found.why == "the last word is too old: hook: busy"

    def test_a_limit_with_an_end_does_not_fade(self) -> None:
        limit = replace(word(HOOK, AgentState.LIMITED, 4900), until=NOW + 9)
        assert judge([limit], SEAT, NOW).confidence == 0.98

    def test_an_old_conflict_is_not_shown(self) -> None:
        words = [word(HOOK, IDLE, YOUNG_S + 3), word(FILE, BUSY, YOUNG_S + 2.5)]
        assert judge(words, SEAT, NOW).conflicts == ()

    def test_is_said_with_why_and_age(self) -> None:
        said = Evidence(HOOK, WAITING, NOW - 7, "wants to use Bash", Waiting.PERMISSION)
        found = judge([said], SEAT, NOW)
        assert (found.at, found.why) == (NOW - 7, "hook: waiting (permission), wants to use Bash")


class TestReconfirmed:
    def test_a_file_is_true_until_it_is_written_anew(self) -> None:
        assert reconfirmed(word(FILE, IDLE, 500), None, NOW).at == NOW
        assert reconfirmed(word(FILE, IDLE, 5), word(HOOK, IDLE, 5), NOW).at == NOW

    def test_a_file_of_before_the_last_hook_stays_old(self) -> None:
        file = word(FILE, IDLE, 500)
        assert reconfirmed(file, word(HOOK, BUSY, 5), NOW) == file
        assert judged(word(HOOK, BUSY, 5), file) is BUSY


# -- an oracle ------------------------------------------------------------------------------------

_STATES = st.sampled_from([IDLE, BUSY, AgentState.LIMITED])
_WORDS = st.lists(
    st.tuples(st.sampled_from([HOOK, FILE, SCREEN]), _STATES, st.integers(0, 40)), max_size=7
)


def expected(words: list[tuple[Witness, AgentState, int]]) -> AgentState | None:
    """Tell the rules as sentences, in whole seconds, for words that are all believed."""
    last: dict[Witness, tuple[AgentState, int]] = {}
    for witness, state, ago in words:
        if witness not in last or ago <= last[witness][1]:
            last[witness] = (state, ago)
    if not last:
        return None
    heard = [(witness, *last[witness]) for witness in (HOOK, FILE, SCREEN) if witness in last]
    told = heard[0]
    for witness, state, ago in heard[1:]:
        same = state is told[1] or {state, told[1]} == {IDLE, AgentState.LIMITED}
        unsure = witness is SCREEN and state is IDLE and not _twice(words, told[2])
        if not same and ago <= told[2] - 1 and not unsure:
            told = (witness, state, ago)
    return told[1]


def _twice(words: list[tuple[Witness, AgentState, int]], after: int) -> bool:
    """Whether the two last hours at which the screen was seen, since then, showed it idle only."""
    looks = [(ago, state) for witness, state, ago in words if witness is SCREEN]
    hours = sorted({ago for ago, _ in looks})[:2]
    if len(hours) < 2 or hours[1] > after - 1:
        return False
    return all(state is IDLE for ago, state in looks if ago in hours)


@given(_WORDS)
def test_judges_as_the_rules_say(words: list[tuple[Witness, AgentState, int]]) -> None:
    found = judge([word(w, state, ago) for w, state, ago in words], SEAT, NOW)
    assert found.state is (expected(words) or AgentState.UNKNOWN)


@given(_WORDS, st.floats(0, 5000))
def test_is_never_surer_later(words: list[tuple[Witness, AgentState, int]], later: float) -> None:
    heard = [word(w, state, ago) for w, state, ago in words]
    assert judge(heard, SEAT, NOW + later).confidence <= judge(heard, SEAT, NOW).confidence
