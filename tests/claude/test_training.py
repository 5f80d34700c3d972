"""Training with the real client: turns, signed commits, and every line knows its prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.claude.bed import Bed
from tests.claude.binary import VERSIONS
from tests.claude.model import ScriptedModel
from tests.e2e.conftest import Fleet, make, needs_store
from tests.e2e.schooling import (
    branch,
    commits,
    sign,
    snapshot,
    trailers,
    tree,
    verified,
    writing,
)

__all__ = ["make"]
pytestmark = needs_store
OLD = VERSIONS[0]
"""It writes no session files."""


@pytest.fixture(params=VERSIONS)
def bed(
    request: pytest.FixtureRequest,
    make: Callable[[str], Fleet],
    model: ScriptedModel,
    stage: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Bed:
    monkeypatch.setenv("XDG_DATA_HOME", str(stage / "data"))
    return Bed(make("demo"), request.param, model, monkeypatch)


def agent(bed: Bed, name: str, *lines: str) -> None:
    """Write an agent that trains."""
    tools = "tools: [mcp__novaorch, Write, Edit, Bash, Read]"
    more = ("runtime: claude-code", "mode: training", "workspace: {}", tools, *lines)
    text = "".join(f"  {line}\n" for line in more)
    head = f"apiVersion: novaorch/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n"
    bed.fleet.repo.write(f"web/agents/{name}.yaml", head + text)


def turn(bed: Bed, name: str, path: str, content: str, said: str, *more: tuple[str, str]) -> str:
    """Have an agent write a file, and more; return the commit of that turn."""
    before, place = len(commits(bed.fleet, name)), tree(name, bed.fleet)
    files = [writing(str(place / p), text, said) for p, text in ((path, content), *more)]
    bed.send(name, "\n".join(files), "--wait", "read")
    bed.until(lambda: len(commits(bed.fleet, name)) == before + 1, f"{path} is in a commit")
    return commits(bed.fleet, name)[-1]


def assert_walks(said: str, commit: str, desired: str) -> None:
    """Check that the way of a line leads from its commit to the prompt and the wish."""
    for word in (commit[:12], "web/agent/ada", "I wrote poem 2", desired[:12], "opus"):
        assert word in said, said


def test_from_three_turns_to_a_branch_and_back(bed: Bed, tmp_path: Path) -> None:
    fleet = bed.fleet
    allowed = sign(fleet, tmp_path)
    fleet.repo.write("web/charter.md", "# Web\n\nWrite poems.\n")
    charter = fleet.commit("Write a charter")
    agent(bed, "ada")
    desired = fleet.commit("Wish for ada")
    (fleet.repo.path / "notes.txt").write_text("the user's own, in no commit\n")
    before = snapshot(fleet)
    fleet.run("up", expect=0)
    bed.until(lambda: bed.ready("ada"), "ada shows a composer")

    for number in (1, 2, 3):
        turn(bed, "ada", f"poem-{number}.txt", f"line {number}\n", f"I wrote poem {number}.")
    found = commits(fleet, "ada")
    assert snapshot(fleet) == before, "the user's checkout is as it was, to the byte"
    says = [trailers(fleet, one) for one in found]
    for number, (commit, said) in enumerate(zip(found, says, strict=True), 1):
        assert verified(fleet, allowed, commit)
        assert fleet.repo.git("show", "-s", "--format=%an|%cn|%s", commit) == (
            f"ada|novaorch|I wrote poem {number}"
        )
        files = fleet.repo.git("diff", "--name-only", f"{commit}^", commit)
        assert files == f"poem-{number}.txt"
        assert (said["Nova-Agent"], said["Nova-Turn"]) == ("web/agent/ada", str(number))
        assert (said["Nova-Desired"], said["Nova-Charter"]) == (desired, charter)
        assert said["Nova-Cause"] == "turn"
        assert said["Nova-Conversation"] in bed.conversations().values() or bed.version == OLD
        # Two answers: one that uses the tool, one that says so. Each turn has its own, and no more.
        assert said["Nova-Tokens"] == "10 in, 6 out"
        assert float(said["Nova-Cost-USD"]) > 0
        assert said["Nova-Model"].startswith("claude-")
    assert len({said["Nova-Prompt"] for said in says}) == 3

    line = fleet.run("why", "--rev", branch("ada"), "poem-2.txt:1", expect=0)
    assert_walks(line.out, found[1], desired)
    fleet.run("training", "promote", "ada", expect=0)
    assert (fleet.repo.path / "poem-2.txt").read_text() == "line 2\n"
    merged = fleet.repo.git("rev-parse", "main")
    assert fleet.repo.git("diff", "--name-only", f"{desired}", merged).split() == [
        "poem-1.txt",
        "poem-2.txt",
        "poem-3.txt",
    ]
    assert_walks(fleet.run("why", "poem-2.txt:1", expect=0).out, found[1], desired)
    fleet.repo.git("revert", "--no-edit", merged)
    assert not (fleet.repo.path / "poem-2.txt").exists()
    after = snapshot(fleet)
    moved = {".git/index", "refs/heads/main"}
    assert {name for name in before if before[name] != after.get(name)} <= moved
    assert fleet.repo.git("rev-parse", "main^{tree}") == fleet.repo.git(
        "rev-parse", f"{desired}^{{tree}}"
    )


SECRET = "AKIA" + "IOSFODNN7" + "EXAMPLQ"  # in pieces: this file is no leak


def test_an_agent_saves_its_work_and_is_told_what_is_in_no_commit(bed: Bed) -> None:
    agent(bed, "ada")
    bed.up("ada")
    place = tree("ada", bed.fleet)
    half, whole = (str(place / name) for name in ("half.txt", "whole.txt"))
    calls = [
        ("Write", {"file_path": half, "content": "half\n"}),
        ("mcp__novaorch__save_work", {"message": "Half of it"}),
        ("Write", {"file_path": whole, "content": "whole\n"}),
    ]
    lines = [f"CALL {name} {json.dumps(words)}" for name, words in calls]
    bed.send("ada", "\n".join([*lines, "SAY All of it."]), "--wait", "read")
    bed.until(lambda: len(commits(bed.fleet, "ada")) == 2, "what was saved, and the rest")
    first, second = commits(bed.fleet, "ada")
    assert bed.fleet.repo.git("show", "-s", "--format=%s", first) == "Half of it"
    assert bed.fleet.repo.git("diff", "--name-only", first, second) == "whole.txt"
    one, two = (trailers(bed.fleet, commit) for commit in (first, second))
    assert one["Nova-Cause"].startswith("asked")
    assert two["Nova-Cause"] == "turn"
    assert one["Nova-Prompt"] == two["Nova-Prompt"]
    # In the middle of a turn its transcript may be behind: what is not known yet is not said.
    used = [int(said.get("Nova-Tokens", "0").split()[0]) for said in (one, two)]
    assert sum(used) <= 4 * 5, "four answers, none counted twice"

    keys = f"aws_access_key_id = {SECRET}\n"
    turn(bed, "ada", "c.txt", "c\n", "Wrote c.", ("keys.ini", keys))
    assert bed.given("in none of its commits") == 0
    bed.send("ada", "SAY Oh.", "--wait", "read")
    bed.send("ada", "SAY Oh!", "--wait", "read")
    assert bed.given("in none of its commits") == 1
    assert SECRET not in bed.fleet.repo.git("log", "--all", "-p", "--format=%B")


def test_a_command_within_a_work_tree_is_about_the_fleet(bed: Bed) -> None:
    agent(bed, "ada")
    bed.up("ada")
    pids = bed.fleet.pids()
    bed.fleet.tmux("send-keys", "-t", "=web/ada:", "-l", "/nova:auto web/ada")
    bed.until(lambda: "/nova:auto web/ada" in bed.fleet.screen("web/ada"), "it is typed")
    bed.fleet.tmux("send-keys", "-t", "=web/ada:", "Enter")
    bed.until(lambda: bed.given("Observed: the daemon follows") == 1, "its model is told", 60)
    text = bed.fleet.repo.git("show", "main:desired-state/web/agents/ada.yaml")
    assert "  mode: auto\n" in text
    file = tree("ada", bed.fleet) / "later.txt"
    bed.send("ada", writing(str(file), "x\n", "Wrote it."), "--wait", "read")
    bed.until(file.exists, "it goes on")
    assert commits(bed.fleet, "ada") == []
    assert bed.fleet.pids() == pids, "a mode is switched live"
