"""Which of two branches is followed, and when a remote is asked again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.remotemetrics import families
from reconciler.core.remotes import (
    BACKOFF_MAX_S,
    GAP_S,
    REFUSED_S,
    choose,
    in_words,
    next_try,
    related,
    unsent,
    withheld_push,
)
from reconciler.model.control import Withheld, Withholding
from reconciler.model.problems import SourceError
from reconciler.model.remote import Counted, Offer, Refusal, Relation, Remote, RemoteState, Tips

REMOTE = Remote("https://example.org/x", interval_s=30.0)


def line(*commits: str):  # type: ignore[no-untyped-def]
    """Return a history in which each commit contains those before it."""
    return lambda older, newer: (
        older in commits and newer in commits and commits.index(older) <= commits.index(newer)
    )


def test_whoever_has_all_that_the_other_has_is_followed() -> None:
    history = line("a", "b")
    assert related("a", "", history) == Tips("a")
    assert related("a", "a", history).relation is Relation.SAME
    assert related("b", "a", history).relation is Relation.AHEAD
    assert related("a", "b", history).relation is Relation.BEHIND
    assert choose(related("a", "", history), "", "main") == "a"
    assert choose(related("b", "a", history), "a", "main") == "b"
    assert choose(related("a", "b", history), "a", "main") == "b"


def test_when_neither_has_nobody_guesses() -> None:
    tips = related("a", "x", line("a"))
    held = choose(tips, "a", "live")
    assert isinstance(held, Withheld)
    assert (held.commit, held.why) == ("x", Withholding.DIVERGED)
    assert held.fix == "git merge novaorch/remote/live"
    other = choose(tips, "x", "live")
    assert isinstance(other, Withheld)
    assert other.commit == "a", "a hold names what is not followed"


def test_a_hold_names_commits_as_people_do() -> None:
    ours, theirs = "a" * 40, "b" * 40
    held = choose(related(ours, theirs, line()), ours, "main")
    assert isinstance(held, Withheld)
    assert f"commit {'a' * 12} here and {'b' * 12} of the remote's main have" in held.detail
    unknown = choose(Tips(ours, theirs, Relation.UNKNOWN, "x"), ours, "main")
    assert isinstance(unknown, Withheld)
    assert f"whether {'a' * 12} here or {'b' * 12} there is newer" in unknown.detail
    tips = Tips(ours, theirs, Relation.AHEAD)
    assert f"{'a' * 12} is not followed" in withheld_push(REMOTE, tips, theirs, lost=False)
    assert f"and {'a' * 12} would bring" in withheld_push(REMOTE, tips, ours, lost=True)


def test_a_history_that_is_cut_off_is_in_words() -> None:
    def cut(_older: str, _newer: str) -> bool:
        raise SourceError("cannot tell", why="shallow", fix="git fetch --unshallow")

    held = choose(related("a", "b", cut), "a", "main")
    assert isinstance(held, Withheld)
    assert "git fetch --unshallow" in held.detail


@given(st.integers(1, 60), st.integers(1, 86400), st.floats(0, 2e9))
def test_a_remote_that_fails_is_asked_later_and_later_but_for_ever(
    failures: int, interval_s: int, now: float
) -> None:
    remote = Remote("https://h/x", interval_s=float(interval_s))
    wait_s = next_try(remote, RemoteState(failures=failures), 0, now) - now
    assert min(GAP_S, interval_s / 2) - 1e-3 <= wait_s <= max(BACKOFF_MAX_S, interval_s) + 1e-3


def test_waits_grow_and_are_not_in_step() -> None:
    waits = [next_try(REMOTE, RemoteState(failures=n), 0, 0.0) for n in range(1, 9)]
    assert waits[0] <= 30.0
    assert waits[-1] > 10 * waits[0]
    usual = {next_try(REMOTE, RemoteState(), count, 0.0) for count in range(500)}
    assert len(usual) > 400
    assert all(27.0 <= wait <= 33.0 for wait in usual)
    assert (BACKOFF_MAX_S, GAP_S, REFUSED_S) == (600.0, 3.0, 3600.0), "said so in the manual"


def test_only_what_is_new_is_offered_and_what_was_refused_rests() -> None:
    refused = {"r/c": Refusal("r/c", "3", "no", "", 100.0), "r/d": Refusal("r/d", "old", "", "", 0)}
    offers = unsent({"r/a": "1", "r/b": "2", "r/c": "3", "r/d": "4"}, {"r/a": "1"}, refused, 200.0)
    assert offers == [Offer("2", "r/b"), Offer("4", "r/d")]
    young = {"r/c": Refusal("r/c", "3", "no", "", 3000.0)}
    assert unsent({"r/c": "3"}, {}, young, 3700.0) == []
    later = unsent({"r/c": "3"}, {}, refused, 100.0 + REFUSED_S)
    assert later == [Offer("3", "r/c")]


def test_only_what_is_followed_is_pushed_and_never_what_was_taken_back_there() -> None:
    tips = Tips("b", "a", Relation.AHEAD)
    assert withheld_push(REMOTE, tips, "b", lost=False) == ""
    assert "not followed" in withheld_push(REMOTE, tips, "a", lost=False)
    assert "set back by force" in withheld_push(REMOTE, tips, "b", lost=True)


def test_a_state_is_one_line() -> None:
    state = RemoteState("https://h/x", "main", fetched=100.0, ahead=2, behind=1)
    assert in_words(state, 112.0) == "main of https://h/x: fetched 12s ago, 2 ahead, 1 behind"
    failing = RemoteState("u", "main", since=50.0, failures=2, trouble="down", fix="wait", next=180)
    assert in_words(failing, 120.0) == (
        "main of u: never fetched, failing for 1m: down; wait; next try in 1m"
    )
    assert "next try" not in in_words(failing, 180.0)
    for left_s, words in ((0, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (86400, "1d")):
        assert f"fetched {words} ago" in in_words(RemoteState(fetched=9.0), 9.0 + left_s)
    refused = RemoteState("u", "b", refused=(Refusal("refs/x", "1", "protected", "ask", 0.0),))
    assert "1 refused, first refs/x: protected; ask" in in_words(refused, 0.0)


# -- for monitoring -------------------------------------------------------------------------------


def told(state: RemoteState | None, counted: Counted, relation: Relation) -> dict[str, float]:
    found = families(state, counted, Tips("a", "b", relation))
    return {
        f"{family.name}{dict(sample.labels) or ''}": sample.value
        for family in found
        for sample in family.samples
    }


def test_a_fleet_without_a_remote_has_no_metric_of_one() -> None:
    assert told(None, Counted(), Relation.NONE) == {}


def test_every_metric_is_there_from_the_start() -> None:
    found = told(RemoteState(), Counted(), Relation.NONE)
    assert found["novaorch_remote_fetches_total{'result': 'failed'}"] == 0
    assert found["novaorch_remote_pushes_total{'result': 'rejected'}"] == 0
    assert found["novaorch_remote_up"] == 1
    assert all(name.startswith("novaorch_remote_") for name in found)


def test_metrics_say_how_it_stands() -> None:
    refused = (Refusal("r", "c", "", "", 0.0),)
    state = RemoteState(fetched=7.0, failures=2, ahead=3, behind=4, refused=refused)
    counted = Counted({"ok": 5, "failed": 2}, {"moved": 6, "rejected": 1}, 0.25)
    found = told(state, counted, Relation.DIVERGED)
    assert found["novaorch_remote_fetches_total{'result': 'ok'}"] == 5
    assert found["novaorch_remote_pushes_total{'result': 'moved'}"] == 6
    assert found["novaorch_remote_fetch_seconds"] == 0.25
    assert found["novaorch_remote_last_fetch_timestamp_seconds"] == 7.0
    assert found["novaorch_remote_up"] == 0
    assert found["novaorch_remote_commits{'side': 'here'}"] == 3
    assert found["novaorch_remote_commits{'side': 'there'}"] == 4
    assert found["novaorch_remote_diverged"] == 1
    assert found["novaorch_remote_refused_refs"] == 1
