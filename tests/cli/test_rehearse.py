"""`novaorch rehearse`: a whole fleet of fake agents, and nothing of it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.cli.playhouse import Playhouse
from reconciler.cli.rehearse import cast, command
from tests.e2e.conftest import needs_store


@needs_store
def test_a_short_rehearsal_counts_everything_and_leaves_nothing(stage: Path) -> None:
    words = ("rehearse", "--agents", "3", "--minutes", "0.03")
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", *words],
        env={**os.environ, "TMPDIR": str(stage)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 twice" in done.stdout
    assert not list(stage.glob("nova-play*"))


def test_the_truth_is_counted_where_a_model_was_given_something(tmp_path: Path) -> None:
    house = Playhouse({"ada": {}, "bob": {}}, root=tmp_path)
    (tmp_path / "truth").mkdir()
    lines = [("typed", ["m1"]), ("prompt", ["m1"]), ("tool", ["m1"]), ("Stop", ["m2", "m3"])]
    told = "".join(json.dumps({"route": r, "marks": m}) + "\n" for r, m in lines)
    (tmp_path / "truth" / "ada.jsonl").write_text(told)
    assert house.counted() == {"ada": {"m1": 1, "m2": 1, "m3": 1}, "bob": {}}


def test_nothing_of_the_user_s_reaches_a_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-for-a-play")
    monkeypatch.setenv("TMUX", "/tmp/somebody/s,1,0")
    environ: Mapping[str, str] = Playhouse({}, root=tmp_path).environ
    assert not {"ANTHROPIC_API_KEY", "TMUX"} & environ.keys()
    assert environ["HOME"].startswith(str(tmp_path))


def test_the_same_seed_is_the_same_play() -> None:
    assert cast(7, 1) == cast(7, 1) != cast(7, 2)
    assert "Example: novaorch rehearse" in str(command.__doc__)
