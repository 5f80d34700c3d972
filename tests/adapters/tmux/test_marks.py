"""Marks: whatever is written is read back; whatever else is read is nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_mark, frame_text, pane_mark, pane_text
from reconciler.model.world import Drain, FrameMark, PaneMark

_WORD = st.from_regex(r"[A-Za-z0-9_./@+=]{1,40}", fullmatch=True)
_COUNT = st.integers(0, 10**12 - 1)
_PANES = st.builds(
    PaneMark,
    fleet=_WORD,
    unit=_WORD.map(UnitId),
    digest=_WORD,
    commit=_WORD | st.just(""),
    started=_COUNT,
    falls=_COUNT,
    drain=st.sampled_from(Drain),
    drain_until=_COUNT,
    placeholder=st.booleans(),
    burst=_COUNT,
    burst_since=_COUNT,
    protect=st.booleans(),
)


@given(_PANES)
def test_pane_marks_come_back(mark: PaneMark) -> None:
    assert pane_mark(pane_text(mark)) == mark


def test_a_mark_is_written_as_before_until_it_says_more() -> None:
    plain = PaneMark("f", UnitId("p/agent/a"), "d", "c", started=9, falls=1, placeholder=True)
    assert pane_text(plain) == "v1 f p/agent/a d c 9 1 - 0 placeholder"
    more = replace(plain, burst=2, burst_since=7, protect=True, drain=Drain.ASKED_STOP)
    assert pane_text(more) == "v1 f p/agent/a d c 9 1 asked-stop 0 placeholder+protect 2 7"
    assert pane_mark("v1 f p/agent/a d c 9 1 - 0 protect 0 0") == replace(
        plain, placeholder=False, protect=True
    )


@pytest.mark.parametrize(
    "tail",
    ["", " 1", " 1 2 3", " 1 -", " -1 2", " 1 2x", " 1 2 ", "  1 2", " \u0661 2", " 1\n 2"],
)
def test_a_mark_of_another_length_or_with_odd_counts_is_nobodys(tail: str) -> None:
    assert pane_mark(f"v1 f p/agent/a d c 9 1 - 0 nothing{tail}") is None
    if tail:
        assert pane_mark(f"v1 f p/agent/a d c 9 1 - 0 protect{tail}") is None


@given(_WORD, _WORD, _WORD, _WORD | st.just(""))
def test_frame_marks_come_back(fleet: str, unit: str, digest: str, commit: str) -> None:
    mark = FrameMark(fleet, UnitId(unit), digest, commit)
    assert frame_mark(frame_text(mark)) == mark


@given(st.text() | st.lists(st.sampled_from(["v1", "a", "-", "1", "stop", "", "v2"])).map(" ".join))
def test_reading_never_fails(text: str) -> None:
    pane, frame = pane_mark(text), frame_mark(text)
    assert pane is None or pane_mark(pane_text(pane)) == pane
    assert frame is None or frame_mark(frame_text(frame)) == frame


@pytest.mark.parametrize("word", ["a b", "a\nb", "ü", "#{pid}", ";", "'", "a,b", "a}b"])
def test_what_a_mark_cannot_hold(word: str) -> None:
    with pytest.raises(ValueError, match="mark can hold"):
        frame_text(FrameMark(word, UnitId("a/agent/b"), "d", "c"))
    with pytest.raises(ValueError, match="mark can hold"):
        pane_text(PaneMark("f", UnitId(word), "d", "c"))
