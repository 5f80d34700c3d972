"""The table of exit codes, and every error with how to mend it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Fleet


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("diff", "--frobnicate"),
        ("diff", "--worktree", "--staged"),
        ("diff", "HEAD", "--worktree"),
        ("diff", ""),
        ("attach",),
        ("apply", "no-such-plan.json"),
        ("schema", "Nothing"),
        ("init", "--name", "Not A Name"),
    ],
)
def test_64_wrong_usage(words: tuple[str, ...], fleet: Fleet) -> None:
    said = fleet.run(*words, expect=64)
    assert said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "revision", ["--upload-pack=x", "-x", "nothing", "HEAD:desired-state", "a..b", "@{u}", "x\ny"]
)
def test_1_a_revision_that_is_none(revision: str, fleet: Fleet) -> None:
    said = fleet.run("diff", "--", revision, expect=1)
    assert "fix:" in said.err
    assert "Traceback" not in said.err


def test_1_no_repository(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "diff"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "fix:" in done.stderr
    assert re.search(r"novaorch .*init", done.stderr)


def test_1_no_commit_yet(fleet: Fleet) -> None:
    fleet.repo.git("checkout", "-q", "--orphan", "fresh")
    said = fleet.run("diff", expect=1)
    assert "no commit yet" in said.err
    fleet.run("diff", "--worktree", expect=2)


def test_1_problems_with_their_places(fleet: Fleet) -> None:
    text = "apiVersion: novaorch/v1\nkind: Agent\nspec: {comand: [a]}\n"
    fleet.repo.write("web/agents/bad.yaml", text)
    fleet.commit()
    said = fleet.run("validate", expect=1)
    assert re.search(r"^desired-state/web/agents/bad\.yaml:3:\d+: error\[", said.err, re.MULTILINE)
    assert "`command`" in said.err  # did you mean
    records = fleet.run("validate", "--json", expect=1).records
    problems = [r for r in records if r["type"] == "problem"]
    assert problems
    assert {"path", "line", "column", "rule", "what", "why", "fix"} <= set(problems[0])


def test_2_and_0_of_diff(fleet: Fleet) -> None:
    fleet.run("diff", expect=2)
    fleet.run("apply", expect=0)
    fleet.run("diff", expect=0)


def test_3_a_guard_refuses_and_prints_what_confirms(fleet: Fleet) -> None:
    names = [f"a{n}" for n in range(8)]
    for name in names:
        fleet.agent(name)
    fleet.commit()
    fleet.run("apply", expect=0)
    fleet.remove(*(f"web/agents/{name}.yaml" for name in names))
    fleet.commit("Away with them")
    before = fleet.pids()

    said = fleet.run("apply", expect=3).out
    assert fleet.pids() == before
    confirm = re.search(r"novaorch (apply --confirm \w+)", said)
    assert confirm is not None
    fleet.run("apply", "--confirm", "deadbeef", expect=3)  # some other word
    assert fleet.pids() == before

    fleet.run(*confirm[1].split(), expect=0)
    assert fleet.sessions() == {"web/torch"}
    fleet.run("diff", expect=0)


@pytest.mark.parametrize("what", ["the folder", "a project"])
def test_3_what_was_deleted_as_a_whole_is_held(what: str, fleet: Fleet) -> None:
    fleet.agent("lamp", project="shop")
    fleet.commit()
    fleet.run("apply", expect=0)
    before = fleet.pids()
    if what == "a project":
        fleet.remove("web")
    else:
        fleet.repo.git("rm", "-r", "-q", "desired-state/web", "desired-state/shop")
    fleet.repo.git("commit", "-q", "-m", "Oops")
    said = fleet.run("apply", expect=3)
    assert "--confirm" in said.out
    assert fleet.pids() == before


def test_4_a_stale_plan(fleet: Fleet, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    fleet.run("diff", "--out", str(plan), expect=2)
    assert json.loads(plan.read_text())["format"] == "novaorch-plan-1"
    fleet.run("apply", str(plan), expect=0)
    said = fleet.run("apply", str(plan), expect=4)
    assert "novaorch diff --out" in said.err


def test_4_the_commit_moved(fleet: Fleet, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    fleet.run("diff", "--out", str(plan), expect=2)
    fleet.agent("torch", "changed meanwhile")
    fleet.commit()
    fleet.run("apply", str(plan), expect=4)
    assert fleet.sessions() == set()


def test_a_saved_plan_is_carried_out_and_nothing_else(fleet: Fleet, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    fleet.run("diff", "--out", str(plan), expect=2)
    fleet.agent("anvil")
    fleet.commit()
    fleet.run("apply", str(plan))
    assert fleet.sessions() == {"web/torch"}


def test_json_is_one_record_a_line(fleet: Fleet) -> None:
    diff = fleet.run("diff", "--json", expect=2).records
    assert [r["type"] for r in diff] == ["plan", "action", "summary"]
    assert {r["v"] for r in diff} == {1}
    applied = fleet.run("apply", "--json", expect=0).records
    assert [r["type"] for r in applied] == ["plan", "action", "summary", "outcome", "result"]
    status = fleet.run("status", "--json", expect=0).records
    assert [r["type"] for r in status] == ["status", "fleet"]


def test_status_1_when_something_is_not_ready(fleet: Fleet) -> None:
    fleet.run("status", expect=1)


def test_a_program_that_is_not_there_is_held_and_the_rest_runs(fleet: Fleet) -> None:
    fleet.repo.write(
        "web/agents/lost.yaml",
        "apiVersion: novaorch/v1\nkind: Agent\nspec: {command: [no-such-program-here]}\n",
    )
    fleet.commit()
    said = fleet.run("apply", expect=1)
    assert "no-such-program-here" in said.out
    assert fleet.sessions() == {"web/torch"}


def test_a_secret_comes_by_reference_and_is_never_printed(fleet: Fleet) -> None:
    fleet.agent("torch", "hello", "secrets: {TOKEN: 'env:MY_TOKEN'}")
    fleet.commit()
    held = fleet.run("apply", expect=1)
    assert "MY_TOKEN" in held.out
    said = fleet.run("apply", expect=0, MY_TOKEN="hunter2secret")
    pid = fleet.pids()["web/torch"]
    assert b"TOKEN=hunter2secret" in Path(f"/proc/{pid}/environ").read_bytes()
    everything = said.out + said.err + fleet.tmux("show-options", "-A", "-t", "=web/torch:")
    everything += fleet.tmux("list-panes", "-a", "-F", "#{pane_start_command}")
    assert "hunter2secret" not in everything


def test_a_pipe_that_closes_is_no_error(fleet: Fleet) -> None:
    done = subprocess.run(
        f"{sys.executable} -m reconciler.cli -C '{fleet.repo.path}' schema Agent | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
