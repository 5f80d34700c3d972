"""Promotion while agents and the daemon live: unsaved work comes along, a new run begins."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Fleet, make, needs_store
from tests.e2e.schooling import branch, commits, tree, writing
from tests.e2e.test_agents import say
from tests.e2e.test_training import fleet, made, rests, write

__all__ = ["fleet", "make"]
pytestmark = needs_store


@pytest.fixture
def living(fleet: Fleet) -> Fleet:
    """A fleet whose agent ada rests, with a file in the target that it may change."""
    write(fleet, "ada")
    (fleet.repo.path / "app.txt").write_text("one\n")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    return fleet


def head(living: Fleet) -> str:
    return living.repo.git("-C", str(tree("ada", living)), "symbolic-ref", "--short", "HEAD")


def test_what_an_idle_agent_left_comes_along_and_a_new_run_begins(living: Fleet) -> None:
    say(living, "ada", writing("poem.txt", "a line\n", "Wrote a poem."))
    made(living, "ada", 1)
    rests(living, "ada")
    (tree("ada", living) / "later.txt").write_text("after the turn\n")
    said = living.run("training", "promote", "ada", expect=0).out
    assert "with web/ada/1 in it" in said
    assert (living.repo.path / "poem.txt").read_text() == "a line\n"
    assert (living.repo.path / "later.txt").read_text() == "after the turn\n"
    assert living.repo.git("status", "--porcelain") == ""
    living.until(lambda: head(living) == branch("ada", 2), "a new run has begun")
    at = living.repo.git("rev-parse", branch("ada", 2))
    assert at == living.repo.git("rev-parse", "main")
    say(living, "ada", writing("more.txt", "more\n", "Wrote more."))
    living.until(lambda: len(commits(living, "ada", 2)) == 1, "work goes to the new run")
    living.run("training", "promote", "ada", expect=0)
    assert (living.repo.path / "more.txt").exists()
    shown = living.run("training", "list", "--all", expect=0).out
    assert shown.count("promoted") == 2


def test_a_line_that_was_squashed_still_knows_its_turn(living: Fleet) -> None:
    for name in ("one", "two"):
        say(living, "ada", writing(f"{name}.txt", f"{name}\n", f"Wrote {name}."))
        living.until((tree("ada", living) / f"{name}.txt").exists, f"{name} is written")
        rests(living, "ada")
    made(living, "ada", 2)
    second = commits(living, "ada")[1]
    living.run("training", "promote", "ada", expect=0)
    said = living.run("why", "two.txt:1", expect=0).out
    assert second[:12] in said
    assert "web/agent/ada" in said


def test_a_rejected_run_is_left_and_a_new_one_begins(living: Fleet) -> None:
    say(living, "ada", writing("bad.txt", "bad\n", "Wrote bad things."))
    made(living, "ada", 1)
    rests(living, "ada")
    living.run("training", "reject", "ada", "--reason", "bad things", expect=0)
    living.until(lambda: head(living) == branch("ada", 2), "a new run has begun")
    assert not (tree("ada", living) / "bad.txt").exists()
    assert "was rejected by Ada" in living.run("messages", "--to", "ada", expect=0).out
    living.run("training", "promote", "web/ada/1", expect=0)
    assert (living.repo.path / "bad.txt").exists()
