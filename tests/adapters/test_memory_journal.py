"""The journal in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.adapters.memory.journal import Desk, MemoryJournal
from reconciler.model.record import Record
from tests.adapters.journal_contract import JournalContract


class MemoryPlace:
    """A desk, and processes that come and go."""

    def __init__(self) -> None:
        self.desk = Desk()

    def opened(self) -> MemoryJournal:
        return MemoryJournal(self.desk)

    def records(self) -> Sequence[Record]:
        return list(MemoryJournal(self.desk).records)

    def break_(self) -> None:
        self.desk.broken = True

    def mend(self) -> None:
        self.desk.broken = False


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()
