"""The note of how it stands with a remote: whole, or none at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from reconciler.adapters.state.remotenote import REFUSED_MAX, RemoteNote
from reconciler.model.remote import Refusal, RemoteState

STATE = RemoteState(
    "https://h/x", "main", "a" * 40, fetched=12.5, ahead=2, trouble="down", fix="wait",
    refused=(Refusal("refs/heads/x", "b" * 40, "pröt\n", "", 3.0),),
)  # fmt: skip


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    note = RemoteNote(tmp_path / "new/remote.json")
    assert note.read() is None
    note.keep(STATE)
    assert note.read() == STATE
    assert stat.S_IMODE(note.path.stat().st_mode) == 0o600
    note.keep(RemoteState())
    assert note.read() == RemoteState()


def test_only_the_first_refusals_are_kept(tmp_path: Path) -> None:
    note = RemoteNote(tmp_path / "remote.json")
    many = tuple(Refusal(f"r{n}", "c", "", "", 0.0) for n in range(REFUSED_MAX + 5))
    note.keep(RemoteState(refused=many))
    found = note.read()
    assert found is not None
    assert found.refused == many[:REFUSED_MAX]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"url": 1}',
        '{"ahead": "2"}',
        '{"ahead": true}',
        '{"unknown": 1}',
        '{"refused": [{"ref": "x"}]}',
        '{"refused": 3}',
        "[" * 100_000,
        json.dumps({"url": "x" * (2 << 20)}),
    ],
)
def test_what_is_damaged_says_nothing(tmp_path: Path, text: str) -> None:
    note = RemoteNote(tmp_path / "remote.json")
    note.path.write_text(text)
    assert note.read() is None
