"""The daemon's mouth: the gate hears everything, the store what it can, the log nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.memory import MemoryStore
from reconciler.cli.publisher import JITTER, RETRY_S, Publisher
from reconciler.core.conditions import began
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.status import Condition, Ready, Status
from reconciler.wiring import Wiring
from tests.adapters.git.sandbox import Sandbox

A = UnitId("p/agent/a")
FLEET = FleetSettings("demo", poll_s=10.0)


def status(value: Ready = Ready.TRUE) -> Status:
    return Status(A, value, "running", "", "", "c", conditions=(Condition("Ready", value, "x"),))


def silent(_text: str) -> None:
    """Say nothing."""


class Deaf:
    """Hears nothing: a store in memory has nobody who speaks there."""

    def close(self) -> None:
        """There is nothing to end."""


class Place(Wiring):
    """A wiring whose store is in memory; `opened` counts how often it was asked for."""

    memory: MemoryStore
    opened: int
    missing: bool

    def store(self, fleet: FleetSettings, *, start: bool) -> MemoryStore:  # type: ignore[override]  # noqa: ARG002
        object.__setattr__(self, "opened", self.opened + 1)
        if self.missing:
            raise NovaorchError("no server is here", fix="install one")
        self.memory.closed = False
        return self.memory

    def ears(self, *_about: object) -> Deaf:  # type: ignore[override]
        return Deaf()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    repo = Sandbox(tmp_path / "repo")
    made = Place(repo.path)
    for name, value in (("memory", MemoryStore()), ("opened", 0), ("missing", False)):
        object.__setattr__(made, name, value)
    made.state(FLEET).make()
    return made


def test_what_is_published_is_dated_and_says_when_the_next_word_comes(place: Place) -> None:
    publisher = Publisher(place, silent, silent)
    publisher.of(FLEET)
    publisher.publish("c1", [status()], 100.0)
    publisher.publish("c1", [status()], 150.0)
    controller = place.memory.recall()["controller"]
    assert isinstance(controller, dict)
    assert (controller["heartbeat"], controller["every"]) == (150.0, 10.0 * JITTER)
    assert began(publisher.known().statuses[0], "Ready", Ready.TRUE) == 100.0
    assert publisher.known().measured.store_up is True
    publisher.close()


def test_hours_are_taken_from_the_one_before(place: Place) -> None:
    for value, now, since in (
        (Ready.TRUE, 100, 100),
        (Ready.TRUE, 200, 100),
        (Ready.FALSE, 300, 300),
    ):
        publisher = Publisher(place, silent, silent)
        publisher.of(FLEET)
        publisher.publish("c1", [status(value)], float(now))
        assert began(publisher.known().statuses[0], "Ready", value) == since
        publisher.close()


def test_without_a_store_the_gate_hears_it_all_the_same(place: Place) -> None:
    object.__setattr__(place, "missing", True)
    publisher = Publisher(place, silent, silent)
    publisher.of(FLEET)
    with pytest.raises(NovaorchError, match="no server is here"):
        publisher.publish("c1", [status()], 100.0)
    with pytest.raises(BlindError):
        publisher.publish("c2", [status()], 100.0 + RETRY_S / 2)
    assert place.opened == 1, "a store that is known to be out is not asked"
    known = publisher.known()
    assert (known.commit, known.measured.store_up) == ("c2", False)
    assert began(known.statuses[0], "Ready", Ready.TRUE) == 100.0
    object.__setattr__(place, "missing", False)
    publisher.publish("c3", [status()], 100.0 + RETRY_S)
    assert publisher.known().measured.store_up is True
    assert began(publisher.known().statuses[0], "Ready", Ready.TRUE) == 100.0
    publisher.close()


def test_the_gate_follows_the_settings_and_its_note_goes_with_it(place: Place) -> None:
    said: list[str] = []
    publisher = Publisher(place, said.append, silent)
    note = place.state(FLEET).root / "gate"
    note.write_text("http://127.0.0.1:1\n")  # of a daemon that was killed
    publisher.of(FLEET)
    first = note.read_text()
    publisher.of(FleetSettings("demo", poll_s=20.0))
    assert note.read_text() == first, "other settings are no reason to move"
    port = int(first.rstrip().rpartition(":")[2])
    other = Publisher(place, said.append, silent)
    other.of(FleetSettings("demo", gate_port=port))
    assert f"cannot listen on 127.0.0.1:{port}" in said[-1]
    publisher.close()
    assert not note.exists()
    other.close()
