"""Insights are found by plain words, charters read in parts, status lines are one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.chapters import chapter, chapters, checkboxes, outline
from reconciler.core.insights import (
    INSIGHTS_MAX,
    LABEL_MAX,
    LABELS_MAX,
    LINE_MAX,
    TEXT_BYTES_MAX,
    found,
    insight,
    insight_of,
    insight_text,
    line_of,
    line_text,
    status_line,
)
from reconciler.model.ids import UnitId
from reconciler.model.insight import Insight
from reconciler.model.problems import NovaorchError

TORCH = UnitId.of("web", "agent", "torch")
CHARTER = (
    "---\nlabels: {a: b}\n---\n# Web\n\nIt sells.\n\n## Goals ##\n\nWin.\n\n### Soon\n\n- [ ] one\n"
    "\n## Rules\n\n```\n## No heading\n- [ ] no task\n```\n\n* [X] two\n"
)


def known(text: str, at: float = 1.0, *labels: str) -> Insight:
    return insight(TORCH, text, labels, at)


TMUX = known("Bare targets match by prefix\nso kill-session hits a neighbour", 1.0, "tmux")
GIT = known("A commit takes 9 ms\nand a target of ours is 50", 2.0, "git")
OLD = known("tmux windows have sizes", 0.5)


def texts(query: str, most: int = 10) -> list[str]:
    return [one.text.split()[0] for one in found(query, (TMUX, GIT, OLD), most)]


def test_words_in_labels_and_first_lines_count_more() -> None:
    assert texts("tmux") == ["Bare", "tmux"]
    assert texts("target") == ["Bare", "A"]  # the beginning of a word in a first line
    assert texts("PREFIX") == ["Bare"]
    assert texts("git") == ["A"]


def test_without_a_word_the_newest_come_first() -> None:
    assert texts("") == texts("?!") == ["A", "Bare", "tmux"]
    assert texts("", 1) == ["A"]


def test_what_nobody_said_is_not_found() -> None:
    assert texts("penguin") == []


def test_a_rare_word_weighs_more_than_one_that_all_have() -> None:
    many = [known(f"fact {n} of the house", float(n)) for n in range(20)]
    rare = known("the quetzal", 0.0)
    assert found("the quetzal", [*many, rare], 1) == [rare]


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=40), max_size=8))
def test_whatever_is_asked_and_known(query: str, said: list[str]) -> None:
    made = [Insight(f"i{n}", TORCH, float(n), text) for n, text in enumerate(said)]
    best = found(query, made, 3)
    assert len(best) <= 3
    assert set(best) <= set(made)
    assert found(query, reversed(made), 3) == best


@given(st.text(max_size=80), st.floats(allow_nan=False, allow_infinity=False))
def test_a_status_line_is_one_line_and_comes_back(text: str, at: float) -> None:
    line = status_line(text, at)
    assert len(line.text) <= LINE_MAX
    assert line.text.isprintable()
    assert line_of(line_text(line)) == (line if line.text else None)


def test_an_insight_comes_back_and_another_is_none() -> None:
    assert insight_of(TMUX.id, insight_text(TMUX)) == TMUX
    assert insight_of("i0", insight_text(TMUX)) is None


@pytest.mark.parametrize("labels", [["x" * 41], [""], ["a\x07"], [str(n) for n in range(9)]])
def test_labels_are_few_and_short(labels: list[str]) -> None:
    with pytest.raises(NovaorchError, match="labels"):
        insight(TORCH, "x", labels, 1.0)


def test_a_charter_in_parts() -> None:
    assert outline(CHARTER) == ["Web", "  Goals", "    Soon", "  Rules"]
    assert chapter(CHARTER, "goals").text.split("\n")[0] == "## Goals ##"
    assert "- [ ] one" in chapter(CHARTER, "Goals").text, "what is below belongs to it"
    assert "Rules" not in chapter(CHARTER, "Goals").text
    assert chapter(CHARTER, "rul").title == "Rules"
    assert "".join(part.text for part in chapters("no heading")) == "no heading"


@pytest.mark.parametrize("name", ["gaols", "o", ""])
def test_a_part_that_is_not_clear_is_refused_with_what_comes_near(name: str) -> None:
    with pytest.raises(NovaorchError) as caught:
        chapter(CHARTER, name)
    assert "Goals" in caught.value.why


def test_tasks_have_their_heading_and_code_has_none() -> None:
    assert [(box.text, box.done, box.chapter) for box in checkboxes(CHARTER)] == [
        ("one", False, "Soon"),
        ("two", True, "Rules"),
    ]


def test_what_is_kept_has_bounds_that_a_small_store_can_bear() -> None:
    assert (TEXT_BYTES_MAX, LABELS_MAX, LABEL_MAX, LINE_MAX) == (4_000, 8, 40, 200)
    assert INSIGHTS_MAX == 2_000
