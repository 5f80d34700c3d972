"""One contract for every book of leases: each real server that is here, and the pretended one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters.memory import MemoryClock, MemoryLeases
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.leases import RedisLeases
from reconciler.adapters.store.redis_store import connect
from reconciler.adapters.store.resolve import open_leases
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.ports import LeaseBook
from tests.adapters.store.conftest import BINARIES, Rig

NOW = 1000.0
"""Our own hour is far from any server's."""


class Library:
    """A book, and what happens to it."""

    def __init__(self, rig: Rig | None) -> None:
        self.rig = rig
        self.clock = MemoryClock()
        self._memory = MemoryLeases(self.clock.now)

    def book(self, fleet: str = "demo") -> LeaseBook:
        if self.rig is None:
            return self._memory
        url = self.rig.url
        return RedisLeases(lambda: parse(url), fleet)

    def wait(self, seconds: float) -> None:
        if self.rig is None:
            self.clock.sleep(seconds)
        else:
            time.sleep(seconds)

    def wipe(self) -> None:
        if self.rig is None:
            self._memory.wipe()
        else:
            connect(parse(self.rig.url)).flushall()


@pytest.fixture(params=["memory", *BINARIES])
def library(request: pytest.FixtureRequest, folder: Path) -> Iterator[Library]:
    if request.param == "memory":
        yield Library(None)
        return
    rig = Rig(folder, request.param)
    rig.server.start()
    yield Library(rig)
    rig.server.stop()


@pytest.fixture
def real(rig: Rig) -> Rig:
    rig.server.start()
    return rig


def test_one_holder_at_a_time(library: Library) -> None:
    ann, bob = library.book(), library.book()
    first = ann.claim("ann x", 0, NOW, 30.0)
    assert (first.holder, first.epoch) == ("ann x", 1)
    assert NOW + 29 < first.until <= NOW + 30
    second = bob.claim("bob", 7, NOW + 500, 30.0)
    assert (second.holder, second.epoch) == ("ann x", 1)
    assert NOW + 520 < second.until <= NOW + 530, "told by the clock of who asks"
    assert ann.claim("ann x", 0, NOW, 30.0).epoch == 1


def test_it_is_over_by_the_clock_of_the_book(library: Library) -> None:
    book = library.book()
    book.claim("ann", 0, NOW, 0.15)
    assert book.claim("bob", 0, NOW + 9e9, 5.0).holder == "ann", "our hour is no matter"
    library.wait(0.2)
    grant = book.claim("bob", 0, NOW, 5.0)
    assert (grant.holder, grant.epoch) == ("bob", 2)


def test_who_had_it_last_gets_the_same_epoch(library: Library) -> None:
    book = library.book()
    book.claim("ann", 0, NOW, 0.05)
    library.wait(0.1)
    assert book.claim("ann", 0, NOW, 5.0).epoch == 1


def test_a_released_lease_is_free_and_its_epoch_is_used(library: Library) -> None:
    book = library.book()
    book.claim("ann", 4, NOW, 5.0)
    book.release("ann", 4)
    book.release("bob", 5)
    assert book.claim("bob", 0, NOW, 5.0).holder == "ann", "that was another one's"
    book.release("ann", 5)
    book.release("ann", 5)
    assert book.claim("bob", 0, NOW, 5.0).epoch == 6
    book.release("bob", 6)
    assert book.claim("bob", 0, NOW, 5.0).epoch == 7


def test_a_wiped_book_rewinds_no_epoch(library: Library) -> None:
    book = library.book()
    assert book.claim("ann", 41, NOW, 5.0).epoch == 42
    library.wipe()
    assert book.claim("ann", 41, NOW, 5.0).epoch == 42, "still the same one"
    library.wipe()
    assert book.claim("bob", 42, NOW, 5.0).epoch == 43


def test_a_closed_book_opens_again(library: Library) -> None:
    book = library.book()
    book.claim("ann", 0, NOW, 5.0)
    book.close()
    book.close()
    assert book.claim("ann", 0, NOW, 5.0).epoch == 1


def test_fleets_are_apart(real: Rig) -> None:
    one, two = (RedisLeases(lambda: parse(real.url), fleet) for fleet in ("demo", "demo-2"))
    assert one.claim("ann", 9, NOW, 5.0).epoch == 10
    assert two.claim("bob", 0, NOW, 5.0).epoch == 1
    keys = sorted(connect(parse(real.url)).keys("*"))
    assert keys == sorted(
        f"nova:{{{fleet}}}:{name}".encode()
        for fleet in ("demo", "demo-2")
        for name in ("lease", "epoch")
    )


@pytest.mark.parametrize("garbage", ["", "x", "ann", "-1 ann", "1e9 ann", " 7 ann"])
def test_garbage_is_no_lease(garbage: str, real: Rig) -> None:
    book = RedisLeases(lambda: parse(real.url), "demo")
    client = connect(parse(real.url))
    client.set(book.lease_key, garbage)
    client.set(book.epoch_key, garbage)
    assert book.claim("bob", 3, NOW, 5.0).epoch == 4


def test_a_lease_without_an_end_gets_one(real: Rig) -> None:
    book = RedisLeases(lambda: parse(real.url), "demo")
    client = connect(parse(real.url))
    client.set(book.lease_key, "5 ann")
    assert book.claim("bob", 0, NOW, 0.1).holder == "ann"
    time.sleep(0.15)
    assert book.claim("bob", 0, NOW, 5.0).holder == "bob"


def test_a_key_of_another_kind_is_said(real: Rig) -> None:
    book = RedisLeases(lambda: parse(real.url), "demo")
    connect(parse(real.url)).lpush(book.lease_key, "x")
    with pytest.raises(BlindError) as blind:
        book.claim("ann", 0, NOW, 5.0)
    assert "refuses" in blind.value.what


@pytest.mark.parametrize("how", ["stall", "kill"])
def test_a_server_that_does_not_answer_is_said_in_time(how: str, real: Rig) -> None:
    book = RedisLeases(lambda: parse(real.url), "demo")
    book.claim("ann", 0, NOW, 30.0)
    event: Callable[[], None] = getattr(real, how)
    event()
    start = time.monotonic()
    with pytest.raises(BlindError):
        book.claim("ann", 0, NOW, 30.0)
    assert time.monotonic() - start < 5
    if how == "stall":
        real.go_on()
        assert book.claim("ann", 0, NOW, 30.0).epoch == 1, "and it is mended by itself"


def test_only_a_named_store_has_a_book() -> None:
    assert open_leases(FleetSettings("demo"), {}) is None
    open_book = open_leases(FleetSettings("demo", store_url="redis://203.0.113.1:1/0"), {})
    assert open_book is not None
    with pytest.raises(NovaorchError, match="open to everybody"):
        open_book.claim("ann", 0, NOW, 5.0)
