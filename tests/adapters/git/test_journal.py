"""The journal in git: a chain of commits that no branch holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.adapters.git.chain import Chain
from reconciler.adapters.git.journal import GitJournal, JournalSetup
from reconciler.adapters.git.journalfiles import JournalFiles
from reconciler.core.journal import record_of
from reconciler.model.record import Record
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.journal_contract import JournalContract

REF = "refs/novaorch/journal/box"


class GitPlace:
    """A repository, a folder for notes, and processes that come and go."""

    def __init__(self, box: Sandbox, notes: Path, **setup: object) -> None:
        self.box, self.notes, self.setup = box, notes, setup
        notes.mkdir(exist_ok=True)
        self.opens: list[GitRepository] = []

    def repository(self) -> GitRepository:
        self.opens.append(GitRepository.discover(self.box.path))
        return self.opens[-1]

    def opened(self, notes: Path | None = None) -> GitJournal:
        setup = JournalSetup(**{"host": "box", "fleet": "f", "masks": "k", **self.setup})  # type: ignore[arg-type]
        return GitJournal(self.repository(), setup, JournalFiles(notes or self.notes))

    def chain(self) -> Chain:
        return Chain(self.repository(), "box", "f")

    def records(self) -> Sequence[Record]:
        chain = self.chain()
        tip = chain.tip()
        oids = [oid for part in chain.segments(tip) for oid in part] if tip else []
        return [record_of(said) for _, said in chain.records(oids)]

    def break_(self) -> None:
        lock = self.box.path / ".git" / f"{REF}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()

    def mend(self) -> None:
        (self.box.path / ".git" / f"{REF}.lock").unlink()

    def close(self) -> None:
        for repository in self.opens:
            repository.close()


@pytest.fixture
def place(box: Sandbox, tmp_path: Path) -> Iterator[GitPlace]:
    made = GitPlace(box, tmp_path / "notes")
    yield made
    made.close()


class TestGitJournal(JournalContract):
    @pytest.fixture
    def place(self, box: Sandbox, tmp_path: Path) -> Iterator[GitPlace]:
        made = GitPlace(box, tmp_path / "notes")
        yield made
        made.close()
