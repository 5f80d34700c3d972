"""Which head is followed, from every combination of what can be known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.accept import Facts, Follow, decide, word
from reconciler.model.control import SILENT, Consent, Quarantine, Withheld, Withholding

HEAD, OLD = "a" * 40, "b" * 40
BAD = Quarantine("c" * 40, "t" * 40, "it ate the disk", "Ada", 1.0)
RIGHT = Consent(word(HEAD, OLD))

facts = st.builds(
    Facts,
    descends=st.booleans(),
    doubt=st.sampled_from(["", "shallow"]),
    same=st.booleans(),
    unasked=st.booleans(),
    quarantine=st.sampled_from([None, BAD]),
    unsigned=st.sampled_from([None, (HEAD, "it is not signed")]),
    closed=st.sampled_from(["", "every night"]),
    until=st.sampled_from([0.0, 99.0]),
    follow_rewinds=st.booleans(),
    consent=st.sampled_from([SILENT, RIGHT, Consent("deadbeef"), Consent(now=True)]),
)
accepted = st.sampled_from(["", OLD, HEAD])


@given(facts, accepted)
def test_the_whole_table(known: Facts, before: str) -> None:
    verdict = decide(HEAD, before, known)
    why = verdict.why if isinstance(verdict, Withheld) else None
    goes_on = known.descends and not known.doubt
    harmless = known.same and known.unasked
    lifted = harmless or known.follow_rewinds or known.consent == RIGHT
    expected: Withholding | None = None
    if known.quarantine:
        expected = Withholding.QUARANTINED
    elif before == HEAD:
        expected = None
    elif before == OLD and not goes_on and not (lifted and before):
        expected = Withholding.REWOUND
    elif known.unsigned:
        expected = Withholding.UNVERIFIED
    elif before and known.closed and not known.same and not known.consent.now:
        expected = Withholding.WINDOW
    assert why is expected


@given(facts, accepted)
def test_what_is_withheld_says_of_which_commit_why_and_how_to_mend_it(
    known: Facts, before: str
) -> None:
    verdict = decide(HEAD, before, known)
    if isinstance(verdict, Withheld):
        assert verdict.commit == HEAD
        assert HEAD[:12] in verdict.detail
        assert verdict.fix
    else:
        assert verdict == Follow(HEAD)


@given(facts, accepted)
def test_no_word_lifts_a_quarantine_or_a_missing_signature(known: Facts, before: str) -> None:
    unsigned = (HEAD, "it is not signed")
    for bad in (replace(known, quarantine=BAD), replace(known, unsigned=unsigned)):
        silent = decide(HEAD, before, replace(bad, consent=SILENT))
        for consent in (RIGHT, Consent(now=True), Consent(word(HEAD, OLD), now=True)):
            said = decide(HEAD, before, replace(bad, consent=consent))
            assert isinstance(said, Withheld) is isinstance(silent, Withheld)


@pytest.mark.parametrize("pair", [(HEAD, "d" * 40), ("d" * 40, OLD), (OLD, HEAD)])
def test_a_word_is_of_one_rewind_alone(pair: tuple[str, str]) -> None:
    assert word(*pair) != word(HEAD, OLD)
    said = decide(HEAD, OLD, Facts(descends=False, consent=Consent(word(*pair))))
    assert isinstance(said, Withheld)


def test_the_command_that_lifts_a_rewind_is_exact() -> None:
    said = decide(HEAD, OLD, Facts(descends=False))
    assert isinstance(said, Withheld)
    assert said.fix == f"novaorch apply --confirm {word(HEAD, OLD)}"
    assert len(word(HEAD, OLD)) == 8
    assert decide(HEAD, OLD, Facts(descends=False, consent=RIGHT)) == Follow(HEAD)


@pytest.mark.parametrize(("reason", "why"), [("it ate the disk", ": it ate the disk"), ("", "")])
def test_what_was_rolled_back_says_why_if_anybody_did(reason: str, why: str) -> None:
    said = decide(HEAD, OLD, Facts(quarantine=replace(BAD, reason=reason)))
    assert isinstance(said, Withheld)
    assert said.detail == f"commit {'a' * 12} asks for what was rolled back with {'c' * 12}{why}"


def test_the_commit_without_a_signature_is_named_when_it_is_another() -> None:
    said = decide(HEAD, OLD, Facts(unsigned=("e" * 40, "it is not signed")))
    assert isinstance(said, Withheld)
    assert "e" * 12 in said.detail


def test_a_closed_window_says_when_it_opens() -> None:
    said = decide(HEAD, OLD, Facts(closed="closed at night", until=77.0))
    assert isinstance(said, Withheld)
    assert (said.until, said.why) == (77.0, Withholding.WINDOW)
    assert "closed at night" in said.detail
