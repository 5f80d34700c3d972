"""Processes that are killed, stopped or started twice, at moments that nobody chose."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from reconciler.adapters.state import born, holder_pid
from tests.hostile.conftest import Besieged, clear, units

COUNT = 30


def wish(fleet: Besieged, word: str = "a") -> list[str]:
    """Wish for agents and a session with panes; return every unit that must run then."""
    for number in range(COUNT):
        fleet.sleeper(f"a{number}", f"env: {{WORD: {word}}}")
    fleet.session(
        "main",
        "windows:",
        "- {name: w, layout: tiled, panes: [{command: [sleep, '90000']}, {agent: a0}]}",
    )
    fleet.commit(f"Wish for {word}")
    return sorted(["web/session/main/w.0", *(f"web/agent/a{n}" for n in range(COUNT))])


def killed_applies(fleet: Besieged, times: int, seed: int) -> None:
    """Kill -9 an apply at random moments, each of a wish of its own; then one apply converges."""
    chance = random.Random(seed)
    wanted: list[str] = []
    for number in range(times):
        wanted = wish(fleet, f"w{number % 3}")
        child = fleet.start("apply")
        time.sleep(chance.uniform(0.2, 0.9))
        child.kill()
        child.communicate(timeout=20)
        running = units(fleet)
        assert len(set(running)) == len(running), "something runs twice"
    fleet.until(lambda: fleet.run("apply").code == 0, "a plain apply converges")
    assert sorted(units(fleet)) == wanted
    fleet.run("diff", expect=0)


def test_an_apply_that_is_killed(bare: Besieged) -> None:
    killed_applies(bare, 3, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_an_apply_that_is_killed_twenty_times(seed: int, bare: Besieged) -> None:
    killed_applies(bare, 20, seed=100 + seed)


def killed_daemons(fleet: Besieged, times: int, seed: int) -> None:
    chance = random.Random(seed)
    wanted: list[str] = []
    for number in range(times):
        child = fleet.start("run")
        time.sleep(chance.uniform(0.3, 0.6))
        wanted = wish(fleet, f"w{number % 3}")
        time.sleep(chance.uniform(0.0, 0.5))
        child.kill()
        child.communicate(timeout=20)
        running = units(fleet)
        assert len(set(running)) == len(running), "something runs twice"
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.run("status").code == 0, "the next daemon converges")
    assert sorted(units(fleet)) == wanted
    fleet.run("diff", expect=0)


def test_a_daemon_that_is_killed(fleet: Besieged) -> None:
    fleet.remove("web/agents/torch.yaml")
    killed_daemons(fleet, 2, seed=1)


def test_two_applies_at_once_start_nothing_twice(bare: Besieged) -> None:
    wanted = wish(bare)
    children = [bare.start("apply") for _ in range(3)]
    for child in children:
        out, _ = child.communicate(timeout=60)
        assert child.returncode in (0, 1), out
        assert "Traceback" not in out
    bare.until(lambda: bare.run("apply").code == 0, "all is well")
    assert sorted(units(bare)) == wanted


def test_a_stopped_daemon_catches_up_with_many_commits(live: Besieged) -> None:
    live.run("up", expect=0)
    live.until(lambda: live.run("status").code == 0, "all is well")
    torch, pid = live.pids()["web/torch"], holder_pid(live.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    for number in range(12):
        live.sleeper("anvil", f"env: {{N: '{number}'}}")
        live.commit()
    live.remove("web/agents/anvil.yaml")
    live.sleeper("lamp")
    live.commit()
    os.kill(pid, signal.SIGCONT)
    live.until(lambda: live.sessions() == {"web/torch", "web/lamp"}, "only the last wish counts")
    assert live.pids()["web/torch"] == torch
    assert "anvil" not in live.log()


def test_a_plan_that_was_saved_by_a_process_that_died(fleet: Besieged, tmp_path: Path) -> None:
    """A lock of a dead process is nobody's lock; half a plan is no plan."""
    plan = tmp_path / "plan"
    fleet.run("diff", "--out", str(plan), expect=2)
    whole = plan.read_bytes()
    for cut in (b"", whole[:40], whole[:-20], b"\xff" * 100, b"[" * 100_000, b"null", b"[]"):
        plan.write_bytes(cut)
        assert "fix:" in clear(fleet.run("apply", str(plan), expect=64))
    fleet.state.make()
    for lock in (b"", b"{", b'{"pid": 1, "born": "x", "since": 0}', b"[" * 5000, b"\xff"):
        fleet.state.lock.write_bytes(lock)
        clear(fleet.run("status", expect=1))
    fleet.run("apply", expect=0)


# -- the ground moves under a daemon ---------------------------------------------------------------


@pytest.fixture
def up(live: Besieged) -> Besieged:
    live.settings("sync: {poll: 200ms}")
    live.commit()
    live.run("up", expect=0)
    live.until(lambda: live.run("status").code == 0, "all is well")
    return live


def test_a_repository_that_is_moved_away_and_back(up: Besieged, tmp_path: Path) -> None:
    """Whether it follows the folder or misses it: nothing that runs is touched."""
    before = up.pids()
    away = tmp_path / "elsewhere"
    up.repo.path.rename(away)
    time.sleep(0.6)
    assert up.pids() == before
    assert not list(up.repo.path.rglob("*")), "nothing is made where it was"
    away.rename(up.repo.path)
    up.sleeper("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    assert before.items() <= up.pids().items()


@pytest.mark.parametrize(
    "how", ["deleted branch", "unborn", "HEAD garbage", "objects gone", "packed garbage"]
)
def test_a_repository_that_breaks_under_a_daemon(how: str, up: Besieged) -> None:
    before, log = up.pids(), up.log()
    git = up.repo.path / ".git"
    good = up.repo.git("rev-parse", "HEAD")
    if how == "deleted branch":
        up.repo.git("update-ref", "-d", "refs/heads/main")
    elif how == "unborn":
        up.repo.git("symbolic-ref", "HEAD", "refs/heads/fresh")
    elif how == "HEAD garbage":
        (git / "HEAD").write_bytes(b"\xff\0garbage")
    elif how == "packed garbage":
        (git / "refs/heads/main").unlink()
        (git / "packed-refs").write_bytes(b"\xffgarbage\n")
    else:
        up.repo.git("commit", "-q", "--allow-empty", "-m", "x")
        (git / "objects").rename(git / "gone")
        (git / "objects").mkdir()
    up.until(lambda: up.log() != log, "the daemon noticed")
    time.sleep(0.3)
    assert up.pids() == before
    assert "defect" not in up.log()
    (git / "packed-refs").unlink(missing_ok=True)
    if how == "objects gone":
        (git / "objects").rmdir()
        (git / "gone").rename(git / "objects")
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text(f"{good}\n")
    up.until(lambda: up.run("status").code == 0, "all is well again")
    up.sleeper("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    assert before.items() <= up.pids().items()


def test_a_wiped_state_folder_makes_no_two_daemons(live: Besieged, stage: Path) -> None:
    """Whether the first takes its lock anew or the second does: one of them goes on, alone."""
    up = live
    up.settings("sync: {poll: 200ms}", "store: {url: 'unix:///nonexistent/store.sock'}")
    up.commit()
    up.run("up", expect=0)
    up.until(lambda: up.run("status").code == 0, "all is well")
    before = up.pids()
    # The daemon writes there meanwhile: what is left is what it made anew.
    shutil.rmtree(stage / "state", ignore_errors=True)
    up.until(lambda: holder_pid(up.state.lock) is not None, "the daemon takes its lock anew")
    first = holder_pid(up.state.lock)
    assert "Up already" in up.run("up", expect=0).out
    up.state.lock.unlink()
    child = up.start("run")
    up.until(lambda: holder_pid(up.state.lock) is not None, "one of both has it")
    up.until(lambda: child.poll() is not None or not born(first or 0), "the other one ends")
    assert up.pids() == before
    up.sleeper("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    assert len(units(up)) == 2


def test_a_force_push_back_while_it_runs(up: Besieged) -> None:
    old = up.repo.git("rev-parse", "HEAD")
    torch = up.pids()["web/torch"]
    up.sleeper("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    up.repo.git("update-ref", "refs/heads/main", old)
    up.until(lambda: "rewound or rewritten" in up.log(), "the daemon holds it")
    assert up.sessions() == {"web/torch", "web/anvil"}
    word = up.run("diff", expect=2).out.rpartition("--confirm ")[2].split()[0]
    up.run("apply", "--confirm", word, expect=0)
    up.until(lambda: up.sessions() == {"web/torch"}, "anvil is gone")
    assert up.pids()["web/torch"] == torch


def test_a_fleet_that_takes_another_name_under_a_daemon(up: Besieged) -> None:
    """Its lock, store and marks are those of the old name: nothing is made under the new one."""
    before, log = up.pids(), up.log()
    path = up.repo.path / "desired-state/fleet.yaml"
    good = path.read_text()
    path.write_text(good.replace("{name: demo}", "{name: other}"))
    up.commit()
    up.until(lambda: up.log() != log, "the daemon noticed")
    time.sleep(0.4)
    assert "this daemon keeps demo" in up.log()
    assert not list(up.state.root.parent.glob("other-*"))
    assert up.pids() == before
    path.write_text(good)
    up.commit()
    up.until(lambda: up.run("status").code == 0, "all is well again")
    assert up.pids() == before


@pytest.mark.long
def test_a_server_that_hangs_under_a_daemon(up: Besieged) -> None:
    before = up.pids()
    server = int(up.tmux("display-message", "-p", "#{pid}"))
    os.kill(server, signal.SIGSTOP)
    try:
        up.sleeper("anvil")
        up.commit()
        up.until(lambda: "does not answer" in up.log(), "the daemon says so")
    finally:
        os.kill(server, signal.SIGCONT)
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    assert before.items() <= up.pids().items()
    up.until(lambda: up.run("status").code == 0, "all is well again")
    running = units(up)
    assert len(set(running)) == len(running)


@pytest.mark.long
def test_a_server_that_dies_under_a_daemon_again_and_again(up: Besieged) -> None:
    for _ in range(3):
        os.kill(int(up.tmux("display-message", "-p", "#{pid}")), signal.SIGKILL)
        up.until(lambda: up.sessions() == {"web/torch"}, "torch runs again")
    up.until(lambda: up.run("status").code == 0, "all is well again")
    assert units(up) == ["web/agent/torch"]


def test_commits_faster_than_anybody_can_follow(up: Besieged) -> None:
    torch = up.pids()["web/torch"]
    for number in range(40):
        up.sleeper("anvil", f"env: {{N: '{number}'}}")
        up.commit()
    up.until(lambda: up.run("diff").code == 0, "what runs is what is wished for")
    assert up.pids()["web/torch"] == torch
    pid = up.pids()["web/anvil"]
    assert b"N=39" in Path(f"/proc/{pid}/environ").read_bytes()


# -- 29: agents that do not want to end ------------------------------------------------------------

STUBBORN = {
    "ignores TERM": "trap '' TERM HUP INT QUIT; while :; do sleep 0.1; done",
    "double fork": "setsid sh -c 'echo $$ >\"$HOME\"/escaped; exec sleep 4242' & exec sleep 86400",
    "zombies": "for i in 1 2 3; do sh -c 'exit 0' & done; exec sleep 86400",
    "ends at once": "exit 0",
    "kills its group": "trap '' TERM; kill 0; while :; do sleep 0.1; done",
    "stops itself": "kill -STOP $$; exec sleep 86400",
}


@pytest.mark.parametrize("how", STUBBORN)
def test_an_agent_that_does_not_want_to_end(how: str, live: Besieged, stage: Path) -> None:
    text = "apiVersion: novaorch/v1\nkind: Agent\nspec:\n  command: [sh, -c, {}]\n"
    quoted = "'" + STUBBORN[how].replace("'", "''") + "'"
    stop = "  stop: {grace: 200ms}\n  restart: {policy: never}\n"
    live.repo.write("web/agents/stubborn.yaml", text.format(quoted) + stop)
    live.commit()
    torch, first = live.pids()["web/torch"], ""
    clear(live.run("apply"))
    first = live.pids().get("web/stubborn", "")
    live.repo.write("web/agents/stubborn.yaml", text.format("sleep 86400") + stop)
    live.commit("Let it be another")
    try:
        live.until(lambda: live.run("apply").code == 0, "it is another")
        assert live.sessions() == {"web/torch", "web/stubborn"}
        assert live.pids()["web/torch"] == torch
        assert live.pids()["web/stubborn"] != first
        assert not born(int(first)) if first else True
    finally:
        escaped = stage / "home/escaped"
        if escaped.exists():
            os.kill(int(escaped.read_text()), signal.SIGKILL)
