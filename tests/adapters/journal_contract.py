"""What every journal does. A desk is what outlives a process; `opened` is a process's view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest

from reconciler.core.ledger import replay
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.record import Deed, Kept, Record
from reconciler.ports import Journal

A, B = UnitId("p/agent/a"), UnitId("p/session/main/dev.0")
ONE, TWO = Kept("d1", "c1"), Kept("d2", "c2")


def deed(unit: UnitId = A, kept: Kept | None = ONE, **more: object) -> Deed:
    made = {"verb": "start", "unit": unit, "reason": "absent", "leaves": ((unit, kept),), **more}
    return Deed(**made)  # type: ignore[arg-type]


def record(*deeds: Deed, hour: float = 100.0, **more: object) -> Record:
    made: dict[str, object] = {
        "seq": 0,
        "began": hour,
        "ended": hour + 0.5,
        "fleet": "f",
        "host": "box",
        "epoch": 3,
        "plan": "plan-1",
        "commit": "c" * 40,
        "author": "Ada <ada@example.org>",
        "subject": "Add an agent",
        "deeds": deeds,
        **more,
    }
    return Record(**made)  # type: ignore[arg-type]


class Place(Protocol):
    """Somewhere a journal is kept."""

    def opened(self) -> Journal:
        """What a new process finds."""
        ...

    def records(self) -> Sequence[Record]:
        """Everything durable, oldest first."""
        ...

    def break_(self) -> None:
        """Let nothing become durable any more."""
        ...

    def mend(self) -> None:
        """Let it again."""
        ...


class JournalContract:
    """Inherit, and give a fixture `place`."""

    def test_an_empty_journal_knows_nothing(self, place: Place) -> None:
        assert place.opened().inventory() == {}
        place.opened().flush()
        assert place.records() == []

    def test_what_is_noted_counts_at_once_and_is_durable_after_a_flush(self, place: Place) -> None:
        journal = place.opened()
        journal.intend(record(deed()))
        journal.record(record(deed(), deed(B, TWO)))
        assert journal.inventory() == {A: ONE, B: TWO}
        assert place.records() == []
        journal.flush()
        (kept,) = place.records()
        assert kept.seq == 1
        assert kept.deeds == (deed(), deed(B, TWO))
        assert place.opened().inventory() == {A: ONE, B: TWO}

    def test_every_field_comes_back(self, place: Place) -> None:
        told = record(
            deed(
                detail="in p/session/main",
                path="p/agents/a.yaml",
                line=7,
                changes=(("command", ["a", 1, None, {"x": True}], None),),
                error="no — such\\ncommand",
                stale=True,
                seconds=0.25,
            ),
            holds=((B, "draining", "wait"),),
        )
        journal = place.opened()
        journal.record(told)
        journal.flush()
        (kept,) = place.records()
        assert kept == Record(**{**{n: getattr(told, n) for n in told.__slots__}, "seq": 1})

    def test_numbers_have_no_gap_across_processes_and_batches(self, place: Place) -> None:
        for start in (0, 3):
            journal = place.opened()
            for k in range(3):
                journal.intend(record(hour=start + k))
                journal.record(record(deed(kept=Kept(str(k), "c")), hour=start + k))
            journal.flush()
            journal.flush()
        assert [kept.seq for kept in place.records()] == [1, 2, 3, 4, 5, 6]
        assert place.opened().inventory() == replay(place.records()) == {A: Kept("2", "c")}

    def test_a_death_between_intent_and_end_is_a_record(self, place: Place) -> None:
        place.opened().intend(record(deed()))
        journal = place.opened()
        journal.record(record(deed(B, TWO), hour=200))
        journal.flush()
        first, second = place.records()
        assert first.interrupted
        assert first.deeds[0].error
        assert first.deeds[0].leaves == ()
        assert first.deeds[0].unit == A
        assert not second.interrupted
        assert place.opened().inventory() == {B: TWO}

    def test_a_death_between_end_and_flush_loses_nothing_and_doubles_nothing(
        self, place: Place
    ) -> None:
        journal = place.opened()
        journal.intend(record(deed()))
        journal.record(record(deed()))
        assert place.opened().inventory() == {A: ONE}
        later = place.opened()
        later.flush()
        later.flush()
        place.opened().flush()
        assert [(kept.seq, kept.interrupted) for kept in place.records()] == [(1, False)]

    def test_an_intent_that_the_same_process_never_ended_is_a_record(self, place: Place) -> None:
        journal = place.opened()
        journal.intend(record(deed(), hour=1))
        journal.intend(record(deed(B, TWO), hour=2))
        journal.record(record(deed(B, TWO), hour=2))
        journal.intend(record(deed(), hour=3))
        journal.flush()
        assert [(kept.began, kept.interrupted) for kept in place.records()] == [
            (1, True),
            (2, False),
            (3, True),
        ]

    def test_what_cannot_be_written_waits(self, place: Place) -> None:
        journal = place.opened()
        journal.record(record(deed()))
        place.break_()
        for _ in range(2):
            with pytest.raises(NovaorchError) as told:
                journal.flush()
            assert told.value.fix
        journal.record(record(deed(B, TWO), hour=101))
        assert journal.inventory() == {A: ONE, B: TWO}
        place.mend()
        place.opened().flush()
        assert [kept.deeds[0].unit for kept in place.records()] == [A, B]

    def test_a_unit_that_goes_is_gone(self, place: Place) -> None:
        journal = place.opened()
        journal.record(record(deed(), deed(B, TWO)))
        journal.record(record(deed(A, None, verb="stop"), hour=102))
        journal.flush()
        assert journal.inventory() == place.opened().inventory() == {B: TWO}
