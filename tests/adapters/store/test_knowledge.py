"""One contract for insights and status lines: each real server that is here, and the pretended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from reconciler.adapters.memory import knowledge as memory
from reconciler.adapters.memory.knowledge import MemoryKnowledge
from reconciler.adapters.store import knowledge as store
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.knowledge import RedisKnowledge
from reconciler.adapters.store.redis_store import connect
from reconciler.core.insights import insight
from reconciler.model.ids import UnitId
from reconciler.model.insight import Insight, StatusLine
from reconciler.model.problems import BlindError
from tests.adapters.store.conftest import BINARIES, Rig

TORCH, ASH = (UnitId.of("web", "agent", name) for name in ("torch", "ash"))

Book = RedisKnowledge | MemoryKnowledge


@pytest.fixture(scope="module", params=["memory", *BINARIES])
def place(request: pytest.FixtureRequest) -> Iterator[Rig | None]:
    """Where it is kept: a server, or nowhere."""
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
    """One without a word in it."""
    if place is None:
        yield MemoryKnowledge()
        return
    connect(parse(place.url)).flushall()
    made = RedisKnowledge(parse(place.url), "demo")
    yield made
    made.close()


def put(book: Book, name: str, text: str) -> None:
    """Write whatever somebody else might write."""
    if isinstance(book, MemoryKnowledge):
        book.texts[name] = text
        return
    client = connect(book.endpoint)
    client.hset(book.key, name, text)
    client.zadd(f"{book.key}:at", {name: 1.0})


def put_line(book: Book, unit: str, text: str) -> None:
    if isinstance(book, MemoryKnowledge):
        book.lines[unit] = text
    else:
        connect(book.endpoint).hset(book.lines_key, unit, text)


def known(text: str, at: float = 1.0, author: UnitId = TORCH) -> Insight:
    return insight(author, text, ["Tmux", "tmux "], at)


class TestInsights:
    def test_nothing_is_there_at_first(self, book: Book) -> None:
        assert book.all() == ()

    def test_is_kept_as_it_was_said_newest_first(self, book: Book) -> None:
        first, second = known("bare targets match\nby prefix", 1.5), known("ünïcode ✓", 2.0)
        assert book.share(first)
        assert book.share(second)
        assert book.all() == (second, first)
        assert book.all()[1].labels == ("tmux",)

    def test_the_same_again_changes_nothing(self, book: Book) -> None:
        first = known("targets match by prefix")
        assert book.share(first)
        assert not book.share(known("Targets  match by PREFIX", 9.0, ASH))
        assert book.all() == (first,)

    def test_the_oldest_make_room(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "INSIGHTS_MAX", 3)
        monkeypatch.setattr(store, "INSIGHTS_MAX", 3)
        for number in range(6):
            assert book.share(known(f"fact {number}", float(number)))
        assert [one.text for one in book.all()] == ["fact 5", "fact 4", "fact 3"]
        assert book.share(known("fact 0", 7.0))

    def test_garbage_is_left_out(self, book: Book) -> None:
        good = known("good")
        book.share(good)
        for number, text in enumerate(
            ("", "{", "[]", "null", '{"id":"x"}', '{"id":"g5","author":1,"at":"x"}', "9" * 70_000)
        ):
            put(book, f"g{number}", text)
        put(book, "other", '{"at":1,"author":"a/agent/b","id":"id","labels":[],"text":"x"}')
        assert book.all() == (good,)

    def test_half_a_sign_is_no_reason_to_fail(self, book: Book) -> None:
        assert book.share(replace(known("x"), text="a\ud800b"))
        assert [one.text for one in book.all()] == ["a?b"]

    def test_what_was_wiped_is_gone_at_once(self, book: Book) -> None:
        book.share(known("x"))
        assert book.all()
        if isinstance(book, MemoryKnowledge):
            book.wipe()
        else:
            connect(book.endpoint).flushall()
        assert book.all() == ()


class TestStatusLines:
    def test_the_last_word_counts(self, book: Book) -> None:
        book.say(TORCH, StatusLine("reads", 1.0))
        book.say(ASH, StatusLine("writes ✓", 2.0))
        book.say(TORCH, StatusLine("runs tests", 3.5))
        assert book.said() == {
            TORCH: StatusLine("runs tests", 3.5),
            ASH: StatusLine("writes ✓", 2.0),
        }

    def test_an_empty_one_takes_it_back(self, book: Book) -> None:
        book.say(TORCH, StatusLine("reads", 1.0))
        book.say(TORCH, StatusLine("", 2.0))
        assert book.said() == {}

    def test_garbage_is_left_out(self, book: Book) -> None:
        for number, text in enumerate(("", "x", "nan x", "1.0", "x" * 70_000)):
            put_line(book, f"u{number}", text)
        put_line(book, "long", "1.0 " + "y" * 5_000)
        assert {unit: len(line.text) for unit, line in book.said().items()} == {"long": 200}


def test_fleets_are_apart(place: Rig | None) -> None:
    if place is None:
        pytest.skip("there is one dictionary a fleet")
    connect(parse(place.url)).flushall()
    ours, theirs = (RedisKnowledge(parse(place.url), name) for name in ("demo", "other"))
    ours.share(known("x"))
    ours.say(TORCH, StatusLine("x", 1.0))
    assert (theirs.all(), theirs.said()) == ((), {})
    ours.close()
    theirs.close()


def test_a_server_that_is_killed_is_started_again(rig: Rig) -> None:
    rig.server.start()
    book = RedisKnowledge(parse(rig.url), "demo", revive=rig.server.start)
    book.share(known("x"))
    rig.kill()
    assert [one.text for one in book.all()] == ["x"]
    book.close()


def test_one_that_is_gone_is_not_an_empty_one(rig: Rig) -> None:
    rig.server.start()
    book = RedisKnowledge(parse(rig.url), "demo")
    book.share(known("x"))
    rig.kill()
    with pytest.raises(BlindError):
        book.all()
    with pytest.raises(BlindError):
        book.say(TORCH, StatusLine("x", 1.0))
    book.close()
