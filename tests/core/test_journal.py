"""Records as they are written down, and what each unit's page says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.journal import (
    DEEDS_KEPT,
    UNKNOWN,
    finished,
    headline,
    interrupted,
    message,
    name_of,
    one_line,
    page_path,
    pages_after,
    record_json,
    record_of,
    unit_at,
    written,
)
from reconciler.core.ledger import follow
from reconciler.core.retell import (
    about,
    applied,
    event_line,
    events,
    history_line,
    meant,
    why_lines,
)
from reconciler.model.ids import UnitId
from reconciler.model.record import Deed, Kept, Record
from tests.adapters.journal_contract import TWO, A, B, deed, record

WORDS = st.text(max_size=20)
UNITS = st.sampled_from([A, B, UnitId("p/agent/z"), UnitId("q/session/s/w1.0")])
KEPT = st.none() | st.builds(Kept, st.sampled_from("123"), st.sampled_from("ab"))
DEEDS = st.builds(
    Deed,
    verb=st.sampled_from(("start", "stop", "observed")),
    unit=UNITS,
    reason=WORDS,
    detail=WORDS,
    line=st.integers(0, 99),
    leaves=st.lists(st.tuples(UNITS, KEPT), max_size=3, unique_by=lambda x: x[0]).map(tuple),
    error=WORDS,
    stale=st.booleans(),
    changes=st.lists(st.tuples(WORDS, WORDS, st.none() | WORDS), max_size=2).map(tuple),
)
RECORDS = st.lists(DEEDS, max_size=4).map(lambda deeds: record(*deeds))


@given(RECORDS)
def test_reading_takes_back_what_was_written(made: Record) -> None:
    said = record_json(made)
    assert record_of(said) == made
    assert json.loads(written(said)) == json.loads(one_line(said)) == said
    assert name_of(json.loads(written(said))) == name_of({**said, "seq": 99})


@given(st.lists(RECORDS, max_size=6))
def test_the_pages_add_up_to_the_inventory(made: list[Record]) -> None:
    pages: dict[str, dict[str, object]] = {}
    inventory: dict[UnitId, Kept] = {}
    for seq, one in enumerate(made, 1):
        said = {**record_json(one), "seq": seq}
        pages.update(pages_after(pages, said))
        for done in one.deeds:
            follow(inventory, done)
        now = {unit: page["now"] for unit, page in pages.items() if page["now"] is not None}
        assert now == {unit: [kept.digest, kept.commit] for unit, kept in inventory.items()}
        assert all(len(page["deeds"]) <= DEEDS_KEPT for page in pages.values())  # type: ignore[arg-type]


NAMES = st.text(min_size=1, max_size=12).filter(lambda name: "/" not in name)


@given(st.lists(NAMES, min_size=3, max_size=5))
def test_every_unit_has_a_path_that_git_takes_and_that_leads_back(parts: list[str]) -> None:
    unit = "/".join(parts)
    path = page_path(unit)
    assert unit_at(path) == unit
    for part in path.split("/"):
        assert part.isascii()
        assert part.isprintable()
        assert part.lower().removesuffix(".json") not in ("", ".", "..", ".git")


@given(WORDS, WORDS)
def test_a_message_has_its_trailers_and_no_others(subject: str, author: str) -> None:
    evil = record(deed(), subject=f"{subject}\n\nNovaorch-Seq: 7", author=f"{author}\rX: y")
    head, trailers = message(record_json(evil)).split("\n\n")
    assert "\n" not in head
    assert [line.split(":")[0] for line in trailers.rstrip("\n").split("\n")] == [
        "Novaorch-Seq",
        "Novaorch-Epoch",
        "Novaorch-Plan",
        "Novaorch-Commit",
        "Novaorch-Author",
    ]


def test_the_headline_counts_moves_and_failures() -> None:
    made = record(deed(), deed(B, TWO), deed(error="no"), deed(verb="restart"))
    line = message(record_json(made)).split("\n")[0]
    assert line == f'start 2, restart 1, failed 1: commit {"c" * 12} "Add an agent"'
    cut = message(interrupted(record_json(record(deed())))).split("\n")[0]
    assert cut.startswith("interrupted: unknown 1: ")


def test_notes_amount_to_records() -> None:
    one, two = record_json(record(deed(), hour=1)), record_json(record(deed(B, TWO), hour=2))
    assert finished([("intent", one), ("done", one)]) == [one]
    assert finished([("done", two)]) == [two]
    assert finished([("intent", one), ("intent", two), ("done", two)]) == [interrupted(one), two]
    assert finished([("intent", one)]) == [interrupted(one)]
    assert interrupted(one)["deeds"][0]["error"] == UNKNOWN
    assert "leaves" not in interrupted(one)["deeds"][0]


@pytest.mark.parametrize("wrong", [{}, {"v": 2}, {"v": 1, "seq": "x"}])
def test_what_we_did_not_write_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        record_of(wrong)


# -- told to people -------------------------------------------------------------------------------


def page(*deeds: Deed, unit: UnitId = A) -> dict[str, object]:
    pages: dict[str, dict[str, object]] = {}
    for seq, one in enumerate(deeds, 1):
        pages.update(pages_after(pages, {**record_json(record(one)), "seq": seq}))
    return pages[unit]


def test_why_says_what_it_is_what_was_done_and_what_was_before() -> None:
    second = deed(
        kept=TWO,
        verb="restart",
        reason="changed",
        path="p/agents/a.yaml",
        line=3,
        changes=(("command", ["new"], ["old"]),),
        seconds=0.5,
    )
    assert why_lines(page(deed(), second)) == [
        "p/agent/a  there since record 1, as commit c2 asks",
        "  last      restart, changed: done in 0.500 s",
        "  when      1970-01-01 00:01:40 UTC",
        f'  wish      commit {"c" * 12} "Add an agent" by Ada <ada@example.org>',
        "  declared  desired-state/p/agents/a.yaml:3",
        "  plan      plan-1, record 2, epoch 3",
        '            command: wanted ["new"], last applied ["old"]',
        "  before that:",
        f"    1970-01-01 00:01:40 UTC  start  absent: done  (record 1, commit {'c' * 12})",
    ]
    gone = why_lines(page(deed(), deed(kept=None, verb="stop", reason="removed")))
    assert gone[0] == "p/agent/a  gone since record 2"
    frame = why_lines(page(deed(B, None, leaves=((A, TWO),)), unit=A))
    assert "start of p/session/main/dev.0" in frame[1]


def test_why_names_a_plan_by_its_first_sixteen_digits() -> None:
    made = {**record_json(record(deed(), plan="0123456789abcdef" * 4)), "seq": 1}
    assert "  plan      0123456789abcdef, record 1, epoch 3" in why_lines(pages_after({}, made)[A])


def test_a_journal_that_was_tampered_with_paints_no_terminal() -> None:
    evil = "\x1b[2J\u202e\n"
    bad = deed(UnitId(f"p/agent/{evil}"), Kept(evil, evil), verb=evil, reason=evil, detail=evil)
    made = {**record_json(record(bad, author=evil, subject=evil, commit=evil)), "seq": 1}
    lines = [
        *why_lines(pages_after({}, made)[bad.unit]),
        *map(event_line, events(made)),
        *map(history_line, applied([made])),
    ]
    for line in lines:
        assert line.isprintable(), line


def test_events_are_about_what_they_did_and_what_that_left() -> None:
    (event,) = events(record_json(record(deed(B, None, leaves=((A, TWO),)))))
    assert all(about(event, unit) for unit in (A, B, "agent/a", "a", "dev.0"))
    assert not about(event, "b")


def test_history_joins_records_of_one_commit_until_another_comes() -> None:
    told = [
        {**record_json(record(deed(), commit=commit)), "seq": seq}
        for seq, commit in enumerate(("x", "x", "y", "x"), 1)
    ]
    entries = applied(told)
    assert [(e["commit"], e["first"], e["last"], e["moves"]) for e in entries] == [
        ("x", 1, 2, {"start": 2}),
        ("y", 3, 3, {"start": 1}),
        ("x", 4, 4, {"start": 1}),
    ]


def test_a_subject_is_cut_only_when_it_is_too_long() -> None:
    whole = record_json(record(deed(), subject="s" * 60))
    assert f'"{"s" * 60}"' in headline(whole)
    assert f'"{"s" * 59}…"' in headline({**whole, "subject": "s" * 61})


def test_what_went_well_failed_nowhere() -> None:
    (entry,) = applied([{**record_json(record(deed())), "seq": 1}])
    assert entry["failed"] == 0
    assert history_line(entry).endswith("start 1: done")
    bad = {**record_json(record(deed(error="no pty left"))), "seq": 2}
    (entry,) = applied([{**record_json(record(deed())), "seq": 1}, bad])
    assert entry["failed"] == 1


def test_a_name_alone_means_an_agent_before_its_work_tree() -> None:
    units = ["p/agent/a", "p/workspace/a", "q/workspace/b"]
    assert meant("a", units) == ["p/agent/a"]
    assert meant("workspace/a", units) == ["p/workspace/a"]
    assert meant("p/workspace/a", units) == ["p/workspace/a"]
    assert meant("b", units) == ["q/workspace/b"]


def test_of_a_work_tree_no_commit_is_said_to_ask() -> None:
    page = {"unit": "p/workspace/a", "now": ["d", ""], "since": 3, "deeds": []}
    assert why_lines(page) == ["p/workspace/a  there since record 3"]
