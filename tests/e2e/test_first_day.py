"""The first day with novaorch: init, commit, diff, apply, status, and an empty second diff."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import __version__
from tests.e2e.conftest import Fleet

ROOT = Path(__file__).resolve().parents[2]
CONVERGED = "Nothing to do: what runs is what is wished for."


def test_from_init_to_an_empty_diff(fleet: Fleet) -> None:
    said = fleet.run("init", "--name", "demo", "--project", "shop", "--no-hooks", "--commit")
    assert said.code == 0
    assert "exists  desired-state/fleet.yaml" in said.out

    assert fleet.run("validate", expect=0).out.strip() == "desired-state: valid, 3 units"
    diff = fleet.run("diff", expect=2).out
    assert "+ start    web/agent/torch" in diff
    assert "Plan: 3 to start, 0 to update, 0 to restart, 0 to stop, 0 held." in diff
    assert fleet.sessions() == set()  # a diff does nothing

    said = fleet.run("apply", expect=0)
    assert said.out.startswith(diff)  # the diff is the apply
    assert "Converged" in said.out
    assert fleet.sessions() == {"web/torch", "shop/main"}

    assert fleet.run("diff", expect=0).out.strip() == CONVERGED
    status = fleet.run("status", expect=0).out
    assert re.search(r"web/agent/torch +True +running +web/torch", status)
    assert "daemon  not running" in status


def test_a_change_restarts_in_its_pane_and_a_removal_stops(fleet: Fleet) -> None:
    fleet.agent("anvil")
    fleet.commit()
    fleet.run("apply", expect=0)
    before, pane = fleet.pids(), fleet.tmux("list-panes", "-t", "=web/torch:", "-F", "#{pane_id}")

    fleet.agent("torch", "changed")
    fleet.remove("web/agents/anvil.yaml")
    fleet.commit()
    said = fleet.run("diff", expect=2).out
    assert "↻ restart  web/agent/torch" in said
    assert "- stop     web/agent/anvil" in said
    assert "(restart)" in said
    fleet.run("apply", expect=0)

    assert fleet.sessions() == {"web/torch"}
    assert fleet.pids()["web/torch"] != before["web/torch"]
    assert fleet.tmux("list-panes", "-t", "=web/torch:", "-F", "#{pane_id}") == pane
    fleet.run("diff", expect=0)


def test_uncommitted_and_staged_wishes_are_seen_and_not_obeyed(fleet: Fleet) -> None:
    fleet.run("apply", expect=0)
    fleet.agent("anvil")
    fleet.run("diff", expect=0)
    fleet.run("diff", "--staged", expect=0)
    assert "web/agent/anvil" in fleet.run("diff", "--worktree", expect=2).out
    fleet.repo.git("add", "--all")
    assert "web/agent/anvil" in fleet.run("diff", "--staged", expect=2).out
    fleet.run("apply", expect=0)
    assert fleet.sessions() == {"web/torch"}


def test_a_dry_run_does_nothing(fleet: Fleet) -> None:
    assert "+ start    web/agent/torch" in fleet.run("apply", "--dry-run").out
    assert fleet.sessions() == set()


def test_other_peoples_sessions_are_shown_and_left_alone(fleet: Fleet) -> None:
    fleet.tmux("-f", "/dev/null", "new-session", "-d", "-s", "theirs", "sleep", "1000")
    fleet.run("apply", expect=0)
    assert "others  theirs (not ours; never touched)" in fleet.run("status", expect=0).out
    fleet.remove("web")
    fleet.agent("anvil", project="other")
    fleet.commit()
    fleet.run("apply")
    assert "theirs" in fleet.sessions()


def test_a_session_of_the_same_name_is_a_conflict_and_stays(fleet: Fleet) -> None:
    fleet.tmux("-f", "/dev/null", "new-session", "-d", "-s", "web/torch", "sleep", "1000")
    before = fleet.pids()
    fleet.agent("anvil")
    fleet.commit()
    said = fleet.run("apply", expect=1).out
    assert "! held     web/agent/torch" in said
    assert fleet.pids()["web/torch"] == before["web/torch"]
    assert "web/anvil" in fleet.sessions()


def test_two_fleets_on_two_servers_do_not_see_each_other(make: Callable[[str], Fleet]) -> None:
    one, two = make("one"), make("two")
    for made in (one, two):
        made.agent("torch", made.name)
        made.commit()
        made.run("apply", expect=0)
    one.until(lambda: "one" in one.screen("web/torch"), "one speaks")
    two.until(lambda: "two" in two.screen("web/torch"), "two speaks")
    one.remove("web/agents/torch.yaml")
    one.agent("anvil")
    one.commit()
    one.run("apply", expect=0)
    assert one.sessions() == {"web/anvil"}
    assert two.sessions() == {"web/torch"}


def test_two_fleets_on_one_server_leave_each_other_alone(make: Callable[[str], Fleet]) -> None:
    one, two = make("one"), make("two")
    two.socket = one.socket
    two.settings()
    one.agent("torch")
    two.agent("anvil", project="shop")
    for made in (one, two):
        made.commit()
        made.run("apply", expect=0)
    assert one.sessions() == {"web/torch", "shop/anvil"}
    one.remove("web/agents/torch.yaml")
    one.agent("lamp")
    one.commit()
    one.run("apply", expect=0)
    assert one.sessions() == {"web/lamp", "shop/anvil"}
    two.run("diff", expect=0)


@pytest.mark.parametrize("words", [("--version",), ("-V",)])
def test_the_version_needs_no_repository(words: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout == f"novaorch {__version__}\n"


@pytest.mark.parametrize("name", ["01-one-agent", "02-team", "05-two-projects"])
def test_examples_on_a_real_server(name: str, make: Callable[[str], Fleet]) -> None:
    made = make("demo")
    for path in (ROOT / "examples" / name / "desired-state").rglob("*"):
        if path.is_file() and path.name != "fleet.yaml":
            text = path.read_text(encoding="utf-8")
            made.repo.write(str(path.relative_to(ROOT / "examples" / name / "desired-state")), text)
    made.commit()
    golden = (ROOT / "examples" / name / "plan.txt").read_text(encoding="utf-8")
    assert made.run("diff", expect=2).out == golden
    made.run("apply", expect=0)
    assert made.run("diff", expect=0).out.strip() == CONVERGED
