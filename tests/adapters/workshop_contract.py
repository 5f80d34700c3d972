"""What everyone who makes agents' work trees promises, with git or in memory.

`Place` is what a test needs of the disk: repositories, and hands in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import pytest

from reconciler.model.ids import UnitId
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace, Step
from reconciler.model.unit import Disruption, Field, Source, Workspace, fields_digest
from reconciler.model.workspace import SeenWorkspace
from reconciler.ports import Order, Receipt
from reconciler.ports.workspaces import Workshop

FLEET = "f"
"""The fleet that every workshop of this suite works for."""


class Place(Protocol):
    """A disk. `repository` and `other` are two repositories with a commit on `main` that has the
    file README; trees are below `root`, by project and name."""

    @property
    def root(self) -> str: ...

    @property
    def repository(self) -> str: ...

    @property
    def other(self) -> str: ...

    def workshop(self) -> Workshop:
        """Return a fresh workshop of `FLEET` over this disk."""
        ...

    def write(self, path: str, name: str, text: str) -> None:
        """Let an agent write a file in the tree at `path`."""
        ...

    def stage(self, path: str, name: str) -> None:
        """Let it stage one."""
        ...

    def commit(self, path: str) -> str:
        """Let it commit everything; return the commit's id."""
        ...

    def detach(self, path: str) -> None:
        """Let it put HEAD on no branch, at the same commit."""
        ...

    def advance(self, repository: str) -> str:
        """Let a person commit to `main`; return the commit's id."""
        ...

    def finish(self, unit: UnitId, path: str) -> None:
        """Let somebody promote the run that the tree at `path` is on: its verdict is archived."""
        ...

    def clutter(self, path: str) -> None:
        """Let something stand at `path` that is no work tree."""
        ...

    def files(self, path: str) -> Mapping[str, str] | None:
        """Return what is in the tree at `path`, without git's own; None: there is none."""
        ...

    def tip(self, repository: str, branch: str) -> str:
        """Return the commit of a branch, '' for none."""
        ...

    def kept(self, repository: str, unit: UnitId) -> list[Mapping[str, str]]:
        """Return the whole trees that were kept of a unit, in order."""
        ...


def wanted(
    place: Place,
    name: str = "torch",
    repository: str = "",
    *,
    base: str = "",
    protect: bool = False,
) -> Workspace:
    """Return the work tree of an agent of this name."""
    repository = repository or place.repository
    fields = (
        Field("repository", repository, Disruption.RECREATE),
        Field("base", base, Disruption.HOT),
        *((Field("protect", True, Disruption.HOT),) if protect else ()),
    )
    return Workspace(
        UnitId.of("shop", "workspace", name),
        UnitId.of("shop", "agent", name),
        Source(f"shop/agents/{name}.yaml", 5),
        repository,
        f"{place.root}/shop/{name}",
        base,
        fields,
        fields_digest(fields),
        protect=protect,
    )


def do(workshop: Workshop, *steps: Step) -> Receipt:
    """Give one order."""
    unit = steps[0].unit  # type: ignore[union-attr]
    (receipt,) = workshop.perform([Order(unit, steps)])
    assert receipt.unit == unit
    return receipt


def opened(workshop: Workshop, *trees: Workspace) -> SeenWorkspace:
    """Make trees, and return the first as it is seen."""
    for tree in trees:
        assert not do(workshop, OpenWorkspace(tree.id, tree)).error
    return workshop.photograph(trees)[trees[0].id]


def closing(seen: SeenWorkspace) -> CloseWorkspace:
    return CloseWorkspace(seen.unit, seen.path, seen.branch, seen.tip)


class WorkshopContract:
    """Mixed into a class whose `place` fixture gives a fresh disk."""

    # -- making --------------------------------------------------------------------------------

    def test_where_nothing_is_nothing_is_seen(self, place: Place) -> None:
        workshop = place.workshop()
        assert workshop.photograph([]) == {}
        tree = wanted(place)
        assert workshop.photograph([tree]) == {}
        assert workshop.photograph([tree]) is workshop.photograph([tree])

    def test_a_tree_is_made_on_a_run_of_its_own(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place, protect=True)
        seen = opened(workshop, tree)
        main = place.tip(place.repository, "main")
        assert (seen.unit, seen.path, seen.fleet) == (tree.id, tree.path, FLEET)
        assert (seen.branch, seen.run, seen.tip) == ("training/shop/torch/1", 1, main)
        assert (seen.digest, seen.protect, seen.finished) == (tree.digest, True, False)
        assert seen.applied == {f.name: f.value for f in tree.fields}
        assert seen.repository
        assert (seen.trouble, seen.fix) == ("", "")
        assert place.files(tree.path) == {"README": "hello\n"}

    def test_making_it_again_changes_nothing(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        seen = opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        assert not do(workshop, OpenWorkspace(tree.id, tree)).error
        assert workshop.photograph([tree])[tree.id] == seen
        assert place.files(tree.path) == {"README": "hello\n", "new": "work\n"}

    def test_a_photograph_is_the_same_value_until_something_changes(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        first = workshop.photograph([tree])
        assert workshop.photograph([tree]) is first
        place.write(tree.path, "new", "work\n")
        tip = place.commit(tree.path)
        second = workshop.photograph([tree])
        assert second is not first
        assert second[tree.id].tip == tip == place.tip(place.repository, "training/shop/torch/1")

    def test_two_trees_of_one_repository_do_not_know_each_other(self, place: Place) -> None:
        workshop, torch, anvil = place.workshop(), wanted(place), wanted(place, "anvil")
        opened(workshop, torch, anvil)
        place.write(torch.path, "new", "work\n")
        place.commit(torch.path)
        found = workshop.photograph([torch, anvil])
        assert found[anvil.id].tip == place.tip(place.repository, "main") != found[torch.id].tip
        assert place.files(anvil.path) == {"README": "hello\n"}

    def test_who_looks_for_the_first_time_sees_the_same(self, place: Place) -> None:
        tree = wanted(place)
        seen = opened(place.workshop(), tree)
        assert place.workshop().photograph([tree]) == {tree.id: seen}
        assert place.workshop().photograph([]) == {tree.id: seen}, (
            "nobody wants it, and it is there"
        )

    def test_a_run_begins_at_the_base_that_is_named(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place, base="main")
        assert opened(workshop, tree).tip == place.tip(place.repository, "main")

    # -- what cannot be ------------------------------------------------------------------------

    def test_something_else_at_its_place_is_trouble_and_stays(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        place.clutter(tree.path)
        seen = workshop.photograph([tree])[tree.id]
        assert seen.trouble
        assert seen.fix
        assert not seen.digest
        receipt = do(workshop, OpenWorkspace(tree.id, tree))
        assert receipt.error
        assert receipt.fix
        assert workshop.photograph([tree])[tree.id].trouble == seen.trouble
        assert workshop.photograph([]) == {}, "what is not wanted there is no concern of ours"

    @pytest.mark.parametrize("what", ["repository", "base"])
    def test_what_it_is_made_from_must_be_there(self, place: Place, what: str) -> None:
        workshop = place.workshop()
        tree = wanted(place, repository=f"{place.root}-nowhere" if what == "repository" else "",
                      base="nope" if what == "base" else "")  # fmt: skip
        seen = workshop.photograph([tree])[tree.id]
        assert seen.trouble
        assert seen.fix
        assert do(workshop, OpenWorkspace(tree.id, tree)).error
        assert place.files(tree.path) is None

    def test_a_tree_whose_new_repository_cannot_be_used_is_in_trouble(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        moved = wanted(place, repository=f"{place.root}-nowhere")
        seen = workshop.photograph([moved])[tree.id]
        assert seen.trouble
        assert seen.digest == tree.digest
        assert not workshop.photograph([wanted(place, repository=place.other)])[tree.id].trouble

    # -- marks ---------------------------------------------------------------------------------

    def test_a_mark_says_what_was_applied_and_touches_nothing(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        before = opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        other = wanted(place, base="main", protect=True)
        assert not do(workshop, MarkWorkspace(other.id, other)).error
        after = workshop.photograph([other])[tree.id]
        applied = {f.name: f.value for f in other.fields}
        assert after == replace(before, digest=other.digest, protect=True, applied=applied)
        assert place.files(tree.path) == {"README": "hello\n", "new": "work\n"}

    def test_a_mark_on_nothing_is_stale(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        receipt = do(workshop, MarkWorkspace(tree.id, tree))
        assert receipt.error
        assert receipt.stale

    # -- what is in no commit ------------------------------------------------------------------

    def test_what_is_in_no_commit_is_counted(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        seen = opened(workshop, tree)
        assert not workshop.unsaved([seen])[tree.id].any
        place.write(tree.path, "README", "other\n")
        place.write(tree.path, "new", "work\n")
        place.write(tree.path, "staged", "work\n")
        place.stage(tree.path, "staged")
        found = workshop.unsaved([seen])[tree.id]
        assert (found.staged, found.changed, found.untracked) == (1, 1, 1)
        assert found.refused == ()
        place.commit(tree.path)
        seen = workshop.photograph([tree])[tree.id]
        assert not workshop.unsaved([seen])[tree.id].any

    # -- runs ----------------------------------------------------------------------------------

    def test_a_run_that_is_over_gives_way_to_the_next(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        main = place.advance(place.repository)
        place.finish(tree.id, tree.path)
        seen = workshop.photograph([tree])[tree.id]
        assert seen.finished
        assert seen.run == 1
        assert not do(workshop, BeginRun(tree.id, tree, seen.tip)).error
        after = workshop.photograph([tree])[tree.id]
        assert (after.run, after.tip, after.finished) == (2, main, False)
        assert (after.digest, after.applied) == (seen.digest, seen.applied)
        assert "new" not in (place.files(tree.path) or {})
        assert not workshop.unsaved([after])[tree.id].any

    def test_a_run_to_which_something_was_added_is_not_over(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        place.finish(tree.id, tree.path)
        assert workshop.photograph([tree])[tree.id].finished
        place.write(tree.path, "more", "work\n")
        place.commit(tree.path)
        seen = workshop.photograph([tree])[tree.id]
        assert not seen.finished
        assert do(workshop, BeginRun(tree.id, tree, seen.tip)).error
        assert workshop.photograph([tree])[tree.id] == seen

    @pytest.mark.parametrize("why", ["dirty", "moved"])
    def test_no_run_begins_over_what_would_be_lost(self, place: Place, why: str) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        place.finish(tree.id, tree.path)
        seen = workshop.photograph([tree])[tree.id]
        if why == "dirty":
            place.write(tree.path, "README", "precious\n")
        tip = seen.tip if why == "dirty" else place.tip(place.repository, "main")
        receipt = do(workshop, BeginRun(tree.id, tree, tip))
        assert receipt.error
        assert receipt.stale
        assert workshop.photograph([tree])[tree.id] == seen
        wanted_text = "precious\n" if why == "dirty" else "hello\n"
        assert (place.files(tree.path) or {})["README"] == wanted_text

    def test_what_git_knows_nothing_of_comes_along_to_the_next_run(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        place.advance(place.repository)
        place.finish(tree.id, tree.path)
        place.write(tree.path, "secret", "held back\n")
        seen = workshop.photograph([tree])[tree.id]
        assert not do(workshop, BeginRun(tree.id, tree, seen.tip)).error
        after = workshop.photograph([tree])[tree.id]
        assert (after.run, workshop.unsaved([after])[tree.id].untracked) == (2, 1)
        files = place.files(tree.path) or {}
        assert files["secret"] == "held back\n"
        assert "new" not in files

    def test_no_run_covers_what_git_knows_nothing_of(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        place.advance(place.repository)
        place.finish(tree.id, tree.path)
        place.write(tree.path, "x", "my own\n")  # the person's commit has one
        seen = workshop.photograph([tree])[tree.id]
        receipt = do(workshop, BeginRun(tree.id, tree, seen.tip))
        assert receipt.stale
        assert (place.files(tree.path) or {})["x"] == "my own\n"

    def test_a_head_on_no_branch_is_on_no_run(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        before = opened(workshop, tree)
        place.detach(tree.path)
        seen = workshop.photograph([tree])[tree.id]
        assert (seen.branch, seen.run, seen.tip, seen.digest) == (
            "",
            0,
            before.tip,
            before.digest,
        )

    # -- going ---------------------------------------------------------------------------------

    def test_a_clean_tree_goes_without_a_trace_and_its_branch_stays(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        tip = place.commit(tree.path)
        seen = workshop.photograph([])[tree.id]
        assert not do(workshop, closing(seen)).error
        assert workshop.photograph([]) == {}
        assert place.files(tree.path) is None
        assert place.tip(place.repository, seen.branch) == tip
        assert place.kept(place.repository, tree.id) == []

    def test_what_is_unsaved_is_kept_before_a_tree_goes(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "README", "changed\n")
        place.write(tree.path, "new", "work\n")
        place.write(tree.path, "staged", "work\n")
        place.stage(tree.path, "staged")
        was = dict(place.files(tree.path) or {})
        seen = workshop.photograph([])[tree.id]
        assert not do(workshop, closing(seen)).error
        assert place.files(tree.path) is None
        assert [dict(kept) for kept in place.kept(place.repository, tree.id)] == [was]

    def test_a_tree_that_moved_on_does_not_go(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        seen = opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        receipt = do(workshop, closing(seen))
        assert receipt.error
        assert receipt.stale
        assert (place.files(tree.path) or {}).keys() == {"README", "new"}

    def test_who_comes_back_goes_on_with_its_run(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        tip = place.commit(tree.path)
        do(workshop, closing(workshop.photograph([])[tree.id]))
        seen = opened(workshop, tree)
        assert (seen.run, seen.tip) == (1, tip)
        assert (place.files(tree.path) or {}).keys() == {"README", "new"}

    def test_who_comes_back_after_its_run_was_over_begins_another(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        place.commit(tree.path)
        place.finish(tree.id, tree.path)
        do(workshop, closing(workshop.photograph([])[tree.id]))
        seen = opened(workshop, tree)
        assert (seen.run, seen.tip) == (2, place.tip(place.repository, "main"))
        assert not seen.finished

    def test_another_repository_takes_the_place_of_the_first(self, place: Place) -> None:
        workshop, tree = place.workshop(), wanted(place)
        opened(workshop, tree)
        place.write(tree.path, "new", "work\n")
        moved = wanted(place, repository=place.other)
        assert not do(workshop, closing(workshop.photograph([moved])[tree.id])).error
        seen = opened(workshop, moved)
        assert seen.tip == place.tip(place.other, "main")
        assert len(place.kept(place.repository, tree.id)) == 1

    # -- orders --------------------------------------------------------------------------------

    def test_each_order_has_its_receipt_in_order(self, place: Place) -> None:
        workshop = place.workshop()
        good, bad = wanted(place), wanted(place, "anvil", base="nope")
        last = wanted(place, "tongs")
        orders = [Order(tree.id, (OpenWorkspace(tree.id, tree),)) for tree in (good, bad, last)]
        receipts = workshop.perform(orders)
        assert [r.unit for r in receipts] == [good.id, bad.id, last.id]
        assert [bool(r.error) for r in receipts] == [False, True, False]
        assert workshop.perform([]) == []
