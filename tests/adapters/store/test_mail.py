"""One contract for all mail: each real server that is here, each one named, and the pretended.

NOVAORCH_TEST_STORES=url,url adds servers.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.memory import MemoryMail
from reconciler.adapters.mint import Mint
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.redis_store import connect
from reconciler.core.admission import INBOX_MAX
from reconciler.model.message import BODY_BYTES_MAX, Message, Priority, Proof, Stage
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.ports.agents import Mail
from tests.adapters.store.conftest import BINARIES, Rig

NAMED = [url for url in os.environ.get("NOVAORCH_TEST_STORES", "").split(",") if url]
TORCH, ANVIL = "demo/agent/torch", "demo/agent/anvil"

Box = RedisMail | MemoryMail
Open = Callable[[], Box]
mint = Mint()
_tick = itertools.count(1_000)


def letter(body: str = "hello", to: str = TORCH, **fields: Any) -> Message:
    """A message a second later than the one before."""
    given = {"sender": "person:Ada", "at": float(next(_tick)), **fields}
    return Message(id=mint(), to=to, body=body, **given)


def proof(stage: Stage, at: float = 5.0, evidence: str = "seen") -> Proof:
    return Proof(stage, at, evidence)


@pytest.fixture(scope="module", params=["memory", *BINARIES, *NAMED])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A url that answers, or `memory`."""
    if request.param not in BINARIES:
        yield request.param
        return
    with tempfile.TemporaryDirectory(prefix="nv-") as folder:
        rig = Rig(Path(folder), request.param)
        rig.server.start()
        yield rig.url
        rig.server.stop()


@pytest.fixture
def opened(server: str) -> Iterator[Open]:
    """Open the same mail as often as you like: each is another process's view of it."""
    if server == "memory":
        pretended = MemoryMail()
        yield lambda: pretended
        return
    made: list[RedisMail] = []
    fleet = f"test-{uuid.uuid4().hex[:12]}"

    def another() -> Box:
        made.append(RedisMail(parse(server), fleet))
        return made[-1]

    yield another
    for mail in made:
        mail.close()
    client: Any = connect(parse(server))
    for name in client.scan_iter(f"nova:{{{fleet}}}:*"):
        client.delete(name)
    client.close()


def bodies(mail: Mail, to: str = TORCH) -> list[str]:
    return [kept.message.body for kept in mail.inbox(to)]


def test_what_was_accepted_is_in_the_inbox_of_everybody(opened: Open) -> None:
    sent = letter("hi ü \U0001f600\nsecond\tline", key="k", reply_to="m1", expires=9e9)
    assert [a.id for a in opened().accept([sent])] == [sent.id]
    kept, *rest = opened().inbox(TORCH)
    assert (kept.message, rest) == (sent, [])
    assert [p.stage for p in kept.proofs] == [Stage.ACCEPTED]
    assert (kept.proofs[0].at, kept.open) == (sent.at, True)
    assert opened().inbox(ANVIL) == ()
    assert opened().receivers() == (TORCH,)


def test_the_most_urgent_come_first_and_then_the_oldest(opened: Open) -> None:
    mail = opened()
    ranks = [Priority.NORMAL, Priority.LOW, Priority.URGENT, Priority.NORMAL, Priority.HIGH]
    mail.accept([letter(f"{n} {rank.name}", priority=rank) for n, rank in enumerate(ranks)])
    mail.accept([letter("older", at=1.0), letter("oldest", at=0.5)])
    told = ["2 URGENT", "4 HIGH", "oldest", "older", "0 NORMAL", "3 NORMAL", "1 LOW"]
    assert bodies(mail) == told
    assert [kept.message.body for kept in mail.inbox(TORCH, 2)] == told[:2]


def test_a_key_of_the_same_sender_is_the_same_message(opened: Open) -> None:
    first = letter("once", key="deploy-7")
    (kept,) = opened().accept([first])
    (again,) = opened().accept([letter("twice", key="deploy-7")])
    (other,) = opened().accept([letter("mine", key="deploy-7", sender=ANVIL)])
    assert (kept.again, again.again, again.id, other.again) == (False, True, first.id, False)
    assert bodies(opened()) == ["once", "mine"]
    one, two = opened().accept([letter("a", key="same"), letter("b", key="same")])
    assert (one.id == two.id, one.again, two.again) == (True, False, True)


def test_the_same_message_twice_is_one(opened: Open) -> None:
    sent = letter()
    for _ in range(2):
        (kept,) = opened().accept([sent])
        assert kept.id == sent.id
    assert len(opened().inbox(TORCH)) == 1
    assert len(opened().listing()) == 1


def test_a_key_is_remembered_when_its_message_has_ended(opened: Open) -> None:
    mail, first = opened(), letter(key="k")
    mail.accept([first])
    mail.prove([(first.id, proof(Stage.READ))])
    (again,) = opened().accept([letter(key="k")])
    assert (again.id, again.again) == (first.id, True)
    assert opened().inbox(TORCH) == ()


def test_stages_are_written_down_once_and_injections_each_time(opened: Open) -> None:
    mail, sent = opened(), letter()
    mail.accept([sent])
    steps = [
        proof(Stage.ADMITTED, 1.5, "room"),
        proof(Stage.ADMITTED, 2.5, "again"),
        proof(Stage.INJECTED, 3.25, "paste  into\n%1"),
        proof(Stage.INJECTED, 4.0, "Enter"),
    ]
    for step in steps:
        mail.prove([(sent.id, step)])
    (kept,) = opened().inbox(TORCH)
    assert kept.stage is Stage.INJECTED
    assert kept.proofs[1:] == (
        steps[0],
        replace(steps[2], evidence="paste into %1"),
        steps[3],
    )


def test_what_was_submitted_leaves_the_inbox_and_is_still_known(opened: Open) -> None:
    mail, sent, other = opened(), letter("a"), letter("b")
    mail.accept([sent, other])
    mail.prove([(sent.id, proof(Stage.SUBMITTED)), (sent.id, proof(Stage.READ, 6.0))])
    assert bodies(mail) == ["b"]
    kept = opened().find(sent.id)
    assert kept is not None
    assert (kept.stage, kept.open, kept.message) == (Stage.READ, False, sent)
    mail.prove([(other.id, proof(Stage.READ))])
    assert (mail.receivers(), mail.inbox(TORCH)) == ((), ())
    mail.accept([letter("c")])
    assert (mail.receivers(), bodies(mail)) == ((TORCH,), ["c"])


def test_all_of_several_are_proved_in_one_go(opened: Open) -> None:
    mail, many = opened(), [letter(str(n), to=f"demo/agent/a{n % 7}") for n in range(40)]
    mail.accept(many)
    opened().prove([(m.id, proof(Stage.SUBMITTED)) for m in many[:39]])
    assert mail.receivers() == (many[39].to,)


def test_an_unknown_message_is_passed_over(opened: Open) -> None:
    mail, sent = opened(), letter()
    mail.accept([sent])
    mail.prove(
        [(mint(), proof(Stage.READ)), (sent.id, proof(Stage.ADMITTED)), ("", proof(Stage.READ))]
    )
    assert [kept.stage for kept in mail.inbox(TORCH)] == [Stage.ADMITTED]
    assert mail.find(mint()) is None


def test_dead_letters_have_a_reason_and_what_was_read_never_dies(opened: Open) -> None:
    mail, lost, read = opened(), letter("lost"), letter("read")
    mail.accept([lost, read])
    mail.prove([(read.id, proof(Stage.READ)), (read.id, proof(Stage.DEAD, 7.0, "expired"))])
    mail.prove([(lost.id, proof(Stage.DEAD, 7.0, "expired"))])
    (kept,) = opened().dead()
    assert (kept.message, kept.stage, kept.proofs[-1].evidence) == (lost, Stage.DEAD, "expired")
    assert mail.receivers() == ()
    mail.prove([(lost.id, proof(Stage.SUBMITTED, 8.0, "after all"))])
    (kept,) = opened().dead()
    assert [p.stage for p in kept.proofs] == [Stage.ACCEPTED, Stage.DEAD, Stage.SUBMITTED]


def test_the_newest_dead_letter_comes_first(opened: Open) -> None:
    mail, many = opened(), [letter(str(n)) for n in range(5)]
    mail.accept(many)
    for sent in many:
        mail.prove([(sent.id, proof(Stage.DEAD))])
    assert [kept.message.body for kept in mail.dead(3)] == ["4", "3", "2"]


def test_a_message_is_found_by_the_beginning_of_its_id(opened: Open) -> None:
    mail, one, two = opened(), letter(), letter()
    mail.accept([one, two])
    length = next(n for n in range(27) if one.id[n] != two.id[n])
    shared = one.id[:length]
    found = mail.find(two.id[: length + 1])
    assert found is not None
    assert found.message == two
    assert mail.find(shared) is None
    assert mail.find("") is None
    assert mail.find("zzz\xff") is None


def test_listings_are_newest_first_of_all_or_of_one(opened: Open) -> None:
    mail = opened()
    mail.accept([letter("1"), letter("2", to=ANVIL), letter("3", to=ANVIL, sender=TORCH)])
    assert [kept.message.body for kept in mail.listing()] == ["3", "2", "1"]
    assert [kept.message.body for kept in mail.listing(TORCH)] == ["3", "1"]
    assert [kept.message.body for kept in mail.listing("person:Ada")] == ["2", "1"]
    assert [kept.message.body for kept in mail.listing(limit=1)] == ["3"]
    assert mail.listing("nobody") == ()


def test_odd_names_are_names(opened: Open) -> None:
    mail, to = opened(), 'person:Ünïcode "O\'Brien"  *?[x]{y}:z'
    mail.accept([letter("a", to=to, sender=to, key="ключ :*")])
    assert (mail.receivers(), bodies(mail, to)) == ((to,), ["a"])
    assert mail.accept([letter("b", to=to, sender=to, key="ключ :*")])[0].again


def test_half_a_surrogate_pair_becomes_a_question_mark(opened: Open) -> None:
    mail = opened()
    mail.accept([letter("half \udc80 pair")])
    assert bodies(mail) == ["half ? pair"]


def test_a_body_is_as_long_as_it_may_be_and_no_longer(opened: Open) -> None:
    mail = opened()
    whole = "ü" * (BODY_BYTES_MAX // 2)
    mail.accept([letter(whole)])
    assert bodies(mail) == [whole]
    for wrong in (letter(whole + "x"), letter(to=""), letter(key="a\nb"), letter(sender="x" * 256)):
        with pytest.raises(NovaorchError) as caught:
            mail.accept([letter("good"), wrong])
        assert caught.value.fix
    assert len(mail.inbox(TORCH)) == 1, "the good one of a refused batch is not kept either"


def test_one_too_many_is_a_dead_letter_with_the_reason(opened: Open) -> None:
    mail = opened()
    mail.accept([letter(str(n)) for n in range(INBOX_MAX - 1)])
    fits, not_any_more = letter("fits"), letter("too many", key="k")
    assert len(mail.accept([fits, not_any_more, letter("elsewhere", to=ANVIL)])) == 3
    assert len(mail.inbox(TORCH, 5_000)) == INBOX_MAX
    (dead,) = opened().dead()
    assert (dead.message, dead.proofs[-1].stage, dead.open) == (not_any_more, Stage.DEAD, False)
    assert "inbox full" in dead.proofs[-1].evidence
    assert bodies(mail, ANVIL) == ["elsewhere"]
    assert mail.accept([letter(key="k")])[0].again
    mail.prove([(fits.id, proof(Stage.READ)), (not_any_more.id, proof(Stage.DEAD))])
    mail.prove([(not_any_more.id, proof(Stage.SUBMITTED))])
    mail.accept([letter("room again")])
    assert mail.inbox(TORCH, 5_000)[-1].message.body == "room again"
    assert len(mail.dead()) == 1


def test_nothing_is_sent_and_nothing_is_proved(opened: Open) -> None:
    assert opened().accept([]) == ()
    opened().prove([])


def test_the_bell_tells_whose_inbox(opened: Open) -> None:
    mail = opened()
    assert mail.rung(0.05) == ()
    mail.accept([letter(), letter(to=ANVIL), letter()])
    assert sorted({name for _ in range(2) for name in mail.rung(0.05)}) == [ANVIL, TORCH]
    assert mail.rung(0.05) == ()


def test_what_rang_while_nobody_listened_is_heard(opened: Open) -> None:
    sent = letter()
    opened().accept([sent])
    late = opened()
    assert late.rung(5) == (TORCH,)
    assert late.rung(0.05) == ()
    late.close()
    assert late.rung(5) == (TORCH,), "who listens anew hears of what is open once more"


def test_a_bell_wakes_who_waits(opened: Open) -> None:
    mail = opened()
    heard: list[str] = []
    mail.rung(0.01)
    thread = threading.Thread(target=lambda: heard.extend(mail.rung(20)))
    thread.start()
    time.sleep(0.05)
    opened().accept([letter()])
    thread.join(20)
    assert heard == [TORCH]


def test_many_threads_may_call(opened: Open) -> None:
    mail, failed = opened(), []

    def work(name: str) -> None:
        try:
            for n in range(20):
                sent = letter(str(n), to=name, key=str(n), sender=name)
                mail.accept([sent])
                mail.prove([(sent.id, proof(Stage.SUBMITTED))] if n % 2 else [])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"demo/agent/a{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed
    assert {len(mail.inbox(f"demo/agent/a{i}")) for i in range(8)} == {10}


def test_mail_that_does_not_answer_says_how_to_mend_it(opened: Open) -> None:
    mail: Mail = opened()
    if isinstance(mail, MemoryMail):
        mail.down = True
    else:
        mail = RedisMail(parse("unix:///nowhere/s"), "demo")
    calls: list[Callable[[], object]] = [
        lambda: mail.accept([letter()]),
        lambda: mail.prove([(mint(), proof(Stage.READ))]),
        lambda: mail.inbox(TORCH),
        mail.receivers,
        lambda: mail.find("m1"),
        mail.listing,
        mail.dead,
        lambda: mail.rung(0.01),
    ]
    for call in calls:
        with pytest.raises(BlindError) as caught:
            call()
        assert caught.value.fix
