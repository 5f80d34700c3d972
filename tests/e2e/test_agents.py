"""What agents do, as a person sees it: states, the mark of a turn, a limit that is everybody's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Fleet, make, needs_store

__all__ = ["make"]
pytestmark = needs_store


@pytest.fixture
def fleet(make: Callable[[str], Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet that may have fake agents; `python3` is the one of this test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    package = Path(__file__).parents[2]
    monkeypatch.setenv("NOVAORCH_REHEARSAL", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(package))
    return make("demo")


def write(fleet: Fleet, name: str, *lines: str) -> None:
    """Write an agent that pretends; all of them share one account."""
    more = "".join(f"  {line}\n" for line in ("runtime: fake", "account: work", *lines))
    text = f"apiVersion: novaorch/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n{more}"
    fleet.repo.write(f"web/agents/{name}.yaml", text)


def told(fleet: Fleet, name: str) -> dict[str, Any]:
    """Return what status says that an agent does."""
    records = fleet.run("status", "--json").records
    return next(r["agent"] or {} for r in records if r.get("unit") == f"web/agent/{name}")


def say(fleet: Fleet, name: str, text: str) -> None:
    """Type as a person would."""
    socket = ["tmux", "-L", fleet.socket]
    subprocess.run([*socket, "load-buffer", "-b", "t", "-"], input=text, text=True, check=True)
    at = f"=web/{name}:"
    fleet.tmux("paste-buffer", "-p", "-d", "-b", "t", "-t", at, ";", "send-keys", "-t", at, "Enter")


def busy(fleet: Fleet, name: str) -> str:
    return fleet.tmux("display-message", "-p", "-t", f"=web/{name}:", "#{@novaorch_busy}").strip()


def test_a_turn_and_a_limit_are_seen_and_what_begins_waits(fleet: Fleet) -> None:
    write(fleet, "ada", "budget: {usd_per_day: 7}")
    fleet.commit()
    said = fleet.run("diff")
    assert "Budget: up to $7 a day for 1 agent, $7 of it by what this plan starts." in said.out
    fleet.run("up", expect=0)
    fleet.until(lambda: told(fleet, "ada").get("state") == "idle", "ada rests")
    assert "AGENT" in fleet.run("status").out

    say(fleet, "ada", "THINK 3\nSAY done")
    fleet.until(lambda: told(fleet, "ada").get("state") == "busy", "ada works")
    fleet.until(lambda: "in the middle of a turn" in busy(fleet, "ada"), "its pane says so")
    fleet.until(lambda: told(fleet, "ada").get("state") == "idle", "ada rests again")
    fleet.until(lambda: busy(fleet, "ada") == "", "its pane is free")

    say(fleet, "ada", "LIMIT 600")
    fleet.until(lambda: told(fleet, "ada").get("state") == "limited", "ada is limited")
    assert told(fleet, "ada")["until"] > 0
    write(fleet, "bob")
    fleet.commit()
    fleet.until(lambda: "the account work is closed" in fleet.run("status").out, "bob waits")
    assert "held" in fleet.run("diff", expect=2).out
    assert "web/bob" not in fleet.sessions()
    assert "web/ada" in fleet.sessions(), "a limit ends nothing"


def test_a_restarted_daemon_finds_out_again(fleet: Fleet) -> None:
    write(fleet, "ada")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: told(fleet, "ada").get("state") == "idle", "ada rests")
    say(fleet, "ada", "CALL Bash {}")
    fleet.until(lambda: told(fleet, "ada").get("waiting") == "permission", "ada asks")
    fleet.run("down", expect=0)
    fleet.run("up", expect=0)
    fleet.until(lambda: told(fleet, "ada").get("waiting") == "permission", "it still does")
    assert told(fleet, "ada")["why"].startswith(("screen: ", "session-file: "))
