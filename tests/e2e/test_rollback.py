"""Rollback and rewinds end to end: the fleet goes back, stays there, and goes on meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from reconciler.adapters.store.embedded import EmbeddedServer
from tests.adapters.git.keys import Key
from tests.e2e.conftest import Fleet, needs_store


def grown(fleet: Fleet) -> str:
    """Add an agent by a commit and return the commit's id."""
    fleet.agent("anvil")
    (fleet.repo.path / "README").write_text("not a wish\n")
    return fleet.commit("Wish for anvil")


def head(fleet: Fleet) -> str:
    return fleet.repo.git("rev-parse", "HEAD")


def wished(fleet: Fleet, revision: str = "HEAD") -> str:
    return fleet.repo.git("rev-parse", f"{revision}:desired-state")


def test_rollback_without_a_daemon(fleet: Fleet) -> None:
    first = head(fleet)
    bad = grown(fleet)
    fleet.run("apply", expect=0)
    torch = fleet.pids()["web/torch"]
    said = fleet.run("rollback", "--reason", "anvil eats the disk", expect=0)
    assert "- stop" in said.out
    assert "Converged" in said.out
    assert fleet.sessions() == {"web/torch"}
    assert fleet.pids()["web/torch"] == torch
    assert fleet.repo.git("rev-parse", "HEAD~1") == bad, "history is not rewritten"
    assert wished(fleet) == wished(fleet, first)
    assert (fleet.repo.path / "README").exists(), "other files stay"
    assert "anvil eats the disk" in fleet.repo.git("log", "-1", "--format=%B")
    assert fleet.repo.git("status", "--porcelain") == ""


def test_rollback_while_the_daemon_runs_and_the_content_cannot_come_back(up: Fleet) -> None:
    up.run("hooks", "install", expect=0)
    bad = grown(up)
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    up.run("rollback", "--yes", expect=0)
    assert up.sessions() == {"web/torch"}
    up.repo.git("revert", "--no-edit", "HEAD")
    assert wished(up) == wished(up, bad), "somebody brings it back"
    up.until(lambda: "rolled back" in up.log(), "the log says that it is held")
    assert up.sessions() == {"web/torch"}
    said = up.run("diff", expect=2)
    assert f"rollback --release {bad[:12]}" in said.out
    up.run("rollback", "--release", bad[:12], expect=0)
    up.until(lambda: "web/anvil" in up.sessions(), "it is let come again")


def test_a_second_rollback_goes_further_back(fleet: Fleet) -> None:
    trees = []
    for word in ("one", "two", "three"):
        fleet.agent("torch", word)
        fleet.commit(f"say {word}")
        trees.append(wished(fleet))
    fleet.run("apply", expect=0)
    fleet.run("rollback", expect=0)
    assert wished(fleet) == trees[1]
    fleet.run("rollback", expect=0)
    assert wished(fleet) == trees[0]
    fleet.until(lambda: "one" in fleet.screen("web/torch"), "it says one again")
    fleet.run("rollback", expect=0)
    said = fleet.run("rollback", expect=1)
    assert "no earlier wish" in said.err


def test_rollback_to_a_named_commit_quarantines_all_between(fleet: Fleet) -> None:
    first = head(fleet)
    between = []
    for word in ("one", "two"):
        fleet.agent("torch", word)
        between.append(fleet.commit(f"say {word}"))
    fleet.run("apply", expect=0)
    fleet.run("rollback", first, expect=0)
    for commit in between:
        said = fleet.run("rollback", commit, expect=3)
        assert f"--release {commit[:12]}" in said.err


def test_changes_that_are_not_committed_are_not_overwritten(fleet: Fleet) -> None:
    grown(fleet)
    fleet.run("apply", expect=0)
    before = head(fleet)
    for dirty in ("torch", "newcomer"):
        file = fleet.agent(dirty, "half done")
        said = fleet.run("rollback", expect=1)
        assert "not committed" in said.err
        assert "half done" in file.read_text()
        fleet.repo.git("checkout", "--", "desired-state")
        fleet.repo.git("clean", "-fdq", "desired-state")
    assert head(fleet) == before
    assert "web/anvil" in fleet.sessions()
    (fleet.repo.path / "README").write_text("dirty, but no wish\n")
    fleet.run("rollback", expect=0)
    assert (fleet.repo.path / "README").read_text() == "dirty, but no wish\n"


def test_for_review_the_fleet_goes_back_at_once_and_the_branch_waits(fleet: Fleet) -> None:
    first = head(fleet)
    bad = grown(fleet)
    fleet.run("apply", expect=0)
    said = fleet.run("rollback", "--branch", "back", expect=1)
    assert "rolled back" in said.out
    assert fleet.sessions() == {"web/torch"}
    assert head(fleet) == bad
    assert wished(fleet, "back") == wished(fleet, first)
    fleet.repo.git("merge", "--quiet", "--ff-only", "back")
    fleet.run("apply", expect=0)
    assert fleet.sessions() == {"web/torch"}


def test_a_hook_of_the_user_is_asked_and_its_no_leaves_the_files_alone(fleet: Fleet) -> None:
    bad = grown(fleet)
    fleet.run("apply", expect=0)
    hook = Path(fleet.repo.git("rev-parse", "--absolute-git-dir")) / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho nothing on Fridays >&2; exit 1\n")
    hook.chmod(0o755)
    said = fleet.run("rollback", expect=1)
    assert "nothing on Fridays" in said.err
    assert head(fleet) == bad
    assert fleet.repo.git("status", "--porcelain") == ""
    fleet.run("apply")
    assert fleet.sessions() == {"web/torch"}, "the quarantine alone takes the fleet back"


def test_a_branch_that_is_not_checked_out(fleet: Fleet) -> None:
    fleet.settings("sync: {branch: main}")
    first = fleet.commit("follow main")
    bad = grown(fleet)
    fleet.run("apply", expect=0)
    fleet.repo.git("checkout", "--quiet", "-b", "other", first)
    fleet.run("rollback", expect=0)
    assert fleet.repo.git("rev-parse", "main~1") == bad
    assert wished(fleet, "main") == wished(fleet, first)
    assert fleet.repo.git("ls-tree", "--name-only", "main") == "README\ndesired-state"
    assert fleet.sessions() == {"web/torch"}
    assert head(fleet) == first


def test_a_broken_fleet_file_is_a_reason_to_roll_back(fleet: Fleet) -> None:
    fleet.run("apply", expect=0)
    fleet.repo.write("fleet.yaml", "kind: [")
    fleet.commit("broken")
    fleet.run("apply", expect=1)
    fleet.run("rollback", expect=0)
    fleet.run("diff", expect=0)


# -- rewinds --------------------------------------------------------------------------------------


def test_a_forced_push_is_held_and_the_fleet_goes_on(up: Fleet) -> None:
    first = head(up)
    bad = grown(up)
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    up.repo.git("reset", "--quiet", "--hard", first)
    up.until(lambda: "does not contain" in up.log(), "the log says that it is held")
    pid = up.pids()["web/anvil"]
    os.kill(int(pid), signal.SIGKILL)
    up.until(lambda: up.pids().get("web/anvil", pid) != pid, "it is healed all the same")
    word = re.findall(r"novaorch apply --confirm ([0-9a-f]{8})", up.run("diff", expect=2).out)[0]
    said = up.run("apply", "--confirm", "00000000", "--yes")
    assert "web/anvil" in up.sessions(), said.out
    up.run("apply", "--confirm", word, "--yes", expect=0)
    up.until(lambda: up.sessions() == {"web/torch"}, "anvil is gone")
    assert head(up) == first != bad


@needs_store
@pytest.mark.parametrize("lost", ["state", "refs", "store"])
def test_a_rewind_is_seen_by_another_daemon_whatever_was_lost(up: Fleet, lost: str) -> None:
    first = head(up)
    grown(up)
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    up.until(lambda: up.run("diff").code == 0, "and all is well")
    up.run("down", expect=0)
    up.repo.git("reset", "--quiet", "--hard", first)
    lose(up, lost)
    up.run("up", expect=0)
    up.until(lambda: "does not contain" in up.log(), "the log says that it is held")
    assert up.sessions() == {"web/torch", "web/anvil"}


def lose(fleet: Fleet, what: str) -> None:
    if what == "refs":
        for line in fleet.repo.git("for-each-ref", "--format=%(refname)").splitlines():
            if line.startswith("refs/novaorch/"):
                fleet.repo.git("update-ref", "-d", line)
    else:
        EmbeddedServer(fleet.state, os.environ).stop()
        shutil.rmtree(fleet.state.store if what == "store" else fleet.state.root)


# -- signatures -----------------------------------------------------------------------------------


def test_signed_or_nothing(fleet: Fleet, tmp_path: Path) -> None:
    """The keys that count are those of the commit followed last: no key admits itself."""
    ada, eve = Key(tmp_path / "ada"), Key(tmp_path / "eve")
    rule = "verify: {commits: range}"
    fleet.settings(rule, f"principals: [{{name: ada, ssh: ['{ada.public}']}}]")
    ada.commit(fleet.repo, "only ada")
    fleet.run("apply", expect=0)

    fleet.agent("anvil")
    fleet.commit("not signed")
    said = fleet.run("apply", expect=1)
    assert "is not signed" in said.out
    fleet.settings(rule, f"principals: [{{name: eve, ssh: ['{eve.public}']}}]")
    eve.commit(fleet.repo, "eve lets herself in")
    said = fleet.run("apply", expect=1)
    assert "is not signed" in said.out, "the commit in between still counts"
    fleet.repo.git("reset", "--quiet", "--hard", "HEAD~2")

    fleet.settings(rule, f"principals: [{{name: eve, ssh: ['{eve.public}']}}]")
    eve.commit(fleet.repo, "eve lets herself in")
    said = fleet.run("apply", expect=1)
    assert eve.fingerprint in said.out
    assert fleet.sessions() == {"web/torch"}
    fleet.repo.git("reset", "--quiet", "--hard", "HEAD~1")

    fleet.settings(
        rule,
        f"principals: [{{name: ada, ssh: ['{ada.public}']}}, {{name: eve, ssh: ['{eve.public}']}}]",
    )
    ada.commit(fleet.repo, "ada lets eve in")
    fleet.run("apply", expect=0)
    fleet.agent("anvil")
    eve.commit(fleet.repo, "eve wishes")
    fleet.run("apply", expect=0)
    assert fleet.sessions() == {"web/torch", "web/anvil"}
    fleet.repo.git("reset", "--quiet", "--hard", "HEAD~2")
    said = fleet.run("apply", expect=1)
    assert "does not contain" in said.out, "an older signed commit is no way back"
    assert "web/anvil" in fleet.sessions()
