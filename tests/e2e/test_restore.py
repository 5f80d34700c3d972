"""What an agent left in no commit, brought back by `novaorch training restore`."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Fleet
from tests.e2e.test_workspaces import TREE, housed, tree_of


def gone(fleet: Fleet) -> Path:
    """Let an agent leave something unsaved and go."""
    tree = housed(fleet)
    (tree / "half").write_text("of something\n", encoding="utf-8")
    (tree / "notes").write_text("staged\n", encoding="utf-8")
    fleet.repo.git("-C", str(tree), "add", "notes")
    fleet.remove("web/agents/smith.yaml")
    fleet.commit("Let smith go")
    fleet.run("apply", "--yes", expect=0)
    assert not tree.exists()
    return tree


def test_what_was_unsaved_comes_back_into_the_agents_new_tree(fleet: Fleet) -> None:
    tree = gone(fleet)
    assert "kept web/smith/1" in fleet.run("training", "list", expect=0).out
    fleet.agent("smith", "hello", TREE)
    fleet.commit("Take smith back")
    fleet.run("apply", "--yes", expect=0)
    assert not (tree / "half").exists()
    done = fleet.run("training", "restore", "web/smith", expect=0)
    assert f"in {tree}, on training/web/smith/1" in done.out
    assert (tree / "half").read_text(encoding="utf-8") == "of something\n"
    assert fleet.repo.git("-C", str(tree), "diff", "--cached", "--name-only") == "notes"
    fleet.run("diff", expect=0)
    again = fleet.run("training", "restore", "smith", "--json", expect=0).records
    assert [one["snapshot"] for one in again if "snapshot" in one] == ["web/smith/1"]


def test_it_can_be_looked_at_elsewhere(fleet: Fleet, tmp_path: Path) -> None:
    gone(fleet)
    place = tmp_path / "rescued"
    done = fleet.run("training", "restore", "smith/1", "--to", str(place), expect=0)
    assert "on training/web/smith/1" in done.out
    assert (place / "half").read_text(encoding="utf-8") == "of something\n"
    assert not tree_of("smith").exists()
    second = tmp_path / "second"
    done = fleet.run("training", "restore", "smith/1", "--to", str(second), expect=0)
    assert "on no branch" in done.out
    assert f"is checked out at {place}" in done.err


def test_what_would_overwrite_work_or_is_not_there_is_refused(fleet: Fleet) -> None:
    tree = gone(fleet)
    fleet.agent("smith", "hello", TREE)
    fleet.commit("Take smith back")
    fleet.run("apply", "--yes", expect=0)
    (tree / "new").write_text("work\n", encoding="utf-8")
    done = fleet.run("training", "restore", "web/smith", expect=1)
    assert "holds what is in no commit" in done.err
    assert "--to DIRECTORY" in done.err
    assert (tree / "new").exists()
    done = fleet.run("training", "restore", "web/smith/7", expect=1)
    assert "there is no snapshot 'web/smith/7'" in done.err
    assert "web/smith/1" in done.err
