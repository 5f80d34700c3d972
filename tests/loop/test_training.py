"""Turns and commits joined: what is committed, of which turn, what is said when it cannot be."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from reconciler.core.recording import Remark
from reconciler.loop import training as room
from reconciler.model.hook import SILENCE
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, RefusedError, SourceError
from reconciler.model.training import HeldBack, Spoken, Turn
from tests.loop.school import BOB, CHARTER, DESIRED, EVE, School

SECRET = HeldBack(".env", "secret", "it looks like a key")
LOCKED = SourceError("the index is locked", why="a git was killed", fix="rm index.lock")


@pytest.fixture
def school() -> School:
    return School()


# -- a turn is a commit ----------------------------------------------------------------------------


def test_a_turn_that_wrote_is_a_commit_that_says_all_of_it(school: School) -> None:
    school.diary.told = Spoken(("x",), "Done.", "other", "m2", 120, 30, 0.5, school.clock.hour)
    began = school.clock.hour
    assert school.turn("write a poem", "roses") == SILENCE
    assert school.turns == [
        Turn(
            BOB,
            began + 1,
            "Done.",
            "write a poem",
            "s1",
            "claude-code",
            "m2",
            120,
            30,
            0.5,
            DESIRED,
            CHARTER,
        )
    ]
    assert school.diary.asked == [began], "what was said before this turn is not its own"
    assert school.said == [
        "p/agent/bob: its work is 000000000000 on training/p/bob/1 (turn, 1 file)"
    ]


def test_a_turn_that_wrote_nothing_is_none(school: School) -> None:
    school.turn("hello", "")
    assert school.turns == []
    assert school.said == []
    school.turn("write", "a")
    assert school.turns[0].prompt == "write", "what led to nothing is no part of it"


def test_several_prompts_of_a_turn_are_joined(school: School) -> None:
    school.hear("UserPromptSubmit", prompt="one")
    school.training.given(BOB, "two, in the middle of it")
    school.turn("three", "a")
    assert school.turns[0].prompt == "one\n\ntwo, in the middle of it\n\nthree"


def test_a_turn_that_is_made_to_go_on_is_two_commits(school: School) -> None:
    school.turn("first", "a")
    school.training.given(BOB, "a message at its end")
    school.write("b")
    school.hear("Stop", last_assistant_message="Yes.", stop_hook_active=True)
    school.write("c")
    school.hear("Stop", last_assistant_message="More.", stop_hook_active=True)
    assert [turn.prompt for turn in school.turns] == [
        "first",
        "a message at its end",
        "a message at its end",
    ]


@pytest.mark.parametrize("name", ["StopFailure", "SessionEnd"])
def test_a_turn_that_fails_is_committed_too(school: School, name: str) -> None:
    school.hear("UserPromptSubmit", prompt="try")
    school.write("half")
    school.hear(name)
    assert [turn.prompt for turn in school.turns] == ["try"]


def test_what_a_helper_tells_is_no_turn(school: School) -> None:
    school.hear("UserPromptSubmit", prompt="mine")
    school.hear("UserPromptSubmit", prompt="the helper's", agent_id="h")
    school.write("a")
    school.hear("Stop", agent_id="h")
    assert school.turns == []
    school.hear("Stop")
    assert school.turns[0].prompt == "mine"


def test_no_secret_that_it_was_given_is_in_its_words(school: School) -> None:
    values = {"env:KEY": "hunter2hunter2", "env:SHORT": "abc", "env:GONE": ""}
    books = replace(school.training.books, reveal=lambda reference: values[reference])
    school.training.books = books
    school.trainees[BOB] = replace(school.trainees[BOB], secrets=tuple(values))
    school.training.take(dict(school.trainees))
    school.turn("use hunter2hunter2, abc", "a", said="I used hunter2hunter2.")
    (turn,) = school.turns
    assert (turn.prompt, turn.summary) == ("use «secret», abc", "I used «secret».")


def test_what_was_spent_is_counted_once(school: School) -> None:
    school.diary.told = Spoken(tokens_in=10, at=school.clock.hour + 1)
    school.hear("UserPromptSubmit", prompt="long")
    school.write("a")
    school.training.commit(BOB, "person:Ada")
    school.write("b")
    school.hear("Stop")
    assert school.diary.asked == [school.clock.hour, school.clock.hour + 1]


def test_the_last_word_is_waited_for_a_little(school: School) -> None:
    late = [Spoken(), Spoken(said="before"), Spoken(said="Done. ", tokens_out=7)]
    school.diary.comes = lambda: late.pop(0)
    school.turn("x", "a", said="Done.")
    assert school.turns[0].tokens_out == 7
    school.diary.comes = None
    school.diary.told = Spoken(said="never it", tokens_out=3)
    before = school.clock.hour
    school.turn("y", "b", said="Done.")
    assert school.turns[1].tokens_out == 3
    assert school.clock.hour - before < 1.5


# -- modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "manual", "stopped"])
def test_in_other_modes_nothing_is_committed(school: School, mode: str) -> None:
    school.change(mode=mode)
    school.turn("x", "a")
    school.rounds(60)
    assert school.turns == []
    assert school.slate.looks == 0 or school.trainees[EVE].seat.mode == "training"


def test_the_mode_at_the_end_of_a_turn_decides(school: School) -> None:
    school.turn("one", "a")
    school.hear("UserPromptSubmit", prompt="two")
    school.write("ab")
    school.change(mode="auto")
    school.hear("Stop")
    school.rounds(60)
    assert [turn.prompt for turn in school.turns] == ["one"], "leaving it commits nothing further"
    school.change(mode="training")
    school.turn("three", "abc")
    assert [turn.prompt for turn in school.turns] == ["one", "three"]


def test_an_agent_without_a_work_tree_is_none_of_ours(school: School) -> None:
    stranger = UnitId("p/agent/mallory")
    school.turn("x", "a", unit=stranger)
    school.training.given(stranger, "y")
    with pytest.raises(RefusedError, match="no work tree"):
        school.training.commit(stranger, "person:Ada")
    assert school.training.remarks() == {}


# -- what cannot be committed ----------------------------------------------------------------------


def test_a_failure_is_told_once_and_mended_at_the_next_turn(school: School) -> None:
    school.slate.trouble = LOCKED
    began = school.clock.hour
    assert school.turn("one", "a") == SILENCE, "a hook never pays for it"
    assert school.training.remarks()[BOB] == Remark(
        False,
        "its work could not be committed: the index is locked (a git was killed). rm index.lock",
    )
    told = school.turn("two", "ab").context
    assert "the index is locked (a git was killed). rm index.lock" in told
    assert "stays in the tree" in told
    assert school.turn("three", "abc") == SILENCE, "once"
    assert len(school.said) == 1, "and once in the log"
    school.slate.trouble = None
    school.turn("four", "abcd", said="All of it.")
    (turn,) = school.turns
    assert turn.prompt == "one\n\ntwo\n\nthree\n\nfour", "all that led to it"
    assert turn.summary == "All of it."
    assert school.diary.asked[-1] == began, "and all that it took"
    assert school.training.remarks() == {}
    assert school.turn("five", "x") == SILENCE
    assert school.turns[1].prompt == "five"


def test_a_failure_is_mended_when_the_tree_rests(school: School) -> None:
    school.change(EVE, mode="auto")
    school.slate.trouble = LOCKED
    school.turn("one", "a")
    school.rounds(60)
    assert len(school.said) == 1
    school.slate.trouble = None
    school.rounds(400)
    assert [(turn.prompt, turn.cause) for turn in school.turns if turn.unit == BOB] == [
        ("one", "settled")
    ]


def test_the_same_failure_later_is_news_again(school: School) -> None:
    for _ in range(2):
        school.slate.trouble = LOCKED
        school.turn("one", f"a{school.clock.hour}")
        school.slate.trouble = None
        assert "could not commit" in school.turn("two", f"b{school.clock.hour}").context


def test_any_defect_is_survived(school: School) -> None:
    school.slate.trouble = ZeroDivisionError("x")
    assert school.turn("one", "a") == SILENCE
    assert "ZeroDivisionError: x" in school.training.remarks()[BOB].text
    school.slate.trouble = None
    school.roots.trouble = SourceError("no history")
    school.turn("two", "ab")
    assert [turn.charter for turn in school.turns] == [""], "work comes before what is nice to know"


def test_what_is_held_back_is_told_once(school: School) -> None:
    school.slate.held = (SECRET,)
    assert school.turn("one", "a") == SILENCE
    assert school.training.remarks()[BOB] == Remark(
        True, "in none of its commits: .env (it looks like a key)"
    )
    assert "- .env: it looks like a key" in school.turn("two", "ab").context
    assert school.turn("three", "abc") == SILENCE
    more = tuple(HeldBack(f"f{n}", "policy", "kept out") for n in range(12))
    school.slate.held = (SECRET, *more)
    school.turn("four", "abcd")
    told = school.turn("five", "abcde").context
    assert ".env" not in told
    assert "- f9: kept out\n- and 2 more" in told
    school.slate.held = ()
    school.turn("six", "x")
    school.slate.held = (SECRET,)
    school.turn("seven", "xy")
    assert ".env" in school.turn("eight", "xyz").context, "it is back"


def test_an_agent_in_another_mode_is_told_nothing(school: School) -> None:
    school.slate.held = (SECRET,)
    school.turn("one", "a")
    school.change(mode="auto")
    assert school.turn("two", "ab") == SILENCE


def test_a_work_tree_in_trouble_says_so(school: School) -> None:
    school.tree(trouble="another repository is there", fix="move it away")
    school.turn("one", "a")
    assert "another repository is there" in school.training.remarks()[BOB].text
    school.trainees[BOB] = replace(school.trainees[BOB], seen=None)
    school.training.take(dict(school.trainees))
    with pytest.raises(SourceError, match="no work tree yet"):
        school.training.commit(BOB, "person:Ada")


# -- time ------------------------------------------------------------------------------------------


def test_a_slow_commit_keeps_no_agent_waiting(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert room.PATIENCE_S < 0.75, "after that the gate has answered"
    monkeypatch.setattr(room, "PATIENCE_S", 0.05)
    gate = threading.Event()
    school.slate.before = lambda: gate.wait(10)
    began = time.monotonic()
    school.turn("one", "a")
    school.turn("two", "ab")
    school.turn("three", "abc")
    assert time.monotonic() - began < 5
    assert school.turns == []
    gate.set()
    school.training.commit(BOB, "person:Ada")
    assert [turn.prompt for turn in school.turns] == ["one"], "it had all that was there"
    assert school.slate.most_at_once == 1, "one commit a tree at a time"


def test_many_ends_at_once_leave_room_for_other_hooks(school: School) -> None:
    gate = threading.Event()
    school.slate.before = lambda: gate.wait(10)
    for _ in range(room.WAITING_MAX):
        assert school.training._room.acquire(blocking=False)
    began = time.monotonic()
    school.turn("one", "a")
    assert time.monotonic() - began < room.PATIENCE_S
    gate.set()
    for _ in range(room.WAITING_MAX):
        school.training._room.release()
    school.turn("two", "ab")
    assert school.turns[0].prompt == "one"
    assert school.training._room.acquire(blocking=False), "each lets go of its place"


def test_whoever_asks_is_answered_in_time(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ASKED_S", 0.05)
    gate = threading.Event()
    school.slate.before = lambda: gate.wait(10)
    school.write("a")
    with pytest.raises(BlindError, match="not committed after"):
        school.training.commit(BOB, "person:Ada")
    gate.set()


def test_trees_are_committed_beside_each_other(school: School) -> None:
    both = threading.Barrier(2)
    school.slate.before = lambda: both.wait(10)
    school.write("a")
    school.write("a", EVE)
    threads = [
        threading.Thread(target=school.training.commit, args=(unit, "person:Ada"))
        for unit in (BOB, EVE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(school.turns) == 2


def test_at_its_end_it_finishes_what_it_began(school: School) -> None:
    gate = threading.Event()
    school.slate.before = lambda: gate.wait(10)
    school.write("a")
    asking = threading.Thread(target=school.training.commit, args=(BOB, "person:Ada"))
    asking.start()
    threading.Timer(0.1, gate.set).start()
    while not school.slate.at_once:
        time.sleep(0.001)
    school.training.close()
    assert len(school.turns) == 1
    asking.join()
    with pytest.raises(BlindError, match="not committed"):
        school.training.commit(BOB, "person:Ada")
    assert school.hear("Stop") == SILENCE


# -- asked for -------------------------------------------------------------------------------------


def test_a_commit_that_is_asked_for_belongs_to_the_turn(school: School) -> None:
    school.hear("UserPromptSubmit", prompt="long work")
    school.write("a")
    made = school.training.commit(BOB, "person:Ada", "half of it")
    assert made is not None
    (turn,) = school.turns
    assert (turn.cause, turn.by, turn.summary) == ("asked", "person:Ada", "half of it")
    assert turn.prompt == "long work"
    assert school.training.commit(BOB, "person:Ada") is None
    school.write("ab")
    school.hear("Stop")
    assert school.turns[1].prompt == "long work"


def test_a_person_may_have_work_committed_in_any_mode(school: School) -> None:
    school.change(mode="stopped")
    school.write("a")
    assert school.training.commit(BOB, "person:Ada") is not None


# -- trees at rest ---------------------------------------------------------------------------------


def test_a_runtime_without_hooks_is_committed_when_its_tree_rests(school: School) -> None:
    school.change(mode="auto")
    for text in ("a", "ab", "abc"):
        school.write(text, EVE)
        school.rounds(8)
        assert school.turns == [], "it goes on changing"
    school.rounds(6)
    (turn,) = school.turns
    assert (turn.unit, turn.cause, turn.model) == (EVE, "settled", "m1")
    school.rounds(60)
    assert len(school.turns) == 1
    looks = school.slate.looks
    school.rounds(320)
    assert school.slate.looks - looks <= 21, "the longer nothing is new, the seldomer it looks"
    school.write("abcd", EVE)
    school.rounds(40)
    assert len(school.turns) == 2


def test_how_long_a_tree_rests_is_the_policys(school: School) -> None:
    eve = school.trainees[EVE]
    school.trainees[EVE] = replace(eve, policy=replace(eve.policy, settle_s=60.0))
    school.anew()
    school.write("a", EVE)
    school.rounds(58)
    assert school.turns == []
    school.rounds(10)
    assert len(school.turns) == 1


def test_a_daemon_that_was_down_finds_what_it_missed(school: School) -> None:
    school.turn("one", "a")
    school.write("ab")
    school.diary.told = Spoken(("two",), "Did it.", "s2", "m2", 9, 8, 0.1, school.clock.hour)
    school.roots.tip_at = 77.0
    school.anew()
    school.rounds(20)
    turn = school.turns[1]
    assert (turn.prompt, turn.summary, turn.conversation) == ("two", "Did it.", "s2")
    assert (turn.cause, turn.tokens_in) == ("settled", 9)
    assert 77.0 in school.diary.asked, "all that was said since the last commit"


def test_in_the_middle_of_a_turn_its_end_is_waited_for(school: School) -> None:
    school.write("half")
    school.busy.add(BOB)
    school.rounds(120)
    assert school.turns == []
    school.busy.clear()
    school.rounds(20)
    assert len(school.turns) == 1, "a person broke it off"


def test_who_tells_its_turns_and_rests_costs_nothing(school: School) -> None:
    school.change(EVE, mode="auto")
    school.turn("one", "a")
    school.rounds(40)
    looks = school.slate.looks
    school.rounds(400)
    assert school.slate.looks == looks


def test_a_tree_that_cannot_be_looked_at_is_tried_ever_more_seldom(school: School) -> None:
    school.change(mode="auto")
    school.slate.trouble = SourceError("the disk is gone", fix="mount it")
    school.rounds(600)
    assert 5 < school.slate.looks < 15
    assert len(school.said) == 1
    assert "the disk is gone" in school.training.remarks()[EVE].text
    school.slate.trouble = None
    school.write("a", EVE)
    school.rounds(400)
    assert len(school.turns) == 1
    assert school.training.remarks() == {}


def test_looks_take_a_small_share_of_a_core(school: School) -> None:
    def slow(_seen: object) -> str:
        school.clock.hour += 1.0
        return "x"

    school.slate.fingerprint = slow  # type: ignore[assignment, method-assign]
    assert school.settling.round() >= 50 * 2.0
