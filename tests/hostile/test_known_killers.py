"""What ends tmux 3.3a as a whole, with everything in it: novaorch never does it.

A control client is told of a session's new current window a moment after it changed. When the
session is gone by then, the server reads what is no more. So no batch may take the current window
of a session away and then the rest of it.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.hostile.conftest import Besieged, clear

WINDOWS = (
    "windows:",
    "- {name: one, panes: [{command: [sleep, '1001']}, {command: [sleep, '1002']}]}",
    "- {name: two, focus: true, panes: [{command: [sleep, '1003']}]}",
    "- {name: three, panes: [{command: [sleep, '1004']}, {agent: lamp}]}",
)


@pytest.fixture
def rich(live: Besieged) -> Besieged:
    """Torch, and a session of three windows with an agent in it."""
    live.session("main", *WINDOWS)
    live.sleeper("lamp")
    live.commit()
    live.run("apply", expect=0)
    return live


def settle(fleet: Besieged) -> None:
    """Apply, through guards, until nothing is left; the server and torch live through all of it."""
    server = fleet.tmux("display-message", "-p", "#{pid}")
    torch = fleet.pids()["web/torch"]
    for _ in range(6):
        said = fleet.run("apply")
        clear(said)
        assert fleet.tmux("display-message", "-p", "#{pid}", ok=False) == server, said.out
        if said.code == 3:
            word = said.out.rpartition("--confirm ")[2].split()[0]
            said = fleet.run("apply", "--confirm", word)
        assert fleet.tmux("display-message", "-p", "#{pid}", ok=False) == server, said.out
        if said.code == 0:
            break
    assert said.code == 0, said.out
    assert fleet.pids()["web/torch"] == torch


def test_a_session_of_several_windows_is_removed(rich: Besieged) -> None:
    rich.remove("web/sessions/main.yaml", "web/agents/lamp.yaml")
    rich.repo.git("commit", "-q", "-m", "Away with it")
    settle(rich)
    assert rich.sessions() == {"web/torch"}


def test_its_agent_moves_out_while_it_is_removed(rich: Besieged) -> None:
    rich.remove("web/sessions/main.yaml")
    rich.repo.git("commit", "-q", "-m", "Away with it, but not with lamp")
    settle(rich)
    assert rich.sessions() == {"web/torch", "web/lamp"}


def test_it_is_renamed(rich: Besieged) -> None:
    rich.remove("web/sessions/main.yaml")
    rich.session("other", *WINDOWS)
    rich.commit()
    settle(rich)
    assert rich.sessions() == {"web/torch", "web/other"}


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_all_of_its_windows_but_one_go(kept: int, rich: Besieged) -> None:
    rich.session("main", "windows:", WINDOWS[kept + 1])
    rich.commit()
    settle(rich)
    assert "web/main" in rich.sessions()


def test_all_of_its_windows_are_others(rich: Besieged) -> None:
    rich.session("main", "windows:", "- {name: x, panes: [{command: [sleep, '7']}, {agent: lamp}]}")
    rich.commit()
    settle(rich)


def test_it_is_dead_and_made_anew(rich: Besieged) -> None:
    """Every process in it has ended; its shape changes at the same time."""
    for pid in rich.tmux("list-panes", "-s", "-t", "=web/main", "-F", "#{pane_pid}").split():
        os.kill(int(pid), signal.SIGKILL)
    rich.session("main", "windows:", WINDOWS[3], WINDOWS[1])
    rich.commit()
    settle(rich)


def test_its_panes_go_to_agents_of_their_own(rich: Besieged) -> None:
    """What was a Session with two agents becomes two agents alone."""
    rich.session("main", "windows:", "- {name: a, panes: [{agent: lamp}]}", WINDOWS[2])
    rich.commit()
    settle(rich)
    rich.remove("web/sessions/main.yaml")
    rich.repo.git("commit", "-q", "-m", "Alone again")
    settle(rich)
    assert rich.sessions() == {"web/torch", "web/lamp"}
