"""Exactly what was accepted, each once, the most urgent first and then the oldest: whatever the
senders, their keys, their crashes in the middle of a call, and the ends of the store in between.

The pretended mail is the model: after every step the real one shows the same to a new client.
"""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.adapters.memory import MemoryMail
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.mail import RedisMail
from reconciler.core.messageid import message_id
from reconciler.model.message import Message, Priority, Proof, Stage, Tracked
from tests.adapters.store.conftest import BINARIES, Rig

SENDERS = ("person:Ada", "web/agent/torch", "novaorch")
RECEIVERS = ("web/agent/torch", "web/agent/anvil", "person:Ada")
STAGES = (Stage.ADMITTED, Stage.INJECTED, Stage.SUBMITTED, Stage.READ, Stage.DEAD)
_fleets = itertools.count()

LETTERS = st.builds(
    Message,
    id=st.just(""),
    sender=st.sampled_from(SENDERS),
    to=st.sampled_from(RECEIVERS),
    body=st.text(min_size=1, max_size=8),
    at=st.integers(1, 5).map(float),
    priority=st.sampled_from(Priority),
    key=st.sampled_from(["", "", "a", "b", "c"]),
)


class Post(RuleBasedStateMachine):
    """The real mail beside the pretended one."""

    rig: Rig

    def __init__(self) -> None:
        super().__init__()
        self.fleet = f"f{next(_fleets)}"
        self.model = MemoryMail()
        self.ids: list[str] = []
        self.count = 0
        self.mail = self._client()

    def _client(self) -> RedisMail:
        revive = lambda: self.rig.server.start(3.0)  # noqa: E731
        return RedisMail(parse(self.rig.url), self.fleet, revive=revive)

    def _named(self, letter: Message) -> Message:
        self.count += 1
        made = {name: getattr(letter, name) for name in Message.__slots__}
        return Message(**{**made, "id": message_id(self.count, 7)})

    @rule(letters=st.lists(LETTERS, min_size=1, max_size=4))
    def send(self, letters: list[Message]) -> None:
        batch = [self._named(letter) for letter in letters]
        kept = self.mail.accept(batch)
        assert [(a.id, a.again) for a in kept] == [
            (a.id, a.again) for a in self.model.accept(batch)
        ]
        self.ids += [message.id for message in batch]

    @rule(letter=LETTERS, when=st.sampled_from(["before", "after"]))
    def send_and_crash(self, letter: Message, when: str) -> None:
        """The sender never hears of it, begins anew, and sends it with the same key."""
        first = self._named(letter)
        if when == "after":
            self.mail.accept([first])
            self.model.accept([first])
            self.ids.append(first.id)
        self.mail = self._client()
        if first.key:
            self.send([letter])

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def send_the_very_same(self, data: st.DataObject) -> None:
        kept = self.model.find(data.draw(st.sampled_from(self.ids)))
        if kept is not None:
            assert [a.id for a in self.mail.accept([kept.message])] == [kept.message.id]

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(self.ids), min_size=1, max_size=4))
        proofs = [
            (name, Proof(data.draw(st.sampled_from(STAGES)), float(n), f"word {n}"))
            for n, name in enumerate(names)
        ]
        self.mail.prove(proofs)
        self.model.prove(proofs)

    @rule()
    def kill_the_store(self) -> None:
        os.kill(self.rig.pid, signal.SIGKILL)
        assert self.rig.server._gone_within(5)

    @invariant()
    def both_show_the_same(self) -> None:
        fresh = self._client()
        assert fresh.receivers() == self.model.receivers()
        for to in RECEIVERS:
            assert list(fresh.inbox(to)) == list(self.model.inbox(to))
        assert list(fresh.listing(limit=1000)) == list(self.model.listing(limit=1000))
        assert list(fresh.listing(SENDERS[0], 3)) == list(self.model.listing(SENDERS[0], 3))
        assert list(fresh.dead()) == list(self.model.dead())
        fresh.close()

    @invariant()
    def what_is_open_is_once_in_one_inbox_in_order(self) -> None:
        shown: list[Tracked] = []
        for to in RECEIVERS:
            inbox = list(self.model.inbox(to))
            ranks = [(-k.message.priority, k.message.at, k.message.id) for k in inbox]
            assert ranks == sorted(ranks)
            assert all(k.open and k.message.to == to for k in inbox)
            shown += inbox
        everything = [k.message.id for k in self.model.listing(limit=1000) if k.open]
        assert sorted(k.message.id for k in shown) == sorted(everything)

    def teardown(self) -> None:
        self.mail.close()


@pytest.fixture(params=BINARIES[:1])
def server(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="nv-") as folder:
        rig = Rig(Path(folder), request.param)
        rig.server.start()
        yield rig
        rig.server.stop()


@pytest.mark.skipif(not BINARIES, reason="no store server is here")
def test_real_mail_is_as_the_pretended_one(server: Rig) -> None:
    Post.rig = server
    run_state_machine_as_test(
        Post,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes very long
            suppress_health_check=list(HealthCheck),
        ),
    )
