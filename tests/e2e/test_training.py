"""Training with fake agents: turns become commits, whoever is killed; and nothing else changes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters.state import holder_pid
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
from tests.e2e.test_agents import say, told

__all__ = ["make"]
pytestmark = needs_store


@pytest.fixture
def fleet(
    make: Callable[[str], Fleet], stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Fleet:
    """A fleet that may have fake agents; `python3` is the one of this test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("NOVAORCH_REHEARSAL", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("XDG_DATA_HOME", str(stage / "data"))
    return make("demo")


def write(fleet: Fleet, name: str, *lines: str, mode: str = "training", log: str = "") -> None:
    """Write an agent that pretends, and really writes files."""
    script = json.dumps({"writes": True, "asks": [], "log": log})
    behaviour = f"env: {{FAKE_AGENT: '{script}'}}"
    more = ("runtime: fake", f"mode: {mode}", "workspace: {settle: 2s}", behaviour, *lines)
    text = "".join(f"  {line}\n" for line in more)
    head = f"apiVersion: novaorch/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n"
    fleet.repo.write(f"web/agents/{name}.yaml", head + text)


def rests(fleet: Fleet, name: str) -> None:
    fleet.until(lambda: told(fleet, name).get("state") == "idle", f"{name} rests")


def made(fleet: Fleet, name: str, count: int) -> list[str]:
    """Wait until a run has so many commits, and return them."""
    fleet.until(lambda: len(commits(fleet, name)) == count, f"{name} has {count} commits")
    return commits(fleet, name)


def test_three_turns_are_three_signed_commits_and_the_checkout_is_as_it_was(
    fleet: Fleet, tmp_path: Path
) -> None:
    allowed = sign(fleet, tmp_path)
    fleet.repo.write("web/charter.md", "# Web\n\nBe quick.\n")
    charter = fleet.commit("Write a charter")
    write(fleet, "ada")
    desired = fleet.commit("Wish for ada")
    (fleet.repo.path / "notes.txt").write_text("the user's own, in no commit\n")
    before = snapshot(fleet)
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    for number in (1, 2, 3):
        say(
            fleet, "ada", writing(f"poem-{number}.txt", f"line {number}\n", f"Wrote poem {number}.")
        )
        made(fleet, "ada", number)
    found = made(fleet, "ada", 3)
    for number, commit in enumerate(found, 1):
        assert verified(fleet, allowed, commit)
        assert fleet.repo.git("show", "-s", "--format=%an|%cn|%s", commit) == (
            f"ada|novaorch|Wrote poem {number}"
        )
        says = trailers(fleet, commit)
        assert says["Nova-Agent"] == "web/agent/ada"
        assert (says["Nova-Run"], says["Nova-Turn"], says["Nova-Cause"]) == (
            "1",
            str(number),
            "turn",
        )
        assert (says["Nova-Desired"], says["Nova-Charter"]) == (desired, charter)
        assert {"Nova-Conversation", "Nova-Prompt", "Nova-Model", "Nova-Tokens"} <= says.keys()
        files = fleet.repo.git("diff", "--name-only", f"{commit}^", commit)
        assert files == f"poem-{number}.txt"
    assert len({trailers(fleet, one)["Nova-Tokens"] for one in found}) == 3, "each turn's own"
    assert snapshot(fleet) == before
    assert (tree("ada", fleet) / "poem-3.txt").read_text() == "line 3\n"


def test_a_daemon_killed_between_turns_loses_none(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    say(fleet, "ada", writing("one.txt", "1\n", "One."))
    made(fleet, "ada", 1)
    pid = holder_pid(fleet.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    fleet.until(lambda: holder_pid(fleet.state.lock) is None, "the daemon is dead")
    say(fleet, "ada", writing("two.txt", "2\n", "Two."))
    fleet.until((tree("ada", fleet) / "two.txt").exists, "ada goes on without it")
    assert len(commits(fleet, "ada")) == 1
    fleet.run("up", expect=0)
    missed = made(fleet, "ada", 2)[1]
    says = trailers(fleet, missed)
    assert says["Nova-Cause"] == "settled"
    assert fleet.repo.git("show", "-s", "--format=%s", missed) == "Two"
    say(fleet, "ada", writing("three.txt", "3\n", "Three."))
    found = made(fleet, "ada", 3)
    assert trailers(fleet, found[2])["Nova-Cause"] == "turn"
    assert len({trailers(fleet, one)["Nova-Prompt"] for one in found}) == 3


def test_leaving_training_commits_nothing_further(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    say(fleet, "ada", writing("one.txt", "1\n", "One."))
    made(fleet, "ada", 1)
    pids = fleet.pids()
    fleet.run("mode", "ada", "auto", expect=0)
    say(fleet, "ada", writing("two.txt", "2\n", "Two."))
    fleet.until((tree("ada", fleet) / "two.txt").exists, "ada wrote")
    time.sleep(5.0)  # longer than a tree has to rest
    rests(fleet, "ada")
    assert len(commits(fleet, "ada")) == 1
    fleet.run("mode", "ada", "training", expect=0)
    say(fleet, "ada", writing("three.txt", "3\n", "Three."))
    fleet.until((tree("ada", fleet) / "three.txt").exists, "ada wrote")
    fleet.until(lambda: len(commits(fleet, "ada")) >= 2, "ada trains again")
    assert fleet.pids() == pids, "a mode is switched live"


def test_work_is_committed_when_it_is_asked_for(fleet: Fleet) -> None:
    write(fleet, "ada", mode="auto")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    (tree("ada", fleet) / "by-hand.txt").write_text("x\n")
    said = fleet.run("training", "commit", "ada", "-m", "Keep this", expect=0)
    assert f"on {branch('ada')}: 1 file" in said.out
    (one,) = commits(fleet, "ada")
    assert fleet.repo.git("show", "-s", "--format=%s", one) == "Keep this"
    assert trailers(fleet, one)["Nova-Cause"].startswith("asked")
    assert "Nothing has changed" in fleet.run("training", "commit", "ada", expect=0).out
    fleet.run("down", expect=0)
    (tree("ada", fleet) / "again.txt").write_text("y\n")
    assert "Committed as" in fleet.run("training", "commit", "web/ada", expect=0).out
    assert len(commits(fleet, "ada")) == 2


def test_a_commit_of_work_makes_no_pass(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.settings("sync: {poll: 1h}")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")

    def passes() -> float:
        text = fleet.run("metrics", expect=0).out
        lines = [line for line in text.splitlines() if line.startswith("novaorch_reconcile_total")]
        return sum(float(line.split()[-1]) for line in lines)

    before = passes()
    assert before > 0
    for number in range(1, 6):
        say(fleet, "ada", writing(f"{number}.txt", "x\n", "Done."))
        made(fleet, "ada", number)
    assert passes() == before


def test_within_a_work_tree_novaorch_means_the_fleet(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.agent("bob", "hello", "workspace: {}")
    fleet.commit("Wish for both")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    pid = fleet.pids()["web/bob"]
    words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    environ = dict(w.decode().split("=", 1) for w in words if w.startswith(b"NOVAORCH_"))
    assert environ["NOVAORCH_REPOSITORY"] == str(fleet.repo.path)
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "status"],
        cwd=tree("bob", fleet),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "web/agent/ada" in done.stdout, done.stderr


SECRET = "AKIA" + "IOSFODNN7" + "EXAMPLQ"  # in pieces: this file is no leak


def test_what_is_held_back_is_told_once_and_shown(fleet: Fleet, tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    write(fleet, "ada", log=str(truth))
    fleet.settings("sync: {poll: 1s}")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    leak = f"aws_access_key_id = {SECRET}\naws_secret_access_key = {'wJalrXUtnFEMI' * 3}x\n"
    say(fleet, "ada", writing("keys.ini", leak, "Keys.") + "\n" + writing("a.txt", "a\n", "Both."))
    (first,) = made(fleet, "ada", 1)
    assert fleet.repo.git("ls-tree", "--name-only", first).split()[-1] == "desired-state"
    assert SECRET not in fleet.repo.git("log", "--all", "-p", "--format=%B%N")
    rests(fleet, "ada")
    say(fleet, "ada", "SAY I see.")
    fleet.until(lambda: "in none of its commits" in truth.read_text(), "ada is told")
    rests(fleet, "ada")
    say(fleet, "ada", writing("b.txt", "b\n", "More."))
    made(fleet, "ada", 2)
    assert truth.read_text().count("in none of its commits") == 1
    fleet.until(lambda: "keys.ini" in fleet.run("status").out, "people are told")
    assert (tree("ada", fleet) / "keys.ini").read_text() == leak, "it stays where it is"


def test_a_program_without_hooks_is_committed_when_its_tree_rests(fleet: Fleet) -> None:
    script = "echo one >made.txt; sleep 4; echo two >>made.txt; sleep 1000"
    command = json.dumps(["sh", "-c", script])
    text = "apiVersion: novaorch/v1\nkind: Agent\nmetadata: {name: sh}\nspec:\n"
    rest = f"  command: {command}\n  mode: training\n  workspace: {{settle: 2s}}\n"
    fleet.repo.write("web/agents/sh.yaml", text + rest)
    fleet.commit("Wish for a program")
    fleet.run("up", expect=0)
    found = made(fleet, "sh", 2)
    bodies = [fleet.repo.git("show", f"{commit}:made.txt") for commit in found]
    assert bodies == ["one", "one\ntwo"]
    assert {trailers(fleet, one)["Nova-Cause"] for one in found} == {"settled"}


def test_a_turn_that_a_person_broke_off_is_committed(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    say(fleet, "ada", "THINK 2\n" + writing("half.txt", "half\n", "Done."))
    fleet.until((tree("ada", fleet) / "half.txt").exists, "half of it is done")
    fleet.tmux("send-keys", "-t", "=web/ada:", "Escape")
    (one,) = made(fleet, "ada", 1)
    says = trailers(fleet, one)
    assert (says["Nova-Cause"], "Nova-Prompt" in says) == ("settled", True)


def test_a_head_elsewhere_is_shown_and_mended(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.settings("sync: {poll: 1s}")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    place = str(tree("ada", fleet))
    fleet.repo.git("-C", place, "checkout", "-q", "--detach")
    say(fleet, "ada", writing("a.txt", "a\n", "Wrote a."))
    fleet.until(lambda: "could not be committed" in fleet.log(), "it is said")
    fleet.until(lambda: "could not be committed" in fleet.run("status").out, "and shown")
    assert commits(fleet, "ada") == []
    fleet.repo.git("-C", place, "checkout", "-q", branch("ada"))
    rests(fleet, "ada")
    say(fleet, "ada", writing("b.txt", "b\n", "Wrote b."))
    (one,) = made(fleet, "ada", 1)
    assert fleet.repo.git("diff", "--name-only", f"{one}^", one).split() == ["a.txt", "b.txt"]
    fleet.until(lambda: "could not be committed" not in fleet.run("status").out, "it is over")


KILLS = 3


def test_a_daemon_killed_at_any_moment_loses_no_work(fleet: Fleet) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    write(fleet, "ada")
    fleet.commit("Wish for ada")
    fleet.run("up", expect=0)
    rests(fleet, "ada")
    for number in range(KILLS):
        say(fleet, "ada", writing(f"{number}.txt", f"{number}\n", f"Wrote {number}."))
        time.sleep(chance.uniform(0.0, 0.25))
        pid = holder_pid(fleet.state.lock)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        fleet.until(lambda: holder_pid(fleet.state.lock) is None, "the daemon is dead")
        fleet.until((tree("ada", fleet) / f"{number}.txt").exists, "ada goes on without it")
        fleet.run("up", expect=0)
    wanted = {f"{number}.txt" for number in range(KILLS)}

    def kept() -> set[str]:
        said = fleet.repo.git("ls-tree", "--name-only", branch("ada"))
        return wanted & set(said.split())

    fleet.until(lambda: kept() == wanted, "every file is in a commit")
    told_of = [trailers(fleet, one) for one in commits(fleet, "ada")]
    assert [said["Nova-Turn"] for said in told_of] == [
        str(n) for n in range(1, len(told_of) + 1)
    ], "each commit was made once, one after the other"
    changed = [
        fleet.repo.git("diff", "--name-only", f"{c}^", c).split() for c in commits(fleet, "ada")
    ]
    assert sorted(name for names in changed for name in names) == sorted(wanted)
    assert fleet.repo.git("fsck", "--no-dangling") == ""
