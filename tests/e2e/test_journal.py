"""Whatever was done can be asked for: why, events, history, and whether all of it is true."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from reconciler.adapters.git.refnames import own_ref
from tests.e2e.conftest import Fleet, needs_store

REF = own_ref("journal", os.uname().nodename)
TORCH = "web/agent/torch"


def begun(fleet: Fleet) -> str:
    fleet.agent("torch", "hello", "env: {PLACE: a-place-nobody-may-know}")
    commit = fleet.commit("Add torch")
    fleet.run("apply", expect=0)
    return commit


def test_why_names_commit_author_place_and_what_was_done(fleet: Fleet) -> None:
    first = begun(fleet)
    said = fleet.run("why", "torch", expect=0).out
    assert said.startswith(f"{TORCH}  there since record 1, as commit {first[:12]} asks\n")
    assert "start, absent: done" in said
    assert f'commit {first[:12]} "Add torch" by Ada <ada@example.org>' in said
    assert re.search(r"declared +desired-state/web/agents/torch.yaml:\d+", said)

    fleet.agent("torch", "other", "env: {PLACE: another-secret-place}")
    second = fleet.commit("Change torch")
    fleet.run("apply", expect=0)
    told = fleet.run("why", TORCH, "--live", expect=0).out
    quick = fleet.run("why", "agent/torch", expect=0).out
    assert told.startswith(quick)
    assert "now       running, ready True" in told
    assert f"commit {second[:12]}" in quick
    assert "command: wanted" in quick or "restart, drained" in quick
    changes = [event.get("changes", []) for event in fleet.run("events", "--json").records]
    assert "command" in [name for change in changes for name, _, _ in change]
    past = fleet.run("why", "torch", "--at", "1m ago").out
    assert past == ""
    assert fleet.run("why", "nobody").code == 1
    assert fleet.run("why", "torch", "--at", "whenever").code == 64


def test_nothing_secret_is_in_any_object_of_the_repository_that_git_keeps_for_us(
    fleet: Fleet,
) -> None:
    begun(fleet)
    fleet.agent("torch", "hello", "env: {PLACE: another-secret-place}")
    fleet.commit()
    fleet.run("apply", expect=0)
    names = fleet.repo.git("rev-list", "--objects", REF).split("\n")
    every = "\n".join(
        fleet.repo.git("cat-file", "-p", name.split(" ")[0]) for name in names if name
    )
    assert "env.PLACE" in every
    assert len(re.findall("«masked [0-9a-f]{4}»", every)) >= 2
    assert "a-place-nobody-may-know" not in every
    assert "another-secret-place" not in every


def test_events_and_history_tell_everything_and_verify_believes_it(fleet: Fleet) -> None:
    first = begun(fleet)
    fleet.remove("web/agents/torch.yaml")
    fleet.agent("anvil")
    second = fleet.commit("Anvil for torch")
    fleet.run("apply", expect=0)
    said = fleet.run("events", expect=0).out.splitlines()
    assert f"start {TORCH}" in re.sub(" +", " ", said[0])
    assert any("stop" in line and TORCH in line for line in said[1:])
    assert all("anvil" in line for line in fleet.run("events", "anvil").out.splitlines())
    assert fleet.run("events", "--since", "1s ago").code == 0
    history = fleet.run("history", "--json", expect=0).records
    assert [entry["commit"] for entry in history] == [first, second]
    assert history[1]["failed"] == 0
    assert "gone since record" in fleet.run("why", "torch", expect=0).out
    verified = fleet.run("verify", "--json", expect=0).records
    assert verified[-1]["findings"] == 0
    assert fleet.run("verify", expect=0).out.startswith("Sound: ")


def test_all_of_it_works_when_desired_state_is_broken(fleet: Fleet) -> None:
    begun(fleet)
    fleet.repo.write("fleet.yaml", "kind: [\n")
    fleet.commit("Break it")
    for words in (("history",), ("events",), ("verify",), ("why", "torch")):
        said = fleet.run(*words)
        assert said.code == 0, said.err
        assert said.out


def test_a_journal_that_was_tampered_with_is_not_sound(fleet: Fleet) -> None:
    begun(fleet)
    fleet.agent("anvil")
    fleet.commit()
    fleet.run("apply", expect=0)
    fleet.repo.git("update-ref", REF, f"{REF}~1")
    said = fleet.run("verify")
    assert said.code == 1
    assert "record 2 " in said.out
    assert "cut off" in said.out
    assert said.out.splitlines()[-1] == "Not sound: 1 finding in 1 record."


@needs_store
def test_the_store_remembers_what_was_cut_off_and_forgotten_here(fleet: Fleet) -> None:
    begun(fleet)
    daemon = fleet.start("run")
    for name in ("anvil", "bellows"):
        fleet.agent(name)
        fleet.commit()
        fleet.until(lambda name=name: f"web/{name}" in fleet.sessions(), name)  # type: ignore[misc]
    fleet.until(lambda: "Sound: 3 " in fleet.run("verify").out, "three records")
    daemon.terminate()
    assert daemon.wait(30) == 0
    fleet.repo.git("update-ref", REF, f"{REF}~1")
    (fleet.state.root / "journal.tip").unlink()
    said = fleet.run("verify")
    assert said.code == 1
    assert "record 3 " in said.out


def test_events_follow_what_the_daemon_does(fleet: Fleet) -> None:
    begun(fleet)
    follower = fleet.start("events", "-f")
    daemon = fleet.start("run")
    assert follower.stdout is not None
    assert TORCH in follower.stdout.readline()
    fleet.agent("anvil")
    fleet.commit()
    assert "web/agent/anvil" in follower.stdout.readline()
    fleet.tmux("kill-session", "-t", "=web/anvil")
    assert "observed" in follower.stdout.readline()
    assert "start" in follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    daemon.terminate()
    assert daemon.wait(30) == 0
    assert follower.wait(30) == 130
    assert fleet.run("verify", expect=0).out.startswith("Sound: 3 records")


DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from reconciler.wiring import Wiring
from tests.adapters.journal_contract import deed, record
wiring = Wiring(Path({repo!r}))
fleet = wiring.wishes.read().fleet
wiring.state(fleet).make()
journal = wiring.chronicle(fleet).journal
journal.intend(record(deed(), subject="cut short"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_between_intent_and_end_is_in_the_journal(fleet: Fleet) -> None:
    fleet.agent("torch")
    fleet.commit("Add torch")
    root = str(Path(__file__).resolve().parents[2])
    code = DIES.format(root=root, repo=str(fleet.repo.path))
    died = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    fleet.run("apply", expect=0)
    first, *rest = fleet.run("events", "--json", expect=0).records
    assert first["interrupted"]
    assert first["error"].startswith("interrupted")
    assert rest[-1]["verb"] == "start"
    assert fleet.run("verify", expect=0).out.startswith("Sound: 2 records")
