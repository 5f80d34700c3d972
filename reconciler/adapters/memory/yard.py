"""What pretended work trees are made of: repositories, trees, and what is written in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId
from reconciler.model.workspace import RUNS, Unsaved

Files = dict[str, str]


@dataclass(slots=True)
class Repository:
    """Commits by id, branches and kept things by name. `head` is the branch that it is on."""

    path: str
    head: str = "main"
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    archived: dict[str, str] = field(default_factory=dict)
    kept: dict[str, list[Files]] = field(default_factory=dict)

    def commit(self, branch: str, files: Files) -> str:
        """Put a commit of these files on a branch, and return its id."""
        said = repr((len(self.commits), branch, sorted(files.items())))
        name = hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()
        self.commits[name] = dict(files)
        self.branches[branch] = name
        return name

    def begins(self, base: str) -> str:
        """Return the commit that a new run begins at, '' for none."""
        return self.branches.get(base or self.head, "")

    def number(self, branch: str) -> int:
        """Return the number of a run by its branch."""
        last = branch.rpartition("/")[2]
        return int(last) if last.isdigit() else 0

    def is_over(self, unit: UnitId, run: int) -> bool:
        """Whether a run was archived as it is, or its branch is gone."""
        branch = f"{RUNS}/{unit.project}/{unit.name}/{run}"
        tip = self.branches.get(branch)
        return bool(run) and (tip is None or self.archived.get(branch) == tip)

    def run(self, unit: UnitId, base: str) -> str:
        """Return the branch of the open run of a unit, made now if there is none."""
        below = f"{RUNS}/{unit.project}/{unit.name}/"
        known = {*self.branches, *self.archived}
        numbers = sorted(self.number(name) for name in known if name.startswith(below))
        if numbers and not self.is_over(unit, numbers[-1]):
            return f"{below}{numbers[-1]}"
        branch = f"{below}{numbers[-1] + 1 if numbers else 1}"
        self.branches[branch] = self.begins(base)
        return branch

    def keep(self, unit: UnitId, files: Files) -> None:
        """Keep a snapshot."""
        self.kept.setdefault(f"{unit.project}/{unit.name}", []).append(dict(files))


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a tree is, and what was applied last. Without a digest it is still being made."""

    fleet: str
    unit: UnitId
    digest: str = ""
    applied: Mapping[str, Json] = field(default_factory=dict)
    protect: bool = False


@dataclass(slots=True)
class Tree:
    """One work tree, with the files that are in it now.

    `refused` is what could not be saved: path and why.
    """

    path: str
    repository: Repository
    branch: str = ""
    mark: Mark | None = None
    files: Files = field(default_factory=dict)
    staged: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    loose: str = ""

    def tip(self) -> str:
        """Return the commit of its branch, or the one that HEAD is at without a branch."""
        return self.repository.branches.get(self.branch, "") if self.branch else self.loose

    def detach(self) -> None:
        """Put HEAD on no branch."""
        self.loose, self.branch = self.tip(), ""

    def is_on(self, repository: Repository, branch: str) -> bool:
        """Whether this very branch is checked out here."""
        return self.repository is repository and self.branch == branch

    def check_out(self) -> None:
        """Put the files of its branch into it."""
        self.files = dict(self.repository.commits.get(self.tip(), {}))
        self.staged.clear()

    def unsaved(self) -> Unsaved:
        """Return what is in no commit."""
        before = self.repository.commits.get(self.tip(), {})
        new = {name for name in self.files if name not in before}
        gone = before.keys() - self.files.keys()
        both = self.files.keys() & before.keys()
        other = {name for name in both if self.files[name] != before[name]}
        return Unsaved(
            staged=len(self.staged),
            changed=len((other | gone) - self.staged),
            untracked=len(new - self.staged),
            refused=tuple(sorted(self.refused.items())),
        )

    def strangers(self) -> Files:
        """Return the files that git knows nothing of here."""
        known = self.repository.commits.get(self.tip(), {}).keys() | self.staged
        return {name: body for name, body in self.files.items() if name not in known}

    def commit(self) -> str:
        """Let whoever works here commit everything; the commit's id."""
        self.staged.clear()
        return self.repository.commit(self.branch, self.files)


class Yard:
    """Every repository and every tree of one pretended disk.

    `clutter` are places at which something stands that is no work tree.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.trees: dict[str, Tree] = {}
        self.clutter: set[str] = set()

    def repository(self, path: str, head: str = "main") -> Repository:
        """Make a repository with one commit."""
        made = self.repositories[path] = Repository(path, head)
        made.commit(head, {"README": "hello\n"})
        return made

    def of(self, unit: UnitId) -> Tree:
        """Return the tree of a unit; LookupError: there is none."""
        for tree in self.trees.values():
            if tree.mark is not None and tree.mark.unit == unit:
                return tree
        raise LookupError(unit)

    def write(self, unit: UnitId, name: str, text: str) -> None:
        """Let an agent write a file."""
        self.of(unit).files[name] = text

    def finish(self, unit: UnitId) -> None:
        """Let somebody promote the run that a tree is on."""
        tree = self.of(unit)
        tree.repository.archived[tree.branch] = tree.tip()
