"""Where a line of one text stands in another, for any two texts."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.linemath import at, before, content, cover, hunks, joined, total
from reconciler.model.provenance import Hunk, Span

TEXTS = st.lists(st.sampled_from("abcdef"), max_size=12)


@given(TEXTS, TEXTS)
def test_a_line_that_stayed_is_found_and_a_new_one_is_not(old: list[str], new: list[str]) -> None:
    changes: list[Hunk] = []
    stayed: dict[int, int] = {}
    for what, a, a_end, b, b_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            stayed |= {b + n + 1: a + n + 1 for n in range(a_end - a)}
            continue
        olds, news = a_end - a, b_end - b
        # As git writes it: a side without lines names the line before it.
        changes.append(Hunk(a + (olds > 0), olds, b + (news > 0), news))
    for line in range(1, len(new) + 1):
        assert before(changes, line) == stayed.get(line, 0)


def test_hunks_are_read_and_contents_that_look_like_one_are_not() -> None:
    diff = [
        b"diff --git a b",
        b"@@ -1 +1,2 @@ func",
        b"-@@ -9 +9 @@",
        b"+@@ -9 +9 @@",
        b"@@ -7,0 +9 @@",
    ]
    assert hunks(diff) == [Hunk(1, 1, 1, 2), Hunk(7, 0, 9, 1)]


SPANS = [Span(1, 3, "a", "p", 11), Span(4, 2, "b", "p", 1), Span(6, 1, "b", "p", 3)]


def test_spans_are_cut_joined_and_looked_up() -> None:
    assert at(SPANS, 2) == Span(2, 1, "a", "p", 12)
    assert at(SPANS, 7) is None
    assert list(cover(SPANS, 3, 2)) == [Span(3, 1, "a", "p", 13), Span(4, 1, "b", "p", 1)]
    assert joined(reversed(SPANS)) == [SPANS[0], Span(4, 3, "b", "p", 1)]
    assert joined([Span(1, 1, "a", "p", 1), Span(2, 1, "a", "p", 5)])[1].origin == 5


@pytest.mark.parametrize(
    ("text", "lines"), [(b"", []), (b"a", [b"a"]), (b"a\n", [b"a"]), (b"a\n\nb", [b"a", b"", b"b"])]
)
def test_lines_of_a_text(text: bytes, lines: list[bytes]) -> None:
    assert total(text) == len(lines)
    assert [content(text, n) for n in range(1, len(lines) + 1)] == lines
    assert content(text, 0) is content(text, len(lines) + 1) is None
