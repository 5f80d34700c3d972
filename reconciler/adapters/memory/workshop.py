"""Pretended repositories and the work trees in them, with what agents and people do there.

As strict as git: a branch is in one tree at a time, a tree that was written to is not clean, and
what is not as a step expects is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.adapters.memory.yard import Mark, Repository, Tree, Yard
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.model.step import (
    BeginRun,
    CloseWorkspace,
    MarkWorkspace,
    OpenWorkspace,
    Step,
)
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt

LOOK = "novaorch diff"


class RefusedError(Exception):
    """git would have said no, or the tree is not what was expected (`stale`)."""

    def __init__(self, why: str, fix: str = LOOK, *, stale: bool = False) -> None:
        super().__init__(why)
        self.fix, self.stale = fix, stale


class MemoryWorkshop:
    """What `GitWorkshop` does, without git (`ports.workspaces.Workshop`).

    `yard` is what is there, and outlives it. `blind`: nobody can tell.
    """

    def __init__(self, fleet: str, yard: Yard | None = None) -> None:
        self.fleet, self.yard = fleet, yard if yard is not None else Yard()
        self.blind = False
        self._last: Mapping[UnitId, SeenWorkspace] = {}

    # -- the port ------------------------------------------------------------------------------

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return every tree of this fleet, and what is at wanted places."""
        if self.blind:
            raise BlindError(
                "the work trees cannot be seen", why="it is dark", fix="novaorch doctor"
            )
        places = {workspace.path: workspace for workspace in wanted}
        found = [self._seen(tree, places.get(tree.path)) for tree in self.yard.trees.values()]
        found += [self._hindrance(w) for path, w in places.items() if path not in self.yard.trees]
        seen = {one.unit: one for one in sorted(filter(None, found), key=lambda one: one.unit)}
        if seen != self._last:
            self._last = seen
        return self._last

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """Return what would be lost with each."""
        trees = self.yard.trees
        return {one.unit: trees[one.path].unsaved() for one in seen if one.path in trees}

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Carry out orders one after the other."""
        return [self._carry_out(order) for order in orders]

    # -- looking -------------------------------------------------------------------------------

    def _seen(self, tree: Tree, wanted: Workspace | None) -> SeenWorkspace | None:
        mark = tree.mark
        ours = mark is not None and mark.fleet == self.fleet
        if not ours and wanted is None:
            return None
        if mark is not None and not ours and wanted is not None:
            whose = f"{mark.unit} of the fleet {mark.fleet}"
            return _trouble(wanted, f"{tree.path} belongs to {whose}", f"mv {tree.path} elsewhere")
        unit = mark.unit if mark is not None else wanted.id if wanted is not None else UnitId("")
        return self._as_it_is(tree, unit, wanted)

    def _as_it_is(self, tree: Tree, unit: UnitId, wanted: Workspace | None) -> SeenWorkspace:
        repository, mark = tree.repository, tree.mark
        seen = SeenWorkspace(
            unit, tree.path, f"{repository.path}/.git", tree.branch, tree.tip(), fleet=self.fleet
        )
        seen = replace(seen, finished=repository.is_over(unit, seen.run))
        if mark is None:
            return replace(seen, fleet="")
        seen = replace(seen, digest=mark.digest, protect=mark.protect, applied=dict(mark.applied))
        if wanted is None or not mark.digest or mark.applied.get("repository") == wanted.repository:
            return seen
        other = self._hindrance(wanted)
        return seen if other is None else replace(seen, trouble=other.trouble, fix=other.fix)

    def _hindrance(self, wanted: Workspace) -> SeenWorkspace | None:
        """Return why a tree that is not there cannot be made; None: it can."""
        if wanted.path in self.yard.clutter:
            return _trouble(wanted, f"{wanted.path} is no work tree", f"mv {wanted.path} elsewhere")
        repository = self.yard.repositories.get(wanted.repository)
        if repository is None:
            what = f"there is no git repository at {wanted.repository}"
            return _trouble(wanted, what, f"git init {wanted.repository}")
        if not repository.begins(wanted.base):
            what = f"there is no branch {wanted.base!r} in {wanted.repository}"
            return _trouble(wanted, what, "name another in spec.workspace.base")
        return None

    # -- acting --------------------------------------------------------------------------------

    def _carry_out(self, order: Order) -> Receipt:
        try:
            for step in order.steps:
                self._step(step)
        except RefusedError as error:
            return Receipt(order.unit, str(error), error.fix, stale=error.stale)
        return Receipt(order.unit)

    def _step(self, step: Step) -> None:
        match step:
            case OpenWorkspace(workspace=workspace):
                self._open(workspace)
            case MarkWorkspace(workspace=workspace):
                self._mark(self._ours(workspace.path, workspace.id), workspace)
            case BeginRun(workspace=workspace, tip=tip):
                self._begin(workspace, tip)
            case CloseWorkspace(unit=unit, path=path, branch=branch, tip=tip):
                self._close(self._ours(path, unit), branch, tip)
            case _:
                raise RefusedError(f"{type(step).__name__} is nothing that is done to a work tree")

    def done(self, what: str) -> None:
        """Hear of each change that was just made: a boundary at which everything may end."""

    def _open(self, workspace: Workspace) -> None:
        hindrance = self._hindrance(workspace)
        if hindrance is not None:
            raise RefusedError(hindrance.trouble, hindrance.fix)
        repository = self.yard.repositories[workspace.repository]
        tree = self.yard.trees.get(workspace.path)
        if tree is not None:
            self._adoptable(tree, repository, workspace)
        else:
            tree = self._plant(repository, workspace)
        self._mark(tree, workspace)

    def _plant(self, repository: Repository, workspace: Workspace) -> Tree:
        branch = repository.run(workspace.id, workspace.base)
        self.done("branch")
        taken = next((t for t in self.yard.trees.values() if t.is_on(repository, branch)), None)
        if taken is not None:
            raise RefusedError(f"{branch} is checked out in {taken.path} already")
        tree = Tree(workspace.path, repository, branch, Mark(self.fleet, workspace.id))
        tree.check_out()
        self.yard.trees[workspace.path] = tree
        self.done("tree")
        return tree

    def _adoptable(self, tree: Tree, repository: Repository, workspace: Workspace) -> None:
        seen = self._seen(tree, workspace)
        if seen is None or seen.trouble:
            raise RefusedError(seen.trouble if seen is not None else "it is not ours")
        if tree.repository is not repository:
            raise RefusedError(f"{tree.path} is a tree of another repository", stale=True)
        if not seen.run:
            raise RefusedError(f"{tree.path} is on no run of {workspace.agent}")

    def _mark(self, tree: Tree, workspace: Workspace) -> None:
        fields = {field.name: field.value for field in workspace.fields}
        tree.mark = Mark(
            self.fleet, workspace.id, workspace.digest, fields, protect=workspace.protect
        )
        self.done("mark")

    def _begin(self, workspace: Workspace, tip: str) -> None:
        tree = self._ours(workspace.path, workspace.id)
        self._over(tree, workspace, tip)
        branch = tree.repository.run(workspace.id, workspace.base)
        self.done("branch")
        self._over(tree, workspace, tip)  # its agent goes on, whatever is done here
        strangers = tree.strangers()
        tree_of = tree.repository.commits.get(tree.repository.branches.get(branch, ""), {})
        covered = strangers.keys() & tree_of.keys()
        if covered:
            raise RefusedError(f"{min(covered)} is in no commit, and in the way", stale=True)
        tree.branch = branch
        tree.check_out()
        tree.files |= strangers
        self.done("run")

    def _over(self, tree: Tree, workspace: Workspace, tip: str) -> None:
        """Refuse to leave a run that is not over, or a tree that holds what is in no commit."""
        repository, called = tree.repository, f"{workspace.id.project}/{workspace.id.name}"
        if tree.tip() != tip:
            raise RefusedError(f"{tree.path} has moved on", stale=True)
        if tree.unsaved().tied:
            mend = f"novaorch training commit {called}"
            raise RefusedError(f"{tree.path} holds what is in no commit", mend, stale=True)
        if not repository.is_over(workspace.id, repository.number(tree.branch)):
            raise RefusedError(f"the run {tree.branch} is not over", stale=True)

    def _close(self, tree: Tree, branch: str, tip: str) -> None:
        if (tree.branch, tree.tip()) != (branch, tip):
            raise RefusedError(f"{tree.path} has moved on", stale=True)
        unsaved = tree.unsaved()
        if unsaved.refused:
            path, why = unsaved.refused[0]
            raise RefusedError(f"{path} cannot be saved: {why}", f"move it out of {tree.path}")
        if unsaved.any and tree.mark is not None:
            tree.repository.keep(tree.mark.unit, tree.files)
            self.done("kept")
        if self.yard.trees.get(tree.path) is not tree:
            raise RefusedError(f"{tree.path} is another tree by now", stale=True)
        del self.yard.trees[tree.path]
        self.done("gone")

    def _ours(self, path: str, unit: UnitId) -> Tree:
        tree = self.yard.trees.get(path)
        mark = tree.mark if tree is not None else None
        if tree is None or mark is None or (mark.fleet, mark.unit) != (self.fleet, unit):
            raise RefusedError(f"{path} is no work tree of {unit}", stale=True)
        return tree


def _trouble(wanted: Workspace, what: str, fix: str) -> SeenWorkspace:
    return SeenWorkspace(wanted.id, wanted.path, trouble=what, fix=fix)
