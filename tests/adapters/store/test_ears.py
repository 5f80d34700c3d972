"""The store's voice, on real servers: a word wakes, a store that comes back wakes."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.store.ears import Ears
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.redis_store import connect
from tests.adapters.store.conftest import BINARIES, Rig

LIMIT_S = 20


@pytest.fixture(params=BINARIES)
def rig(request: pytest.FixtureRequest, folder: Path) -> Iterator[Rig]:
    made = Rig(folder, request.param)
    made.server.start()
    yield made
    made.server.stop()


@pytest.fixture
def heard() -> queue.Queue[str]:
    return queue.Queue()


def spoken(rig: Rig, ears: Ears, word: str = "x") -> None:
    """Speak until somebody listens: the subscription takes a moment."""
    end = time.monotonic() + LIMIT_S
    while not connect(parse(rig.url)).publish(ears.channel, word):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_word_wakes(rig: Rig, heard: queue.Queue[str]) -> None:
    ears = Ears(parse(rig.url), "demo", heard.put)
    spoken(rig, ears)
    assert heard.get(timeout=LIMIT_S) == "store"
    ears.close()


def test_a_word_to_another_fleet_does_not(rig: Rig, heard: queue.Queue[str]) -> None:
    ears = Ears(parse(rig.url), "demo", heard.put)
    other = Ears(parse(rig.url), "other", lambda _word: None)
    spoken(rig, other)
    spoken(rig, ears)
    assert heard.get(timeout=LIMIT_S) == "store"
    assert heard.empty()
    for each in (ears, other):
        each.close()


def test_a_store_that_comes_back_is_heard(rig: Rig, heard: queue.Queue[str]) -> None:
    ears = Ears(parse(rig.url), "demo", heard.put)
    spoken(rig, ears)
    heard.get(timeout=LIMIT_S)
    rig.kill()
    rig.server.start()
    assert heard.get(timeout=LIMIT_S) == "store"
    ears.close()


def test_the_end_does_not_wait_for_a_word(rig: Rig, heard: queue.Queue[str]) -> None:
    ears = Ears(parse(rig.url), "demo", heard.put)
    spoken(rig, ears)
    start = time.monotonic()
    ears.close()
    ears.close()
    assert time.monotonic() - start < LIMIT_S / 4
    assert not ears._thread.is_alive()


def test_no_store_at_all_is_no_error(tmp_path: Path, heard: queue.Queue[str]) -> None:
    ears = Ears(parse(f"unix://{tmp_path}/nothing.sock"), "demo", heard.put)
    time.sleep(0.05)
    ears.close()
    assert heard.empty()
    assert not ears._thread.is_alive()
