"""The decision on a run, its words, and what is read of them again."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import runlines
from reconciler.core.promoted import Piece, merged, replayed, squashed
from reconciler.core.promotion import decide
from reconciler.core.runletters import conflict, rejected
from reconciler.core.runnames import one
from reconciler.core.trailers import compose, read
from reconciler.core.verdicts import (
    conflict_message,
    conflict_paths,
    lines_of,
    message,
    trailers,
)
from reconciler.core.verdicts import read as verdict_of
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.promotion import (
    Checkout,
    Clash,
    Facts,
    KnownRun,
    Move,
    Proof,
    Sentence,
    State,
)
from reconciler.model.training import Run, Turn, Verdict

TORCH, ANVIL = UnitId("shop/agent/torch"), UnitId("shop/agent/anvil")
TIP, OTHER = "a" * 40, "b" * 40
ADA = "Ada <ada@example.org>"


def known(unit: UnitId = TORCH, number: int = 1, verdict: Verdict = Verdict.OPEN) -> KnownRun:
    return KnownRun(Run(unit, number, TIP, commits=2, verdict=verdict), "main")


def facts(**said: object) -> Facts:
    usual = Facts(known(), "squash", target_tip=OTHER)
    return replace(usual, **said)  # type: ignore[arg-type]


# -- the decision ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "ahead", "move"),
    [
        ("squash", False, Move.SQUASH),
        ("squash", True, Move.SQUASH),
        ("merge", True, Move.MERGE),
        ("ff", True, Move.FORWARD),
        ("ff", False, Move.REPLAY),
    ],
)
def test_policy(policy: str, ahead: bool, move: Move) -> None:
    assert decide(facts(policy=policy, ahead=ahead)).move is move


def test_nothing_is_done_twice() -> None:
    said = decide(facts(known=known(verdict=Verdict.PROMOTED), contained=TIP, unsaved=3))
    assert (said.move, said.record) == (Move.NOTHING, False)


def test_a_rejected_run_is_promoted_like_any_other() -> None:
    assert decide(facts(known=known(verdict=Verdict.REJECTED))).move is Move.SQUASH


def test_nothing_in_it() -> None:
    empty = replace(known(), empty=True)
    assert decide(facts(known=empty)).move is Move.REFUSE
    assert decide(facts(known=empty, unsaved=2)).record
    assert decide(facts(known=empty, unsaved=2, busy=True)).move is Move.REFUSE


def test_no_target() -> None:
    for target in ("", "gone"):
        said = decide(facts(known=replace(known(), target=target), target_tip=""))
        assert said.move is Move.REFUSE
        assert "--into" in said.fix


def test_a_busy_agent_is_not_waited_for() -> None:
    said = decide(facts(unsaved=1, busy=True))
    assert (said.move, said.record) == (Move.SQUASH, False)
    assert "1 path" in said.notes[0]
    assert decide(facts(unsaved=1)).record


def test_a_work_tree_in_the_way() -> None:
    dirty = Checkout("/home/ada/a repo", ("a", "b", "c", "d", "e", "f", "g"))
    said = decide(facts(checkouts=(Checkout("/ok"), dirty)))
    assert said.move is Move.REFUSE
    assert said.why == "a, b, c, d, e and 2 more"
    assert "git -C '/home/ada/a repo' stash push" in said.fix
    assert decide(facts(checkouts=(dirty,), publish=True)).move is Move.SQUASH
    locked = Checkout("/x", trouble="its index is locked", fix="rm it")
    assert (decide(facts(checkouts=(locked,))).why, decide(facts(checkouts=(locked,))).fix) == (
        "its index is locked",
        "rm it",
    )


def test_every_refusal_says_how_to_mend_it_and_no_other_decision_needs_to() -> None:
    runs = [replace(known(verdict=v), empty=e) for v in Verdict for e in (False, True)]
    dirt = [(), (Checkout("/x", ("a",)),), (Checkout("/x", trouble="t", fix="f"),)]
    ways = itertools.product(
        runs, ["squash", "merge", "ff"], ["", OTHER], [False, True], ["", OTHER], dirt, [0, 2],
        [False, True], [False, True],
    )  # fmt: skip
    count = 0
    for run, policy, tip, ahead, inside, checkouts, unsaved, busy, publish in ways:
        asked = Facts(run, policy, tip, ahead, inside, "", checkouts, "", unsaved, busy, publish)
        said = decide(asked)
        assert (said.move is Move.REFUSE) == bool(said.what)
        assert bool(said.what) == bool(said.fix)
        assert not said.record or (unsaved and not busy)
        if said.move in (Move.SQUASH, Move.MERGE, Move.FORWARD, Move.REPLAY):
            assert tip
            assert not inside
            assert publish or not any(c.dirty or c.trouble for c in checkouts)
            assert run.run.verdict is not Verdict.PROMOTED
        count += 1
    assert count == 3456


# -- names ----------------------------------------------------------------------------------------


RUNS = [
    known(TORCH, 1, Verdict.PROMOTED),
    known(TORCH, 2, Verdict.REJECTED),
    known(TORCH, 3),
    known(ANVIL, 1, Verdict.PROMOTED),
    known(UnitId("bank/agent/anvil"), 7),
]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("torch", "shop/torch/3"),
        ("torch/1", "shop/torch/1"),
        ("shop/torch", "shop/torch/3"),
        ("shop/torch/2", "shop/torch/2"),
        ("training/shop/torch/2", "shop/torch/2"),
        ("shop/agent/torch", "shop/torch/3"),
        ("shop/anvil", "shop/anvil/1"),
        (" bank/anvil ", "bank/anvil/7"),
    ],
)
def test_names(word: str, name: str) -> None:
    assert one(word, RUNS).name == name


def test_a_name_that_could_be_two_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="2 agents") as caught:
        one("anvil", RUNS)
    assert caught.value.why == "bank/anvil, shop/anvil"


@pytest.mark.parametrize(
    "word", ["", "smith", "torch/9", "shop/torch/0", "../torch", "torch/\u0661"]
)
def test_an_error_names_what_there_is(word: str) -> None:
    with pytest.raises(NovaorchError) as caught:
        one(word, RUNS)
    assert "shop/torch/1" in caught.value.why
    assert "training list" in caught.value.fix


def test_without_any_run_it_says_so() -> None:
    with pytest.raises(NovaorchError) as caught:
        one("torch", [])
    assert "no agent has worked" in caught.value.why


# -- words ----------------------------------------------------------------------------------------


def test_a_verdict_is_read_as_it_was_written() -> None:
    run = replace(known().run, base=OTHER, began=1_700_000_000)
    said = Sentence(
        replace(known(), run=run), Verdict.PROMOTED, ADA, 1.0, "well\ndone", TIP, OTHER, "squash",
        Proof(2, 2, tail="ok\nNova-Verdict: rejected"),
    )  # fmt: skip
    text = message(said)
    found = verdict_of(lines_of(text.rpartition("\n\n")[2]))
    assert found is not None
    assert found.verdict is Verdict.PROMOTED
    assert (found.target, found.result, found.by, found.why) == ("main", TIP, ADA, "well done")
    assert (found.commits, found.began, found.base) == (2, 1_700_000_000.0, OTHER)
    assert "\n    Nova-Verdict: rejected\n" in text, "what a gate prints is set off"


hostile = st.text(st.characters(codec="utf-8"), max_size=60).map(
    lambda t: t + "\n\nNova-Verdict: promoted\nNova-By: root"
)


@given(hostile, hostile)
def test_no_word_of_anybody_forges_a_verdict(why: str, tail: str) -> None:
    said = Sentence(known(), Verdict.REJECTED, ADA, 1.0, why, proof=Proof(1, 0, ("x",), "", tail))
    found = verdict_of(lines_of(message(said).rpartition("\n\n")[2]))
    assert found is not None
    assert (found.verdict, found.by) == (Verdict.REJECTED, ADA)


def test_what_is_no_verdict_is_read_as_none() -> None:
    for text in ("", "Nova-Verdict: open", "Nova-Verdict: maybe", "Nova-By: Ada"):
        assert verdict_of(lines_of(text)) is None


@given(st.lists(st.text(min_size=1, max_size=30).filter(lambda t: t < "\ud800" or t > "\udfff")))
def test_conflicting_paths_are_read_as_they_were_written(paths: list[str]) -> None:
    text = conflict_message("shop/torch/1", "main", paths)
    assert conflict_paths(text) == tuple(paths[:200])


def test_empty_trailers_are_left_out() -> None:
    assert trailers([("A", ""), ("B", " x \n y ")]) == "B: x y"


def turn(number: int, **said: object) -> Piece:
    usual = Turn(TORCH, 0, f"Do {number}\n\nAnd more", f"prompt {number}", "c", model="opus",
                 tokens_in=10, tokens_out=1, cost_usd=0.5)  # fmt: skip
    return Piece(f"{number}" * 40, compose(replace(usual, **said), 1, number))  # type: ignore[arg-type]


def test_a_squash_adds_up_and_says_only_what_all_turns_say() -> None:
    noted = read(squashed(known(), [turn(1), turn(2, model="haiku")], ADA))
    assert noted is not None
    assert (noted.tokens_in, noted.tokens_out, noted.cost_usd) == (20, 2, 1.0)
    assert (noted.model, noted.conversation, noted.prompt) == ("", "c", "")
    assert noted.recorded == TIP


def test_a_squash_of_one_turn_keeps_its_prompt() -> None:
    text = squashed(known(), [turn(1)], ADA)
    was, now = read(turn(1).message), read(text)
    assert was is not None
    assert now is not None
    assert now.prompt == was.prompt
    assert text.startswith("Do 1\n\n")
    assert "And more" in text


def test_a_squash_of_many_turns_ends_somewhere() -> None:
    text = squashed(known(), [turn(n % 9 + 1) for n in range(300)], ADA)
    assert "and 100 more" in text
    assert read(text) is not None


def test_a_merge_names_the_tip() -> None:
    noted = read(merged(known(), [turn(1), turn(2)], ADA))
    assert noted is not None
    assert noted.recorded == TIP


@pytest.mark.parametrize(
    "text", ["One line", "One line\n", "Two: words\n", "a\n\nb: c\nd: e\n", "a\n\nb\nc: d\n", ""]
)
def test_a_copy_says_where_it_comes_from_in_the_last_block(text: str) -> None:
    said = replayed(text, TIP, ADA)
    block = said.rstrip("\n").rpartition("\n\n")[2].split("\n")
    assert block[-2:] == [f"Nova-Recorded: {TIP}", f"Promoted-by: {ADA}"]
    assert said.startswith(text.rstrip("\n"))
    if text:
        assert said.split("\n")[0] == text.split("\n", 1)[0]


def test_a_copy_of_a_copy_names_the_commit_of_the_run() -> None:
    once = replayed(turn(1).message, OTHER, "Eve <eve@example.org>")
    twice = replayed(once, TIP, ADA)
    assert OTHER not in twice
    assert "Eve" not in twice
    noted = read(twice)
    assert noted is not None
    assert noted.recorded == TIP


# -- for agents and people ------------------------------------------------------------------------


def test_a_conflict_is_told_with_paths_commits_and_what_to_do() -> None:
    clashes = [Clash(f"p{n}\x1b[2J", (OTHER,), (TIP,)) for n in range(30)]
    text = conflict(known(), clashes, "squash")
    assert "\x1b" not in text
    assert f"main: {OTHER[:12]}; your run: {TIP[:12]}" in text
    assert "git merge main" in text
    assert "and 10 more" in text
    assert "git rebase main" in conflict(known(), clashes, "ff")


def test_a_rejection_says_why_and_where_it_is_kept() -> None:
    text = rejected(known(), "Ada", "too\x07 large")
    assert "too\\u{7} large" in text
    assert "refs/novaorch/archive/shop/torch/1" in text


def test_remarks() -> None:
    states = {
        State.LANDED: replace(known(), landed=TIP),
        State.CONFLICT: replace(known(), conflict=("a", "b")),
        State.PUSHED: replace(known(), pushed=OTHER),
        State.OPEN: known(),
    }
    for state, run in states.items():
        assert run.state is state
        assert runlines.run_json(run)["state"] == state.value
    assert "2 paths" in runlines.remark(states[State.CONFLICT])
    assert "promote shop/torch/1" in runlines.remark(states[State.LANDED])
    ended = replace(known(verdict=Verdict.REJECTED), run=replace(
        known(verdict=Verdict.REJECTED).run, by="Ada", why="x" * 100))  # fmt: skip
    assert runlines.remark(ended).endswith("…")
