"""The real Claude Code, in versions that are pinned: found in a cache folder, or brought by npm.

NOVAORCH_TEST_CLAUDE names the folder; otherwise it is `novaorch-tests/claude` below the user's
cache folder. Tests skip, loudly, when npm is not there or cannot reach its registry.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = ("2.1.197", "2.1.330")
"""The oldest that is promised to work, and one that is recent."""
PACKAGE = "@anthropic-ai/claude-code"
INSTALL_S = 100.0
"""Less than a test may take."""

_TOLD = os.environ.get("NOVAORCH_TEST_CLAUDE", "")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_NPM_HOME = os.environ.get("HOME", "")
FOLDER = Path(_TOLD) if _TOLD else _CACHE / "novaorch-tests" / "claude"
"""Looked up once, before a test hides the user's own environment."""
skipped: dict[str, str] = {}
"""Why a version is not tested; told at the end of the run."""


def binary(version: str) -> Path:
    """Return the path of a version's `claude`; skips the test when it cannot be had."""
    found, reason = have(version)
    if reason:
        pytest.skip(f"Claude Code {version} is NOT TESTED: {reason}")
    return found


def have(version: str, folder: Path = FOLDER) -> tuple[Path, str]:
    """Return the path of a version's `claude`, and why it cannot be had, '' when it can."""
    found = folder / version / "node_modules" / ".bin" / "claude"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{version}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not found.exists() and version not in skipped:
                _install(version, folder)
    if found.exists():
        return found, ""
    return found, skipped.setdefault(version, "npm installed it, but brought no program")


def _install(version: str, folder: Path) -> None:
    """Let npm bring it into a folder beside, and move that into place when it is whole."""
    npm = shutil.which("npm")
    if npm is None:
        skipped[version] = "there is no npm; install Node.js, or set NOVAORCH_TEST_CLAUDE"
        return
    fresh = folder / f"{version}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    words = ["install", "--prefix", str(fresh), "--no-audit", "--no-fund", f"{PACKAGE}@{version}"]
    try:
        done = subprocess.run(
            [npm, *words],
            env={**os.environ, "HOME": _NPM_HOME},
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_S,
        )
    except subprocess.TimeoutExpired:
        skipped[version] = f"npm did not bring it within {INSTALL_S:.0f} s"
        return
    if done.returncode == 0:
        fresh.rename(folder / version)
        return
    said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["?"]
    skipped[version] = f"npm could not bring it: {said[0]}"
    shutil.rmtree(fresh, ignore_errors=True)
