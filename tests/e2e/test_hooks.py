"""The hooks through real git commands."""

from __future__ import annotations

import os
import subprocess

from tests.e2e.conftest import Fleet

BROKEN = "apiVersion: novaorch/v1\nkind: Agent\nspec: {nonsense: 1}\n"


def commit(fleet: Fleet, *options: str) -> subprocess.CompletedProcess[str]:
    fleet.repo.git("add", "--all")
    return subprocess.run(
        ["git", "-C", str(fleet.repo.path), "commit", "-q", "-m", "a try", *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bad_wish_is_refused_before_it_is_a_commit(fleet: Fleet) -> None:
    fleet.run("hooks", "install", expect=0)
    head = fleet.repo.git("rev-parse", "HEAD")
    fleet.repo.write("web/agents/bad.yaml", BROKEN)
    done = commit(fleet)
    assert done.returncode != 0
    assert "web/agents/bad.yaml:3:" in done.stderr
    assert fleet.repo.git("rev-parse", "HEAD") == head
    assert commit(fleet, "--no-verify").returncode == 0


def test_a_good_wish_passes(fleet: Fleet) -> None:
    fleet.run("hooks", "install", expect=0)
    fleet.agent("anvil")
    done = commit(fleet)
    assert done.returncode == 0, done.stderr


def test_somebody_elses_hook_still_runs_and_comes_back(fleet: Fleet) -> None:
    hook = fleet.repo.path / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    mine = f"#!/bin/sh\ntouch '{fleet.repo.path}/it-ran'\n"
    hook.write_text(mine)
    hook.chmod(0o755)
    fleet.run("hooks", "install", expect=0)
    assert hook.read_text() != mine
    fleet.agent("anvil")
    assert commit(fleet).returncode == 0
    assert (fleet.repo.path / "it-ran").exists()
    fleet.run("hooks", "uninstall", expect=0)
    assert hook.read_text() == mine
    assert os.access(hook, os.X_OK)
    assert not (hook.parent / "pre-commit").exists()
