"""Runs as branches and archived verdicts: which are there, which is open, which comes next.

Never counts a number twice: a run that was archived keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.model.ids import UnitId
from reconciler.model.workspace import RUNS

FirstParent = Callable[[str], str]
"""Returns the first parent of a commit, '' for none."""


@dataclass(frozen=True, slots=True)
class RunRefs:
    """The names below which one agent's runs, verdicts and snapshots are."""

    unit: UnitId

    @property
    def _who(self) -> str:
        return f"{self.unit.project}/{self.unit.name}"

    @property
    def branches(self) -> str:
        """The branches of its runs."""
        return f"refs/heads/{RUNS}/{self._who}/"

    @property
    def archive(self) -> str:
        """What became of its runs."""
        return f"refs/novaorch/archive/{self._who}/"

    @property
    def kept(self) -> str:
        """Snapshots of what was in no commit."""
        return f"refs/novaorch/kept/{self._who}/"

    @property
    def recorded(self) -> str:
        """The last commits that novaorch made of its runs."""
        return f"refs/novaorch/{RUNS}/{self._who}/"


def numbered(book: RefBook, prefix: str) -> dict[int, str]:
    """Return the refs right below a prefix whose names are numbers."""
    found: dict[int, str] = {}
    for name, oid in book.below(prefix).items():
        word = name.removeprefix(prefix)
        if word.isascii() and word.isdigit() and str(int(word)) == word:
            found[int(word)] = oid
    return found


def finished(book: RefBook, branch: str, unit: UnitId, parent: FirstParent) -> bool:
    """Whether the run on a branch (without `refs/heads/`) is over, and nothing was added since."""
    tip = book.tip(f"refs/heads/{branch}")
    if not tip:
        return True
    verdict = book.tip(RunRefs(unit).archive + branch.rpartition("/")[2])
    return bool(verdict) and parent(verdict) == tip


def current(book: RefBook, unit: UnitId, parent: FirstParent) -> tuple[int, str]:
    """Return the number and tip of the run to be on; the tip is '' for one that is to begin."""
    refs = RunRefs(unit)
    branches = numbered(book, refs.branches)
    known = {*branches, *numbered(book, refs.archive), *numbered(book, refs.recorded)}
    last = max(branches, default=0)
    if last and last == max(known) and not finished(book, name_of(unit, last), unit, parent):
        return last, branches[last]
    return max(known, default=0) + 1, ""


def name_of(unit: UnitId, number: int) -> str:
    """Return the branch of a run, without `refs/heads/`."""
    return f"{RUNS}/{unit.project}/{unit.name}/{number}"
