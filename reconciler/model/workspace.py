"""An agent's own work tree as it is. What it must be is a unit: `model.unit.Workspace`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId

RUNS = "training"
"""Runs are branches: `training/<project>/<agent>/<run>`, counted from 1."""


@dataclass(frozen=True, slots=True)
class SeenWorkspace:
    """One work tree of ours as it is, or what stands at a place where one is wanted.

    `repository` is its common git directory. `branch` has no `refs/heads/`, and is '' when HEAD is
    detached; `tip` is the commit there, '' for none. `digest` is what was applied last, `applied`
    its fields by name, `protect` what was asked then; a tree of ours that was not marked yet, as
    after a crash, has no digest. `finished`: its run was promoted or rejected, and nothing was
    added since.
    With `trouble` (and `fix`) it cannot be used, or is not ours: it is left as it is.
    """

    unit: UnitId
    path: str
    repository: str = ""
    branch: str = ""
    tip: str = ""
    digest: str = ""
    fleet: str = ""
    protect: bool = False
    finished: bool = False
    trouble: str = ""
    fix: str = ""
    applied: Mapping[str, Json] = field(default_factory=dict)

    @property
    def run(self) -> int:
        """The number of its run; 0: it is on a branch that is none."""
        head, _, number = self.branch.rpartition("/")
        ours = head == f"{RUNS}/{self.unit.project}/{self.unit.name}"
        return int(number) if ours and number.isascii() and number.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What is in a work tree and in no commit yet. All zero: it may go without a trace.

    `refused` names what cannot be saved and why (a file that is too large, a repository within):
    with it the tree stays.
    """

    staged: int = 0
    changed: int = 0
    untracked: int = 0
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to lose."""
        return bool(self.staged or self.changed or self.untracked or self.refused)

    @property
    def tied(self) -> bool:
        """Whether it belongs to the branch that the tree is on. Files that git knows nothing of do
        not: they stay where they are when the tree goes on to another branch."""
        return bool(self.staged or self.changed)
