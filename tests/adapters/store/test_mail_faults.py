"""Mail whose server dies, hangs, is full, forgets or lies. Nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.mint import Mint
from reconciler.adapters.store import letters
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.redis_store import connect
from reconciler.model.message import Message, Proof, Stage, Tracked
from reconciler.model.problems import BlindError, NovaorchError
from tests.adapters.store.conftest import Rig

TO = "demo/agent/torch"
INBOX = "nova:{demo}:inbox:" + TO
mint = Mint()

Live = tuple[Rig, RedisMail, Any]


def letter(body: str = "hello", **fields: Any) -> Message:
    return Message(mint(), "person:Ada", TO, body, time.time(), **fields)


def proof(stage: Stage) -> Proof:
    return Proof(stage, 5.0, "seen")


@pytest.fixture
def live(rig: Rig) -> Iterator[Live]:
    rig.server.start()
    revive = lambda: rig.server.start(0.8)  # noqa: E731
    mail = RedisMail(parse(rig.url), "demo", revive=revive, settle=rig.server.settle)
    yield rig, mail, connect(parse(rig.url))
    mail.close()


class Crowd:
    """Threads that each have mail of their own at one server, and go on until it is over."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.over = threading.Event()
        self.failed: list[Exception] = []
        self.threads: list[threading.Thread] = []
        self.kept: dict[str, set[str]] = {}
        self.ended: set[str] = set()

    def mail(self) -> RedisMail:
        return RedisMail(parse(self.rig.url), "demo", revive=lambda: self.rig.server.start(2.0))

    def sends(self, name: str) -> None:
        self.kept[name] = set()
        self._starts(lambda mail: self._send(mail, name))

    def proves(self) -> None:
        self._starts(self._prove)

    def ends(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(20)

    def _send(self, mail: RedisMail, name: str) -> None:
        key = f"{name}{len(self.kept[name])}"
        while not self.over.is_set():
            try:  # each time as a client that crashed would: another id, the same key
                (said,) = mail.accept([replace(letter("body " * 50, key=key), sender=name)])
            except BlindError:
                continue
            self.kept[name].add(said.id)
            break

    def _prove(self, mail: RedisMail) -> None:
        with contextlib.suppress(BlindError):
            for waiting in mail.inbox(TO, 3):
                mail.prove([(waiting.message.id, proof(Stage.SUBMITTED))])
                self.ended.add(waiting.message.id)

    def _starts(self, work: Callable[[RedisMail], None]) -> None:
        def run() -> None:
            mail = self.mail()
            try:
                while not self.over.is_set():
                    work(mail)
            except Exception as error:
                self.failed.append(error)
            mail.close()

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()


def test_a_server_killed_again_and_again_loses_nothing_that_was_acknowledged(live: Live) -> None:
    rig, mail, _ = live
    crowd = Crowd(rig)
    crowd.sends("ann")
    crowd.sends("bob")
    crowd.proves()
    for _ in range(6):
        time.sleep(0.15)
        os.kill(rig.pid, signal.SIGKILL)  # the crowd starts it again
    time.sleep(0.15)
    crowd.ends()
    rig.kill()
    assert not crowd.failed
    everything = list(mail.listing(limit=100_000))
    waiting = {kept.message.id for kept in mail.inbox(TO, 100_000)}
    assert crowd.ended
    assert not waiting & crowd.ended, "what was proved stays proved"
    for name, acknowledged in crowd.kept.items():
        theirs = {k.message.id: k.message.key for k in everything if k.message.sender == name}
        assert len(acknowledged) > 50, "this showed nothing"
        assert acknowledged <= theirs.keys()
        assert len(theirs.keys() - acknowledged) <= 1, "that whose answer was cut off last"
        assert len(set(theirs.values())) == len(theirs), "one message a key"
        assert waiting >= acknowledged - crowd.ended - _proved(everything)


def _proved(everything: Iterable[Tracked]) -> set[str]:
    """Return those whose proof arrived although its acknowledgement was cut off."""
    return {kept.message.id for kept in everything if not kept.open}


def test_a_connection_that_was_cut_is_made_anew(live: Live) -> None:
    rig, mail, _ = live
    first = letter()
    mail.accept([first])
    rig.kill()
    rig.server.start()
    assert [kept.message for kept in mail.inbox(TO)] == [first]
    rig.kill()  # and now nobody starts it but the next call
    mail.prove([(first.id, proof(Stage.SUBMITTED))])
    assert mail.inbox(TO) == ()


def test_a_server_that_cannot_be_revived_is_blind(rig: Rig) -> None:
    def no() -> None:
        raise NovaorchError("no binary", why="gone", fix="install it")

    mail = RedisMail(parse(rig.url), "demo", revive=no)
    with pytest.raises(BlindError) as caught:
        mail.accept([letter()])
    assert caught.value.fix == "install it"


def test_a_full_server_keeps_all_of_a_batch_or_nothing(live: Live) -> None:
    _, mail, client = live
    before = letter("before")
    mail.accept([before])
    client.config_set("maxmemory", "1")
    for call in (
        lambda: mail.accept([letter("x" * 1000), letter("y")]),
        lambda: mail.prove([(before.id, proof(Stage.ADMITTED))]),
    ):
        with pytest.raises(BlindError) as caught:
            call()
        assert "memory" in caught.value.fix
    assert [k.message for k in mail.inbox(TO)] == [before], "reading goes on"
    client.config_set("maxmemory", "0")
    assert [k.message for k in mail.listing()] == [before]
    assert len(client.keys("nova:{demo}:message:*")) == 1


def test_a_replica_is_blind(live: Live) -> None:
    _, mail, client = live
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(BlindError) as caught:
        mail.accept([letter()])
    assert "primary" in caught.value.fix
    client.execute_command("REPLICAOF", "NO", "ONE")
    assert mail.inbox(TO) == ()


def test_a_stalled_server_costs_one_wait(live: Live) -> None:
    rig, mail, _ = live
    mail.rung(0.01)
    rig.stall()
    try:
        before = time.monotonic()
        with pytest.raises(BlindError):
            mail.accept([letter()])
        assert time.monotonic() - before < 1.5
    finally:
        rig.go_on()
    mail.accept([letter("after")])
    assert "after" in [k.message.body for k in mail.inbox(TO)]


def test_a_listener_hears_again_when_the_server_is_back(live: Live) -> None:
    rig, mail, _ = live
    mail.rung(0.01)
    rig.kill()
    with pytest.raises(BlindError):
        mail.rung(1.0)
    RedisMail(parse(rig.url), "demo", revive=rig.server.start).accept([letter()])
    assert mail.rung(5.0) == (TO,)


def test_a_flushed_server_is_an_empty_one(live: Live) -> None:
    _, mail, client = live
    sent = letter()
    mail.accept([sent])
    client.flushall()
    mail.prove([(sent.id, proof(Stage.SUBMITTED))])
    assert (mail.inbox(TO), mail.receivers(), mail.find(sent.id)) == ((), (), None)
    mail.accept([sent])
    assert [k.message for k in mail.inbox(TO)] == [sent]


@pytest.mark.parametrize("name", ["receivers", "all", "of:person:Ada", "of:" + TO, "bell"])
def test_an_index_of_a_wrong_type_costs_no_message(live: Live, name: str) -> None:
    _, mail, client = live
    client.set("nova:{demo}:" + name, "planted")
    sent = letter(key="k")
    mail.accept([sent])
    assert [k.message for k in mail.inbox(TO)] == [sent]
    if name != "all":
        mail.prove([(sent.id, proof(Stage.SUBMITTED))])
        assert mail.inbox(TO) == ()


def test_an_inbox_of_a_wrong_type_is_refused_whole(live: Live) -> None:
    _, mail, client = live
    client.set(INBOX, "planted")
    other = replace(letter(), to="demo/agent/anvil")
    with pytest.raises(BlindError):
        mail.accept([letter()])
    assert client.keys("nova:{demo}:message:*") == []
    mail.accept([other])
    assert [k.message for k in mail.inbox(other.to)] == [other]


def test_garbage_in_an_inbox_is_swept_out(live: Live) -> None:
    _, mail, client = live
    sent = letter()
    mail.accept([sent])
    client.xadd(INBOX, {"m": b"\xff\xfe", "p": "high", "a": "nan"})
    client.xadd(INBOX, {"x": "y"})
    client.xadd(INBOX, {"m": mint(), "p": "3", "a": "1"})
    client.hset("nova:{demo}:message:m0", mapping={"m": "[", "p": "", "e": "0-1"})
    client.xadd(INBOX, {"m": "m0", "p": "3", "a": "1"})
    assert [k.message for k in mail.inbox(TO)] == [sent]
    assert client.xlen(INBOX) == 1
    client.delete(f"nova:{{demo}}:message:{sent.id}")
    assert mail.inbox(TO) == ()
    assert (client.exists(INBOX), mail.receivers()) == (0, ())


def test_what_a_runtime_was_given_is_pending_until_it_is_proved(live: Live) -> None:
    _, mail, client = live
    sent = letter()
    mail.accept([sent])
    assert client.xpending(INBOX, letters.GROUP)["pending"] == 0
    for _ in range(2):
        mail.prove([(sent.id, proof(Stage.INJECTED))])
        assert client.xpending(INBOX, letters.GROUP)["pending"] == 1
    mail.accept([letter("another")])
    mail.prove([(sent.id, proof(Stage.SUBMITTED))])
    assert client.xpending(INBOX, letters.GROUP)["pending"] == 0
    assert client.xlen(INBOX) == 1


def test_only_what_has_ended_expires(live: Live) -> None:
    _, mail, client = live
    ended, dead, waiting = letter(key="1"), letter(key="2"), letter(key="3")
    mail.accept([ended, dead, waiting])
    mail.prove([(ended.id, proof(Stage.SUBMITTED)), (dead.id, proof(Stage.DEAD))])
    days = {
        sent.id: client.ttl(f"nova:{{demo}}:message:{sent.id}") / 86_400
        for sent in (ended, dead, waiting)
    }
    assert 29.9 < days[ended.id] <= 30
    assert 29.9 < days[dead.id] <= 30
    assert days[waiting.id] < 0
    lasting = [key for key in client.keys("nova:{demo}:key:*") if client.ttl(key) < 0]
    assert len(lasting) == 1


def test_of_what_has_ended_so_many_are_kept(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    _, mail, client = live
    monkeypatch.setattr(letters, "FINISHED_MAX", 5)
    waiting = letter("waiting")
    mail.accept([waiting])
    for n in range(12):
        sent = letter(str(n))
        mail.accept([sent])
        mail.prove([(sent.id, proof(Stage.READ))])
    assert len(client.keys("nova:{demo}:message:*")) == 6
    assert [k.message.body for k in mail.listing()] == ["11", "10", "9", "8", "7", "waiting"]
    monkeypatch.setattr(letters, "KEPT_S", -1.0)
    mail.prove([(waiting.id, proof(Stage.ADMITTED))])
    assert [k.message.body for k in mail.listing()] == ["waiting"]


def test_every_key_is_the_fleets_and_idle_leaves_little(live: Live) -> None:
    _, mail, client = live
    sent = letter(key="k")
    mail.accept([sent])
    mail.prove([(sent.id, proof(Stage.INJECTED)), (sent.id, proof(Stage.DEAD))])
    names = {k.decode().removeprefix("nova:{demo}:").partition(":")[0] for k in client.keys("*")}
    assert names == {"message", "key", "of", "all", "ended", "bell", "dead"}


def test_injections_are_noted_up_to_a_limit(live: Live) -> None:
    _, mail, _ = live
    sent = letter()
    mail.accept([sent])
    for _ in range(150):
        mail.prove([(sent.id, Proof(Stage.INJECTED, 1.0, "x" * 290))])
    (kept,) = mail.inbox(TO)
    assert 50 < len(kept.proofs) < 70
    mail.prove([(sent.id, proof(Stage.SUBMITTED))])
    found = mail.find(sent.id)
    assert found is not None
    assert found.stage is Stage.SUBMITTED


def test_what_is_written_reaches_the_disk_once_a_second_and_at_the_end(rig: Rig) -> None:
    rig.server.start()
    calls: list[float] = []
    mail = RedisMail(parse(rig.url), "demo", settle=lambda: calls.append(1.0))
    mail.close()
    assert not calls
    for _ in range(3):
        mail.accept([letter()])
        mail.rung(0.001)
    assert len(calls) == 1
    mail.close()
    assert len(calls) == 2
    rig.server.settle()
