"""Work trees on real git and under real tmux, driven as a person drives them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Fleet

TREE = "workspace: {}"


def tree_of(name: str) -> Path:
    data = os.environ.get("XDG_DATA_HOME") or f"{os.environ['HOME']}/.local/share"
    return Path(data) / "novaorch" / "workspaces" / "demo" / "web" / name


def where(fleet: Fleet, session: str) -> Path:
    told = fleet.tmux("display-message", "-p", "-t", f"={session}:", "#{pane_current_path}")
    return Path(told.strip())


def housed(fleet: Fleet) -> Path:
    fleet.agent("smith", "hello", TREE)
    fleet.commit("Give smith a tree")
    fleet.run("apply", "--yes", expect=0)
    return tree_of("smith")


def test_an_agent_runs_in_a_tree_of_its_own_and_the_checkout_is_not_touched(fleet: Fleet) -> None:
    fleet.agent("smith", "hello", TREE)
    fleet.commit("Give smith a tree")
    before = fleet.repo.git("status", "--porcelain=v2", "--branch")
    plan = fleet.run("diff", expect=2).out.splitlines()
    assert [line.split()[:3] for line in plan[:3]] == [
        ["+", "start", "web/agent/torch"],
        ["+", "start", "web/workspace/smith"],
        ["+", "start", "web/agent/smith"],
    ]
    fleet.run("apply", "--yes", expect=0)
    tree = tree_of("smith")
    assert where(fleet, "web/smith") == tree
    assert (tree / "desired-state/fleet.yaml").exists()
    branch = fleet.repo.git("-C", str(tree), "symbolic-ref", "--short", "HEAD").strip()
    assert branch == "training/web/smith/1"
    assert fleet.repo.git("status", "--porcelain=v2", "--branch") == before
    fleet.run("diff", expect=0)
    pids = fleet.pids()
    fleet.run("apply", "--yes", expect=0)
    assert fleet.pids() == pids


def test_status_and_why_know_the_tree(fleet: Fleet) -> None:
    housed(fleet)
    said = fleet.run("status", "--json", expect=0).records
    (found,) = [one for one in said if one.get("unit") == "web/workspace/smith"]
    assert (found["ready"], found["state"]) == ("True", "open")
    assert found["message"] == "training/web/smith/1"
    assert "web/workspace/smith" in fleet.run("status", expect=0).out
    why = fleet.run("why", "web/workspace/smith", expect=0).out
    assert "there since record" in why
    assert "start, absent (a work tree of " in why
    assert fleet.run("why", "smith", expect=0).out.startswith("web/agent/smith")


def test_a_plan_is_saved_and_held_to(fleet: Fleet, tmp_path: Path) -> None:
    fleet.agent("smith", "hello", TREE)
    fleet.commit("Give smith a tree")
    plan = tmp_path / "plan.json"
    fleet.run("diff", "--out", str(plan), expect=2)
    fleet.run("apply", str(plan), "--yes", expect=0)
    assert where(fleet, "web/smith") == tree_of("smith")
    assert fleet.run("apply", str(plan), "--yes").code == 4


def test_what_is_unsaved_is_kept_when_nobody_wants_the_tree_any_more(fleet: Fleet) -> None:
    tree = housed(fleet)
    (tree / "half").write_text("of something\n", encoding="utf-8")
    fleet.remove("web/agents/smith.yaml")
    fleet.commit("Let smith go")
    out = fleet.run("diff", expect=2).out
    assert "1 untracked file kept (back with: novaorch training restore web/smith)" in out
    fleet.run("apply", "--yes", expect=0)
    assert not tree.exists()
    assert fleet.sessions() == {"web/torch"}
    refs = fleet.repo.git("for-each-ref", "--format=%(refname)", "refs/novaorch/kept").split()
    assert refs == ["refs/novaorch/kept/web/smith/1"]
    assert fleet.repo.git("show", f"{refs[0]}:half") == "of something"
    assert fleet.repo.git("branch", "--list", "training/web/smith/1").strip()
    fleet.run("diff", expect=0)
    assert "gone since record" in fleet.run("why", "web/workspace/smith", expect=0).out


def test_a_tree_that_cannot_be_made_holds_its_agent_alone(fleet: Fleet) -> None:
    fleet.agent("smith", "hello", "workspace: {base: nowhere}")
    fleet.commit("Give smith a tree of nothing")
    done = fleet.run("apply", "--yes", expect=1)
    assert "there is no branch 'nowhere'" in done.out
    assert fleet.sessions() == {"web/torch"}
    assert not tree_of("smith").exists()


def test_a_fleet_of_the_same_name_takes_no_tree_away(
    fleet: Fleet, make: Callable[[str], Fleet]
) -> None:
    tree, twin = housed(fleet), make("twin")
    twin.name = fleet.name
    twin.settings()
    twin.agent("torch")
    twin.commit("Wish for torch, elsewhere")
    twin.run("apply", "--yes", expect=0)
    assert tree.exists()
    twin.agent("smith", "hello", TREE)
    twin.commit("Give smith a tree, elsewhere")
    done = twin.run("apply", "--yes", expect=1)
    assert "those of another repository" in done.out
    assert "metadata.name in fleet.yaml" in done.out
    assert twin.sessions() == {"web/torch"}
    fleet.run("diff", expect=0)


def test_the_daemon_makes_the_tree_moves_it_and_takes_it_away(up: Fleet) -> None:
    tree = tree_of("smith")
    up.agent("smith", "hello", TREE)
    up.commit("Give smith a tree")
    up.until(lambda: up.sessions() == {"web/torch", "web/smith"}, "smith runs")
    assert where(up, "web/smith") == tree
    other = up.repo.path.parent / "other"
    up.repo.git("clone", "-q", str(up.repo.path), str(other))
    (tree / "half").write_text("of something\n", encoding="utf-8")
    up.agent("smith", "hello", f"workspace: {{repository: {other}}}")
    up.commit("Give smith a tree of another repository")
    up.until(lambda: _common(up, tree) == other / ".git", "it is a tree of the other")
    up.until(lambda: where(up, "web/smith") == tree, "smith runs in it")
    assert up.repo.git("show", "refs/novaorch/kept/web/smith/1:half") == "of something"
    up.remove("web/agents/smith.yaml")
    up.commit("Let smith go")
    up.until(lambda: not tree.exists() and up.sessions() == {"web/torch"}, "all is gone")


def _common(fleet: Fleet, tree: Path) -> Path | None:
    said = fleet.repo.git("-C", str(tree), "rev-parse", "--git-common-dir", ok=False)
    return Path(said) if said else None
