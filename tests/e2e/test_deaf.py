"""Hooks, watches and tmux events only shorten the wait: each ear alone is enough, and so is none.

The real loop, git and tmux, with ears left out one by one; what is left out is not there at all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.tmux.host import Tmux
from reconciler.adapters.watch import Nudges
from reconciler.loop.cycle import Ports
from reconciler.loop.daemon import Daemon
from reconciler.model.fleet import FleetSettings
from reconciler.wiring import Wiring
from tests.e2e.conftest import Fleet

SOON_S = 0.3

Maker = Callable[[str], Fleet]
EARS = {
    "hook": {"hook"},
    "watch": {"watch"},
    "tmux": {"tmux"},
    "none": set[str](),
}


@contextlib.contextmanager
def listening(fleet: Fleet, ears: set[str]) -> Iterator[None]:
    """Run the real loop with these ears only."""
    wiring = Wiring(fleet.repo.path)
    git = wiring.repository.git_dir if "watch" in ears else None
    nudges = Nudges(wiring.nudge if "hook" in ears else None, git, wiring.repository.common_dir)

    def connect(settings: FleetSettings) -> Ports:
        if "tmux" in ears:
            return wiring.ports(settings, nudges.poke)
        host = Tmux(settings.socket, fleet=settings.name, mode="plain")
        return Ports(host, wiring.wishes, SystemClock())

    daemon = Daemon(
        wishes=wiring.wishes,
        connect=connect,
        trigger=nudges,
        clock=SystemClock(),
        publish=lambda _commit, _statuses, _now: None,
        log=lambda _line: None,
    )
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        yield
    finally:
        nudges.poke("stop")
        thread.join(20)
        alive = thread.is_alive()
        daemon.close()
        nudges.close()
        wiring.close()
        assert not alive, "the loop did not end"


def hear_by(fleet: Fleet, poll: str) -> None:
    fleet.settings(f"sync: {{poll: {poll}}}")
    fleet.agent("torch")
    fleet.commit()


def kill_first(fleet: Fleet) -> Callable[[], bool]:
    before = fleet.pids()["web/torch"]
    os.kill(int(before), signal.SIGKILL)
    return lambda: fleet.pids().get("web/torch", before) != before


@pytest.mark.parametrize("ear", ["hook", "watch", "none"])
def test_a_commit_is_followed_with_one_ear_and_with_none(ear: str, make: Maker) -> None:
    fleet = make("deaf")
    hear_by(fleet, "300ms" if ear == "none" else "1h")
    with listening(fleet, EARS[ear]):
        fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
        if ear == "hook":
            fleet.run("hooks", "install", expect=0)
        fleet.agent("anvil")
        fleet.commit()
        fleet.until(lambda: "web/anvil" in fleet.sessions(), "anvil runs")


@pytest.mark.parametrize("ear", ["tmux", "none"])
def test_a_fall_is_mended_with_one_ear_and_with_none(ear: str, make: Maker) -> None:
    fleet = make("deaf")
    hear_by(fleet, "300ms" if ear == "none" else "1h")
    with listening(fleet, EARS[ear]):
        fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
        time.sleep(SOON_S)
        fleet.until(kill_first(fleet), "torch runs again")


def test_a_fifo_that_was_deleted_costs_only_time(make: Maker) -> None:
    """A byte written to a FIFO that nobody reads any more is lost; the poll finds the commit."""
    fleet = make("deaf")
    hear_by(fleet, "300ms")
    with listening(fleet, {"hook"}):
        fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
        fleet.run("hooks", "install", expect=0)
        Wiring(fleet.repo.path).nudge.unlink()
        fleet.agent("anvil")
        fleet.commit()
        fleet.until(lambda: "web/anvil" in fleet.sessions(), "anvil runs")


def test_a_control_client_that_is_killed_costs_only_time(make: Maker) -> None:
    fleet = make("deaf")
    hear_by(fleet, "300ms")
    with listening(fleet, {"tmux"}):
        fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
        for pid in fleet.tmux("list-clients", "-F", "#{client_pid}", ok=False).split():
            os.kill(int(pid), signal.SIGKILL)
        fleet.until(kill_first(fleet), "torch runs again")
