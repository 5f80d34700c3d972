"""A journal in memory, and the desk it lies on: what of it outlives a `kill -9`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.journal import finished, interrupted, name_of, record_json, record_of
from reconciler.core.ledger import replay
from reconciler.model.problems import NovaorchError
from reconciler.model.record import Inventory, Record


@dataclass(slots=True)
class Desk:
    """What is left when a process dies. `broken`: nothing can be made durable any more."""

    records: list[Record] = field(default_factory=list)
    pending: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    broken: bool = False


class MemoryJournal:
    """One process's view of a journal (`ports.Journal`)."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk if desk is not None else Desk()
        self._notes = finished(self.desk.pending)
        self._begun: dict[str, Any] | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything that is durable, oldest first."""
        return tuple(self.desk.records)

    def inventory(self) -> Inventory:
        """Return what all records add up to, with those that are noted but not durable yet."""
        return replay([*self.desk.records, *map(record_of, self._waiting())])

    def intend(self, record: Record) -> None:
        """Note what is about to be done."""
        self._settle_begun()
        self._begun = record_json(record)
        self.desk.pending.append(("intent", self._begun))

    def record(self, record: Record) -> None:
        """Note what was done."""
        said = record_json(record)
        self._begun = None
        self._notes.append(said)
        self.desk.pending.append(("done", said))

    def flush(self) -> None:
        """Make every note durable."""
        self._settle_begun()
        if self.desk.broken and self._notes:
            raise NovaorchError("the journal cannot be written", why="it is broken", fix="mend it")
        for said in self._waiting():
            made = replace(record_of(said), seq=len(self.desk.records) + 1)
            self.desk.records.append(made)
        self._notes = []
        self.desk.pending.clear()

    def _settle_begun(self) -> None:
        if self._begun is not None:
            self._notes.append(interrupted(self._begun))
            self._begun = None

    def _waiting(self) -> list[dict[str, Any]]:
        there = {name_of(record_json(record)) for record in self.desk.records[-len(self._notes) :]}
        return [note for note in self._notes if name_of(note) not in there]
