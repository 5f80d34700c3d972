"""The daemon: a commit appears, a change restarts, a revert goes; and it ends without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from reconciler.adapters.state import holder_pid
from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.redis_store import connect
from reconciler.wiring import Wiring
from tests.e2e.conftest import Fleet, needs_store


def test_commit_change_revert(up: Fleet) -> None:
    up.run("hooks", "install", expect=0)
    up.agent("anvil", "first")
    up.commit("Wish for anvil")
    up.until(lambda: "first" in up.screen("web/anvil"), "anvil speaks")
    torch = up.pids()["web/torch"]

    up.agent("anvil", "second")
    up.commit("Let it speak differently")
    up.until(lambda: "second" in up.screen("web/anvil"), "anvil speaks differently")

    up.repo.git("revert", "--no-edit", "HEAD~2..HEAD")
    up.until(lambda: up.sessions() == {"web/torch"}, "anvil is gone")
    assert up.pids()["web/torch"] == torch
    up.run("diff", expect=0)


@pytest.mark.parametrize("how", ["watch", "hook", "poll"])
def test_every_way_to_hear_of_a_commit_is_enough(how: str, fleet: Fleet) -> None:
    """Hooks and watches only shorten the wait: with none of them it polls."""
    fleet.settings("sync: {poll: 500ms}" if how == "poll" else "sync: {poll: 1h}")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    if how == "hook":
        fleet.run("hooks", "install", expect=0)
    fleet.agent("anvil")
    fleet.commit()
    fleet.until(lambda: "web/anvil" in fleet.sessions(), "anvil runs")


def test_a_crash_is_healed(up: Fleet) -> None:
    before = up.pids()["web/torch"]
    os.kill(int(before), signal.SIGKILL)
    up.until(lambda: up.pids().get("web/torch", before) != before, "torch runs again")
    up.until(lambda: up.run("status").code == 0, "and is well")


def test_sigterm_leaves_every_session_running(fleet: Fleet) -> None:
    child = fleet.start("run")
    fleet.until(lambda: "web/torch" in fleet.sessions(), "torch runs")
    before = fleet.pids()
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0, out
    assert "every session goes on" in out
    assert fleet.pids() == before
    fleet.run("diff", expect=0)


def test_kill_9_harms_nobody_and_the_next_daemon_takes_over(up: Fleet) -> None:
    before = up.pids()
    pid = holder_pid(up.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    up.until(lambda: holder_pid(up.state.lock) is None, "the lock is free")
    assert "daemon  not running" in up.run("status", expect=0).out
    assert "Up:" in up.run("up", expect=0).out
    up.agent("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    assert up.pids()["web/torch"] == before["web/torch"]


def test_up_twice_and_down_twice(up: Fleet) -> None:
    assert "Up already" in up.run("up", expect=0).out
    before = up.pids()
    assert "ended; every session goes on" in up.run("down", expect=0).out
    assert "No daemon was running" in up.run("down", expect=0).out
    assert up.pids() == before


def test_a_second_daemon_is_refused(up: Fleet) -> None:
    said = up.run("run", expect=5)
    assert "novaorch down" in said.err


def test_apply_hands_over_to_the_daemon(up: Fleet) -> None:
    pid = holder_pid(up.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the commit is not its work already
    up.agent("anvil")
    up.commit()
    child = up.start("apply")
    assert child.stdout is not None
    line = next(line for line in child.stdout if line.startswith("Handed over"))
    assert str(pid) in line
    assert up.sessions() == {"web/torch"}
    os.kill(pid, signal.SIGCONT)
    assert child.wait(timeout=30) == 0
    assert up.sessions() == {"web/torch", "web/anvil"}


def test_apply_of_something_else_than_the_branch_is_refused_while_it_runs(up: Fleet) -> None:
    up.agent("anvil")
    up.run("apply", "--worktree", expect=5)
    up.run("apply", "--rev", "HEAD", expect=5)
    assert up.sessions() == {"web/torch"}


def test_a_broken_file_holds_its_unit_and_the_rest_converges(up: Fleet) -> None:
    before = up.pids()["web/torch"]
    up.repo.write("web/agents/torch.yaml", "apiVersion: novaorch/v1\nkind: Agent\nspec: {{\n")
    up.agent("anvil")
    up.commit("A mistake, and something good")
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    time.sleep(0.2)
    assert up.pids()["web/torch"] == before
    status = up.run("status", expect=1).out
    assert "web/agents/torch.yaml" in status + up.run("validate", expect=1).err


@pytest.mark.parametrize("how", ["folder deleted", "fleet.yaml broken", "branch rewound"])
def test_nothing_stops_because_the_wish_cannot_be_read(how: str, up: Fleet) -> None:
    before, seen = up.pids(), up.log()
    good = up.repo.git("rev-parse", "HEAD")
    if how == "folder deleted":
        up.repo.git("rm", "-r", "-q", "desired-state")
        up.repo.git("commit", "-q", "-m", "Oops")
    elif how == "fleet.yaml broken":
        up.repo.write("fleet.yaml", "kind: [\n")
        up.commit("Oops")
    else:
        empty = up.repo.git("commit-tree", "-m", "Oops", up.repo.git("mktree"))
        up.repo.git("update-ref", "refs/heads/main", empty)
    up.until(lambda: up.log() != seen, "the daemon noticed")
    time.sleep(0.2)
    assert up.pids() == before
    up.repo.git("update-ref", "refs/heads/main", good)
    up.until(lambda: up.run("status").code == 0, "all is well again")
    assert up.pids() == before


@needs_store
def test_a_killed_store_is_said_and_costs_nothing(up: Fleet) -> None:
    up.until(lambda: "store   redis" in up.run("status").out, "the store answers")
    store = EmbeddedServer(up.state, os.environ)
    pid = store._said()["pid"]
    assert isinstance(pid, int)
    up.state.store.chmod(0o500)  # it cannot be started again
    os.kill(pid, signal.SIGKILL)
    up.until(lambda: "store   down" in up.run("status").out, "status says so")
    up.agent("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs all the same")
    up.state.store.chmod(0o700)


@needs_store
def test_down_ends_the_store_when_asked(up: Fleet) -> None:
    up.until(lambda: "store   redis" in up.run("status").out, "the store answers")
    assert "The embedded store ended" in up.run("down", "--store", expect=0).out
    assert "store   down" in up.run("status", expect=0).out


def test_attach_puts_a_terminal_on_the_agent(up: Fleet) -> None:
    outer = ["tmux", "-L", "outer", "-f", "/dev/null"]
    attach = [sys.executable, "-m", "reconciler.cli", "-C", str(up.repo.path), "attach", "torch"]
    command = ["env", "-u", "TMUX", "TERM=screen", *attach]
    try:
        subprocess.run([*outer, "new-session", "-d", "-x", "80", "-y", "24", *command], check=True)
        up.until(lambda: up.tmux("list-clients") != "", "somebody is attached")
    finally:
        subprocess.run([*outer, "kill-server"], check=False, capture_output=True)
    assert "nothing named lamp is running" in up.run("attach", "lamp", expect=1).err


@needs_store
def test_a_word_in_the_store_shortens_the_wait(fleet: Fleet) -> None:
    """Anybody who reaches the store may say it; it carries no news."""
    fleet.settings("sync: {poll: 1h}")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    wiring = Wiring(fleet.repo.path)
    settings = wiring.wishes.read().fleet
    fleet.until(lambda: "running" in fleet.run("status", "--recorded").out, "it was published")
    store = wiring.store(settings, start=False)
    client = connect(store.endpoint)
    client.flushall()
    fleet.until(lambda: bool(client.publish("nova:{demo}:nudge", "look")), "the daemon listens")
    fleet.until(lambda: "running" in fleet.run("status", "--recorded").out, "and published again")
    wiring.close()
