"""Agents' runs as a person judges them: the real command on a real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.core.trailers import compose
from reconciler.model.ids import UnitId
from reconciler.model.training import Turn
from tests.e2e.conftest import Fleet, needs_store

AGENT = {
    "GIT_AUTHOR_NAME": "torch",
    "GIT_AUTHOR_EMAIL": "torch.web@agents.novaorch.localhost",
    "GIT_COMMITTER_NAME": "novaorch",
    "GIT_COMMITTER_EMAIL": "novaorch@localhost",
}


class Studio:
    """A fleet whose agent has worked; its tree lies beside the repository."""

    def __init__(self, fleet: Fleet, *lines: str) -> None:
        self.fleet, self.repo = fleet, fleet.repo
        self.tree = fleet.repo.path.parent / "tree of torch"
        self.turns = 0
        fleet.agent("torch", "hello", *lines)
        (self.repo.path / "app.txt").write_text("one\ntwo\nthree\n")
        self.base = fleet.commit("begin")

    def begin(self, run: int = 1) -> None:
        branch = f"training/web/torch/{run}"
        if self.tree.exists():
            self.at("switch", "--quiet", "-c", branch, "main")
        else:
            self.repo.git("worktree", "add", "--quiet", "-b", branch, str(self.tree), "main")
        self.run = run

    def at(self, *words: str) -> str:
        return self.repo.git("-C", str(self.tree), *words, given=b"", ok=True, **AGENT)

    def work(self, path: str, text: str) -> str:
        self.turns += 1
        (self.tree / path).write_text(text)
        turn = Turn(UnitId("web/agent/torch"), 0, f"Write {path}", "write it", model="opus")
        self.at("add", "--all")
        self.at("commit", "--quiet", "-m", compose(turn, self.run, self.turns))
        return self.at("rev-parse", "HEAD")

    def tip(self, rev: str = "main") -> str:
        return self.repo.git("rev-parse", "--verify", "--quiet", rev, ok=False)


def gate(*commands: list[str]) -> str:
    return f"workspace: {{base: main, gate: {json.dumps(commands)}}}"


@pytest.fixture
def studio(fleet: Fleet) -> Studio:
    made = Studio(fleet, gate(["sh", "-c", "echo looking; test ! -e broken && test ! -e .git"]))
    made.begin()
    return made


def test_from_the_list_to_the_branch_and_back(studio: Studio) -> None:
    run, fleet = "web/torch/1", studio.fleet
    assert "no work yet" in fleet.run("training", "list", expect=0).out
    first = studio.work("app.txt", "one\ntwo\nTHREE\n")
    second = studio.work("new.txt", "\x1b[31mred\x1b[0m\n")
    (line,) = fleet.run("training", "list", "--json", expect=0).records
    assert (line["v"], line["type"], line["run"], line["state"]) == (1, "run", run, "open")
    assert (line["commits"], line["target"], line["tip"]) == (2, "main", second)

    said = fleet.run("training", "show", "torch", expect=0).out
    assert f"{run}  open, 2 commits" in said
    assert "2 turns, opus" in said
    assert str(studio.tree) in said
    assert "+1 -1        app.txt" in said
    (shown,) = fleet.run("training", "show", "torch", "--json", expect=0).records
    assert [file["path"] for file in shown["files"]] == ["app.txt", "new.txt"]

    patch = fleet.run("training", "diff", "torch", expect=0).out
    assert "+THREE" in patch
    assert "\x1b" not in patch
    assert "new.txt" in fleet.run("training", "diff", "torch", "--stat", expect=0).out
    records = fleet.run("training", "log", "torch", "--json", expect=0).records
    assert [one["commit"] for one in records] == [second, first]
    assert [one["turn"] for one in records] == [2, 1]

    done = fleet.run("training", "promote", "torch", expect=0).out
    assert "gate: sh -c" in done
    assert "looking" in done
    assert (studio.repo.path / "app.txt").read_text() == "one\ntwo\nTHREE\n"
    assert studio.repo.git("status", "--porcelain") == ""
    result = studio.tip()
    assert f"git revert {result[:12]}" in done
    assert "1 run ended" in fleet.run("training", "list", expect=0).out
    everything = fleet.run("training", "list", "--all", expect=0).out
    assert f"as {result[:12]} by Ada" in everything
    assert "promoted before" in fleet.run("training", "promote", "torch", expect=0).out
    assert studio.tip() == result
    shown_again = fleet.run("training", "show", "torch/1", expect=0).out
    assert "promoted as" in shown_again
    studio.repo.git("revert", "--no-edit", result[:12])
    assert (studio.repo.path / "app.txt").read_text() == "one\ntwo\nthree\n"


def test_a_gate_that_says_no(studio: Studio) -> None:
    studio.work("broken", "x\n")
    said = studio.fleet.run("training", "promote", "torch", expect=3)
    assert "looking" in said.out
    assert "its exit code is 1" in said.err
    assert "skip" not in said.err
    assert studio.tip() == studio.base
    studio.fleet.run("training", "promote", "torch", "--skip-gate", "I looked", expect=0)
    archive = studio.tip("refs/novaorch/archive/web/torch/1")
    assert "skipped: I looked" in studio.repo.git("log", "-1", "--format=%B", archive)


def test_dirty_files_are_left_alone_and_the_way_out_works(studio: Studio) -> None:
    studio.work("app.txt", "one\ntwo\nTHREE\n")
    (studio.repo.path / "app.txt").write_text("mine\n")
    said = studio.fleet.run("training", "promote", "torch", expect=3)
    assert "app.txt" in said.err
    assert (studio.repo.path / "app.txt").read_text() == "mine\n"
    command = said.err.partition("put them aside (")[2].partition(")")[0]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    studio.fleet.run("training", "promote", "torch", expect=0)


@needs_store
def test_a_conflict_is_told_to_the_agent(studio: Studio) -> None:
    fleet = studio.fleet
    studio.work("app.txt", "one\ntwo\nTHREE\n")
    (studio.repo.path / "app.txt").write_text("one\ntwo\ndrei\n")
    tip = fleet.commit("drei")
    said = fleet.run("training", "promote", "torch", expect=3)
    assert "both changed app.txt" in said.err
    assert "web/torch is told" in said.out
    assert studio.tip() == tip
    inbox = fleet.run("inbox", "torch", expect=0).out
    assert "git merge main" in inbox
    assert "with main in 1 path" in fleet.run("training", "list", expect=0).out
    assert "app.txt" in fleet.run("training", "show", "torch", expect=0).out
    again = fleet.run("training", "promote", "torch", expect=3)
    assert again.out == said.out, "told once"


def test_without_a_store_the_words_for_the_agent_are_shown(studio: Studio) -> None:
    fleet = studio.fleet
    fleet.settings("store: {url: 'redis://127.0.0.1:1'}")
    fleet.commit("a store that is not there")
    studio.work("new.txt", "1\n")
    said = fleet.run("training", "reject", "torch", "--reason", "no tests", expect=0)
    assert "could not be told" in said.err
    assert "was rejected by Ada: no tests" in said.err


def test_rejected_told_and_promoted_after_all(studio: Studio) -> None:
    fleet = studio.fleet
    tip = studio.work("new.txt", "1\n")
    said = fleet.run("training", "reject", "torch", "--reason", "no tests", expect=0)
    assert "is rejected, and kept" in said.out
    line = next(r for r in fleet.run("training", "list", "--all", "--json").records)
    assert (line["state"], line["why"], line["tip"]) == ("rejected", "no tests", tip)
    fleet.run("training", "reject", "torch", "--reason", " ", expect=64)
    fleet.run("training", "promote", "web/torch/1", expect=0)
    assert (studio.repo.path / "new.txt").exists()


def test_words_that_mean_no_run(studio: Studio) -> None:
    said = studio.fleet.run("training", "show", "anvil", expect=1)
    assert "there are web/torch/1" in said.err
    said = studio.fleet.run("training", "promote", "torch", "--as", "rebase", expect=64)
    assert "squash, merge, ff" in said.err
    said = studio.fleet.run("training", "promote", "torch", "--into", "release", expect=3)
    assert "nothing in" in said.err
    studio.work("x", "x\n")
    said = studio.fleet.run("training", "promote", "torch", "--into", "release", expect=3)
    assert "git branch release" in said.err
    studio.repo.git("branch", "release")
    studio.fleet.run("training", "promote", "torch", "--into", "release", expect=0)
    assert studio.tip("release") != studio.base == studio.tip()
    said = studio.fleet.run("training", "promote", "torch", "--push", expect=0)


def test_push_without_a_remote_says_so(studio: Studio) -> None:
    studio.work("x", "x\n")
    said = studio.fleet.run("training", "promote", "torch", "--push", expect=3)
    assert "fleet.yaml names none" in said.err


def test_no_agent_judges_its_own_work(studio: Studio) -> None:
    studio.work("x", "x\n")
    for words in (["promote", "torch"], ["reject", "torch", "--reason", "x"]):
        said = studio.fleet.run(
            "training", *words, expect=3, NOVAORCH_TOKEN="stolen", NOVAORCH_FLEET="demo"
        )
        assert "env -u NOVAORCH_TOKEN" in said.err
    assert studio.tip() == studio.base


def test_a_gate_finds_no_secret_and_leaves_nothing(fleet: Fleet, tmp_path: Path) -> None:
    found = tmp_path / "found"
    look = f"import os; open({str(found)!r}, 'w').write(os.getcwd() + repr(dict(os.environ)))"
    studio = Studio(fleet, gate([sys.executable, "-c", look]))
    studio.begin()
    studio.work("x", "x\n")
    fleet.run("training", "promote", "torch", expect=0, ANTHROPIC_API_KEY="sk-ant-1234")
    said = found.read_text()
    assert "sk-ant" not in said
    assert "NOVAORCH_RUN" in said
    assert not Path(said.partition("{")[0]).exists()


def test_a_fleet_that_cannot_be_read_still_lists_its_runs(studio: Studio) -> None:
    studio.work("x", "x\n")
    studio.repo.write("fleet.yaml", "kind: [")
    studio.fleet.commit("broken")
    said = studio.fleet.run("training", "list", expect=0)
    assert "web/torch/1" in said.out
    assert "note:" in said.err


def test_from_within_the_agents_tree_it_is_the_same_repository(studio: Studio) -> None:
    studio.work("x", "x\n")
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "training", "list", "--json"],
        cwd=studio.tree, env=dict(os.environ), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [json.loads(line)["run"] for line in done.stdout.splitlines()] == ["web/torch/1"]


def test_a_protected_branch_gets_a_branch_to_merge(fleet: Fleet, tmp_path: Path) -> None:
    """Candidate pushed, merged by people elsewhere, fetched by anybody: archived as theirs."""
    forge = tmp_path / "forge.git"
    fleet.settings(f"remote: {{url: 'file://{forge}', protocols: [file]}}")
    studio = Studio(fleet, gate(["true"]))
    studio.repo.git("clone", "--quiet", "--bare", str(studio.repo.path), str(forge))
    hook = forge / "hooks" / "update"
    hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/main\n')
    hook.chmod(0o755)
    studio.begin()
    studio.work("new.txt", "1\n")
    said = fleet.run("training", "promote", "torch", "--push", expect=0).out
    assert "novaorch/promote/web/torch/1" in said
    assert studio.tip() == studio.base
    assert "waits to be merged" in fleet.run("training", "list", expect=0).out
    hook.unlink()
    clone = tmp_path / "clone"
    git = studio.repo.git
    git("clone", "--quiet", str(forge), str(clone))
    git("-C", str(clone), "merge", "--quiet", "--no-ff", "origin/novaorch/promote/web/torch/1")
    git("-C", str(clone), "push", "--quiet", "origin", "HEAD:main")
    git("pull", "--quiet", "--ff-only", str(forge), "main")
    assert "is in main already" in fleet.run("training", "list", expect=0).out
    done = fleet.run("training", "promote", "torch", expect=0).out
    assert "promoted by people" in done
    (line,) = fleet.run("training", "list", "--all", "--json", expect=0).records
    assert (line["state"], line["result"]) == ("promoted", studio.tip())
