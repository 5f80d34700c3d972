"""How Claude Code is brought, and what is said when it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude.binary import have, skipped

VERSION = "0.0.0"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is skipped here on purpose is not told at the end of the run."""
    yield
    skipped.pop(VERSION, None)


def npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_npm_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, reason = have(VERSION, tmp_path / "cache")
    assert "there is no npm" in reason


def test_a_registry_that_cannot_be_reached_is_a_reason_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", "echo 'npm error code ENOTFOUND' >&2; exit 1", monkeypatch)
    _, reason = have(VERSION, tmp_path / "cache")
    assert "ENOTFOUND" in reason
    assert not list((tmp_path / "cache").glob("*.part"))


def test_what_npm_brings_is_found_and_not_brought_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'echo >> "$0.calls"; mkdir -p "$3/node_modules/.bin"; : > "$3/node_modules/.bin/claude"'
    )
    npm(tmp_path / "bin", script, monkeypatch)
    for _ in range(2):
        path, reason = have(VERSION, tmp_path / "cache")
        assert not reason
        assert path.exists()
    assert (tmp_path / "bin" / "npm.calls").read_text() == "\n"
