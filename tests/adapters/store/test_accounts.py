"""One contract for every ledger of accounts: each real server that is here, and the pretended."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from reconciler.adapters.memory.accounts import MemoryAccounts
from reconciler.adapters.store.accounts import RedisAccounts
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.redis_store import connect
from reconciler.core.ledgertext import account_text
from reconciler.model.capacity import Account, Flow, Spending
from reconciler.model.problems import BlindError, NovaorchError
from tests.adapters.store.conftest import BINARIES, Rig

DAY = "2026-11-22"
CLOSED = Account("work", Flow.CLOSED, until=2000.5, strikes=2, next_at=2004.5, why="its limit")

Book = RedisAccounts | MemoryAccounts


@pytest.fixture(scope="module", params=["memory", *BINARIES])
def place(request: pytest.FixtureRequest) -> Iterator[Rig | None]:
    """Where ledgers are kept: a server, or nowhere."""
    if request.param == "memory":
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="nv-"))
    rig = Rig(folder, request.param)
    rig.server.start()
    yield rig
    rig.server.stop()
    rmtree(folder)


@pytest.fixture
def book(place: Rig | None) -> Iterator[Book]:
    """An empty ledger."""
    if place is None:
        yield MemoryAccounts()
        return
    connect(parse(place.url)).flushall()
    made = RedisAccounts(parse(place.url), "demo")
    yield made
    made.close()


def put(book: Book, name: str, text: str) -> None:
    """Write whatever somebody else might write."""
    if isinstance(book, MemoryAccounts):
        book.texts[name] = text
    else:
        connect(book.endpoint).hset(book.key, name, text)


class TestAccounts:
    def test_one_of_which_nothing_is_known_is_open(self, book: Book) -> None:
        assert book.read(["work", "home"]) == {"work": Account("work"), "home": Account("home")}

    def test_is_kept_as_it_was_written(self, book: Book) -> None:
        assert book.swap(Account("work"), CLOSED)
        assert book.read(["work"])["work"] == CLOSED

    def test_is_written_only_over_what_was_read(self, book: Book) -> None:
        assert book.swap(Account("work"), CLOSED)
        assert not book.swap(Account("work"), replace(CLOSED, strikes=3))
        assert not book.swap(replace(CLOSED, strikes=1), Account("work"))
        assert book.read(["work"])["work"] == CLOSED
        assert book.swap(CLOSED, Account("work"))
        assert book.read(["work"])["work"] == Account("work")

    def test_are_apart(self, book: Book) -> None:
        book.swap(Account("work"), CLOSED)
        assert book.read(["home"])["home"] == Account("home")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '{"flow": "wide"}',
            '{"flow": {}}',
            "[" * 9000,
            '{"flow": "closed", "until": "x", "strikes": -4, "why": 3, "next_at": 1e400}',
        ],
    )
    def test_garbage_is_read_without_harm_and_written_over(self, book: Book, text: str) -> None:
        put(book, "work", text)
        found = book.read(["work"])["work"]
        assert (found.until, found.strikes, found.next_at, found.why) == (0.0, 0, 0.0, "")
        assert book.swap(found, CLOSED)
        assert book.read(["work"])["work"] == CLOSED

    def test_of_many_who_count_at_once_nobody_is_lost(self, book: Book) -> None:
        def count() -> None:
            for _ in range(10):
                while True:
                    before = book.read(["work"])["work"]
                    if book.swap(before, replace(before, strikes=before.strikes + 1)):
                        break

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert book.read(["work"])["work"].strikes == 40

    def test_any_text_survives(self, book: Book) -> None:
        odd = replace(CLOSED, why="ünïcode \x00 \n 'quote' \"")
        assert book.swap(Account("work"), odd)
        assert book.read(["work"])["work"] == odd
        assert account_text(odd).count("\n") == 0


class TestSpending:
    def test_is_nothing_at_first(self, book: Book) -> None:
        assert book.spent(DAY) == {}

    def test_the_larger_number_of_each_wins(self, book: Book) -> None:
        book.spend(Spending("a", DAY, 1.5, 100, 30))
        book.spend(Spending("a", DAY, 1.25, 120, 20))
        book.spend(Spending("b", DAY, -1.0, 7, 8))
        assert book.spent(DAY) == {
            "a": Spending("a", DAY, 1.5, 120, 30),
            "b": Spending("b", DAY, -1.0, 7, 8),
        }

    def test_known_costs_win_over_unknown_ones(self, book: Book) -> None:
        book.spend(Spending("a", DAY, -1.0, 1, 1))
        book.spend(Spending("a", DAY, 0.0, 1, 1))
        assert book.spent(DAY)["a"].usd == 0.0

    def test_days_are_apart(self, book: Book) -> None:
        book.spend(Spending("a", DAY, 1.0))
        assert book.spent("2026-11-23") == {}

    def test_exact_numbers_come_back(self, book: Book) -> None:
        book.spend(Spending("a", DAY, 0.1 + 0.2, 2**53 - 1, 3))
        assert book.spent(DAY)["a"] == Spending("a", DAY, 0.1 + 0.2, 2**53 - 1, 3)

    @pytest.mark.parametrize("day", ["", "today", "2026-11-22\n", "x}:y"])
    def test_a_day_is_a_day(self, book: Book, day: str) -> None:
        with pytest.raises(NovaorchError, match="no day"):
            book.spent(day)
        with pytest.raises(NovaorchError, match="no day"):
            book.spend(Spending("a", day))


def test_a_server_that_is_gone_is_said(folder: Path) -> None:
    nobody = RedisAccounts(parse(f"unix://{folder}/none.sock"), "demo")
    with pytest.raises(BlindError):
        nobody.read(["work"])
    with pytest.raises(BlindError):
        nobody.spend(Spending("a", DAY))
    gone = MemoryAccounts()
    gone.down = True
    with pytest.raises(BlindError):
        gone.swap(Account("work"), CLOSED)


def test_a_restarted_server_is_found_again(rig: Rig) -> None:
    rig.server.start()
    book = RedisAccounts(parse(rig.url), "demo", revive=rig.server.start)
    assert book.swap(Account("work"), CLOSED)
    book.spend(Spending("a", DAY, 2.0, 1, 1))
    rig.kill()
    assert book.read(["work"])["work"].name == "work"
    book.close()
