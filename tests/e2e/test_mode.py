"""`mode`, `wake` and `tasks` as a person types them: a commit, a message, a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Fleet, needs_store

TORCH = "desired-state/web/agents/torch.yaml"


def file(fleet: Fleet) -> Path:
    return fleet.repo.path / TORCH


def head(fleet: Fleet) -> str:
    return fleet.repo.git("rev-parse", "HEAD")


def test_one_word_is_committed_and_nothing_else(fleet: Fleet) -> None:
    before = file(fleet).read_text()
    file(fleet).write_text(before := before.replace("spec:", "spec:  # mine"))
    fleet.commit("a comment")
    fleet.agent("ash")
    fleet.repo.git("add", "desired-state/web/agents/ash.yaml")
    (fleet.repo.path / "notes").write_text("mine")
    said = fleet.run("mode", "torch", "manual", "-m", "I take over", expect=0)
    assert f"Committed as {head(fleet)[:12]} on main: web/agent/torch is to be manual." in said.out
    assert "No daemon is at work" in said.out
    assert file(fleet).read_text() == before.replace("# mine\n", "# mine\n  mode: manual\n")
    assert fleet.repo.git("show", "--format=%an %s", "--name-only").split("\n") == [
        "Ada I take over",
        "",
        TORCH,
    ]
    left = fleet.repo.git("status", "--porcelain").split("\n")
    assert left == ["A  desired-state/web/agents/ash.yaml", "?? notes"]


def test_what_is_so_already_is_no_commit(fleet: Fleet) -> None:
    before = head(fleet)
    said = fleet.run("mode", "web/torch", "auto", expect=0)
    assert "already" in said.out
    assert head(fleet) == before


def test_a_file_with_changes_of_somebody_is_left_alone(fleet: Fleet) -> None:
    before = head(fleet)
    text = file(fleet).read_text() + "# not done yet\n"
    file(fleet).write_text(text)
    said = fleet.run("mode", "torch", "manual", expect=1)
    assert "not committed" in said.err
    assert (file(fleet).read_text(), head(fleet)) == (text, before)
    # another branch disturbs nobody
    said = fleet.run("mode", "torch", "manual", "--branch", "calm", expect=0)
    assert "merge it" in said.out
    assert (file(fleet).read_text(), head(fleet)) == (text, before)
    assert "mode: manual" in fleet.repo.git("show", f"calm:{TORCH}")
    assert fleet.repo.git("diff", "--name-only", "main", "calm") == TORCH
    assert fleet.run("mode", "torch", "manual", "--branch", "calm").code == 1


def test_a_hook_that_refuses_leaves_everything_as_it_was(fleet: Fleet) -> None:
    hook = fleet.repo.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on a friday >&2\nexit 1\n")
    hook.chmod(0o755)
    before = (head(fleet), file(fleet).read_text())
    said = fleet.run("mode", "torch", "stopped", expect=1)
    assert "not on a friday" in said.err
    assert (head(fleet), file(fleet).read_text()) == before
    assert fleet.repo.git("status", "--porcelain") == ""


def test_a_branch_that_nobody_has_checked_out_is_moved(fleet: Fleet) -> None:
    fleet.settings("sync: {branch: main}")
    fleet.commit("follow main")
    fleet.repo.git("switch", "--quiet", "--create", "other")
    before = head(fleet)
    fleet.run("mode", "torch", "training", expect=0)
    assert head(fleet) == before
    assert fleet.repo.git("status", "--porcelain") == ""
    assert "mode: training" in fleet.repo.git("show", f"main:{TORCH}")
    author = fleet.repo.git("show", "-s", "--format=%an", "main")
    assert author == "Ada"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("torch", "loud"), 64, "one of auto, manual"),
        (("torch",), 64, "one of auto, manual"),
        (("auto",), 64, "novaorch mode AGENT auto"),
        (("tourch", "auto"), 1, "torch"),
        (("torch", "auto", "--wait", "soon"), 64, "no time"),
    ],
)
def test_what_makes_no_sense_is_said(
    fleet: Fleet, words: tuple[str, ...], code: int, text: str
) -> None:
    said = fleet.run("mode", *words)
    assert said.code == code
    assert text in said.err


def test_within_an_agent_the_mode_alone_is_enough(fleet: Fleet) -> None:
    said = fleet.run("mode", "manual", expect=0, NOVAORCH_UNIT="web/agent/torch")
    assert "web/agent/torch is to be manual" in said.out


def test_all_agents_of_one_file_are_named(fleet: Fleet) -> None:
    fleet.agent("many", "hello", "replicas: 2")
    fleet.commit()
    said = fleet.run("mode", "many-0", "stopped", expect=0)
    assert "web/many-1, too" in said.out


@needs_store
def test_the_commit_is_seen_to_be_followed(up: Fleet) -> None:
    said = up.run("mode", "torch", "stopped", expect=0)
    assert f"Observed: the daemon follows {head(up)[:12]}; web/agent/torch" in said.out
    up.until(lambda: up.sessions() == set(), "torch ends")
    said = up.run("wake", "torch", expect=3)
    assert "novaorch mode web/torch auto" in said.err
    up.run("mode", "torch", "auto", expect=0)
    up.until(lambda: up.sessions() == {"web/torch"}, "torch runs again")


@needs_store
def test_a_commit_that_is_withheld_is_said(up: Fleet) -> None:
    up.settings("sync: {windows: [{deny: '* * * * *', duration: 1h}]}")
    up.commit("never again")
    up.until(lambda: "never again" in up.run("status").out, "the hours are followed")
    said = up.run("mode", "torch", "manual", "--wait", "1s", expect=1)
    assert "is committed, and not followed" in said.err


@needs_store
def test_waking_is_a_message_of_high_priority(fleet: Fleet) -> None:
    said = fleet.run("wake", "torch", "the tests are green", expect=0)
    assert "novaorch up" in said.out
    (found,) = fleet.run("inbox", "torch", "--json", expect=0).records
    assert (found["priority"], found["body"]) == ("high", "the tests are green")
    assert found["sender"] == "person:Ada"


def test_tasks_are_listed_by_heading(fleet: Fleet) -> None:
    charter = "# Shop\n\n## Now\n\n- [ ] sell\n- [x] buy\n\n"
    charter += "```\n- [ ] no task\n```\n## Later\n* [ ] rest\n"
    fleet.repo.write("web/charter.md", charter)
    fleet.repo.write("ops/charter.md", "# Ops\n- [X] done\n")
    fleet.commit()
    said = fleet.run("tasks", "web", expect=0)
    assert said.out.split("\n") == [
        "web: Shop (2 open, 1 done)",
        "  Now",
        "    [ ] sell",
        "    [x] buy",
        "  Later",
        "    [ ] rest",
        "",
    ]
    rows = fleet.run("tasks", "--json", "--open", expect=0).records
    assert [(row["project"], row["text"], row["section"]) for row in rows] == [
        ("web", "sell", "Now"),
        ("web", "rest", "Later"),
    ]
    inside = fleet.run("tasks", NOVAORCH_UNIT="ops/agent/x", expect=0)
    assert inside.out.startswith("ops: Ops (0 open, 1 done)")
    assert fleet.run("tasks", "nowhere").code == 64
