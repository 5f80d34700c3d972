"""A campaign that finds nothing proves nothing, unless it would have found it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.cli.playhouse import Playhouse
from reconciler.model.message import Message, Proof, Stage, Tracked
from tests.campaign.campaign import Campaign


class Kept:
    """Mail of which every message is submitted, but those that are named."""

    def __init__(self, unproved: Sequence[str] = ()) -> None:
        self.unproved = unproved

    def find(self, name: str) -> Tracked | None:
        stage = Stage.ADMITTED if name in self.unproved else Stage.SUBMITTED
        return Tracked(Message(name, "a", "b", "", 0.0), (Proof(stage, 0.0, "said"),))


@pytest.fixture
def judged(tmp_path: Path) -> Campaign:
    made = Campaign(3, 2, seed=1, kill_every_s=1.0, rate=1.0)
    made.patience_s = 0.0
    made.house.close()
    made.house = Playhouse(made.house.scripts, root=tmp_path)
    (tmp_path / "truth").mkdir()
    made.sent = {"m1": "play/agent/a0", "m2": "play/agent/a0", "m3": "play/agent/a1"}
    made._unproved.extend(made.sent)
    made._arrived.update(made.sent)
    write(made, a0=["m1", "m2"], a1=["m3"])
    return made


def write(made: Campaign, **arrived: list[str]) -> None:
    for name, marks in arrived.items():
        line = json.dumps({"route": "prompt", "marks": marks}) + "\n"
        (made.house.root / "truth" / f"{name}.jsonl").write_text(line)


def test_what_arrived_once_is_clean(judged: Campaign) -> None:
    judged._judge(Kept())  # type: ignore[arg-type]
    assert judged.report.clean


def test_what_did_not_arrive_is_lost(judged: Campaign) -> None:
    write(judged, a0=["m1"])
    judged._judge(Kept())  # type: ignore[arg-type]
    assert judged.report.lost == ["m2"]


def test_what_arrived_again_came_twice(judged: Campaign) -> None:
    write(judged, a0=["m1", "m2", "m1"])
    judged._judge(Kept())  # type: ignore[arg-type]
    assert judged.report.twice == ["m1"]


def test_what_somebody_else_was_given_came_twice(judged: Campaign) -> None:
    write(judged, a1=["m3", "m1"])
    judged._judge(Kept())  # type: ignore[arg-type]
    assert judged.report.twice == ["m1"]


def test_what_is_not_proved_has_no_receipt(judged: Campaign) -> None:
    judged._judge(Kept(unproved=["m3"]))  # type: ignore[arg-type]
    assert judged.report.without_receipt == ["m3 (admitted)"]
