"""Mail of those who left the fleet waits a while, and then is a dead letter with its reason."""

from __future__ import annotations

import pytest

from reconciler.adapters.memory import MemoryMail
from reconciler.core.admission import GONE_S
from reconciler.loop.lostmail import AT_ONCE, LostMail
from reconciler.model.agent import Roster, Seat
from reconciler.model.ids import UnitId
from reconciler.model.message import Message

HERE, GONE = "web/agent/torch", "web/agent/anvil"


class Post:
    def __init__(self) -> None:
        self.mail = MemoryMail()
        self.seats = {UnitId(HERE): Seat(UnitId(HERE), None, "stopped")}
        self.lost = LostMail(self.mail, lambda: Roster(seats=self.seats))

    def send(self, to: str, count: int = 1) -> None:
        known = len(self.mail.listing(limit=10_000))
        many = range(known, known + count)
        self.mail.accept([Message(f"m{n:05}", "person:Ada", to, "x", float(n)) for n in many])

    def look(self, now: float) -> None:
        self.lost.look(self.mail.receivers(), now)


@pytest.fixture
def post() -> Post:
    made = Post()
    for to in (HERE, GONE, "person:Grace"):
        made.send(to)
    return made


def test_it_waits_a_while_and_then_is_dead_with_the_reason(post: Post) -> None:
    for now in (1000.0, 1000.0 + GONE_S - 1):
        post.look(now)
    assert GONE in post.mail.receivers()
    post.look(1000.0 + GONE_S)
    assert post.mail.receivers() == ("person:Grace", HERE), "who is stopped, or a person, is here"
    (dead,) = post.mail.dead()
    assert "not in the fleet any more" in dead.proofs[-1].evidence


def test_who_comes_back_in_time_loses_nothing(post: Post) -> None:
    post.look(1000.0)
    post.seats[UnitId(GONE)] = Seat(UnitId(GONE), None, "auto")
    post.look(1000.0 + GONE_S)
    del post.seats[UnitId(GONE)]
    post.look(1000.0 + GONE_S + 1)
    post.look(1000.0 + GONE_S * 2)
    assert not post.mail.dead()
    post.look(1000.0 + GONE_S * 2 + 1)
    assert post.mail.dead()


def test_an_empty_roster_proves_nothing(post: Post) -> None:
    post.seats.clear()
    post.look(1000.0)
    post.look(1000.0 + GONE_S * 9)
    assert not post.mail.dead()


def test_a_clock_that_was_set_back_makes_nobody_wait_for_hours(post: Post) -> None:
    post.look(90_000.0)
    post.look(1000.0)
    post.look(1000.0 + GONE_S)
    assert post.mail.dead()


def test_many_are_given_up_in_portions(post: Post) -> None:
    post.send(GONE, AT_ONCE + 5)
    post.look(1000.0)
    post.look(1000.0 + GONE_S)
    assert len(post.mail.inbox(GONE)) == 6
    post.look(1000.0 + GONE_S)
    assert GONE not in post.mail.receivers()
