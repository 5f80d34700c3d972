"""`send`, `inbox`, `messages` and `why MESSAGE`, on a real store, with no controller at work."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.server import find_server
from reconciler.cli.app import run
from reconciler.model.message import Proof, Stage
from reconciler.wiring import Wiring
from tests.adapters.git.sandbox import Sandbox

pytestmark = pytest.mark.skipif(find_server(os.environ) is None, reason="no store server is here")

FLEET = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: demo}\nspec: {tmux: {socket: nl}}\n"
AGENT = (
    "apiVersion: novaorch/v1\nkind: Agent\nmetadata: {name: NAME, labels: {role: ROLE}}\n"
    "spec: {command: [sleep, '1000']}\n"
)


class Office:
    """A fleet's repository, its mail, and a person who types commands."""

    def __init__(self, repo: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self._repo, self._capsys = repo, capsys
        repo.write("fleet.yaml", FLEET)
        for place, role in (("web/torch", "lead"), ("web/anvil", "smith"), ("ops/torch", "lead")):
            project, name = place.split("/")
            text = AGENT.replace("NAME", name).replace("ROLE", role)
            repo.write(f"{project}/agents/{name}.yaml", text)
        repo.commit("a wish")
        self.wiring = Wiring(repo.path)
        self.fleet = self.wiring.followed.read().fleet
        self.state = self.wiring.state(self.fleet)
        self.mail: RedisMail = self.wiring.mail(self.fleet, start=True)

    def types(self, *words: str, expect: int = 0) -> tuple[str, str]:
        """Run one command line; return what it said, and what it complained of."""
        code = run(["-C", str(self._repo.path), *words])
        said = self._capsys.readouterr()
        assert code == expect, f"{words}: {said.out}{said.err}"
        return said.out, said.err

    def records(self, *words: str, expect: int = 0) -> list[dict[str, Any]]:
        out, _ = self.types(*words, "--json", expect=expect)
        return [json.loads(line) for line in out.splitlines()]

    def sent(self, *words: str) -> str:
        """Send, and return the id."""
        (said,) = self.records("send", *words)
        return str(said["id"])

    def proves(self, name: str, *stages: Stage) -> None:
        self.mail.prove([(name, Proof(stage, time.time(), f"seen {stage}")) for stage in stages])

    def close(self) -> None:
        self.mail.close()
        self.wiring.close()
        EmbeddedServer(self.state, os.environ).stop()


@pytest.fixture
def office(repo: Sandbox, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    made = Office(repo, capsys)
    yield made
    made.close()


def test_within_an_agent_its_token_says_who_sends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = office.wiring.tokens(office.fleet).mint("web/agent/torch")
    monkeypatch.setenv("NOVAORCH_FLEET", "demo")
    monkeypatch.setenv("NOVAORCH_UNIT", "web/agent/anvil")  # anybody can say that
    monkeypatch.setenv("NOVAORCH_TOKEN", token)
    assert office.records("send", "anvil", "hot")[0]["sender"] == "web/agent/torch"
    _, err = office.types("send", "anvil", "now!", "--priority", "urgent", expect=3)
    assert "web/agent/torch may not send with priority urgent" in err
    _, err = office.types("decisions", "allow", "dabcde", expect=3)
    assert "web/agent/torch may not answer what agents ask" in err


def test_a_token_that_is_nobodys_sends_nothing_in_a_persons_name(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVAORCH_FLEET", "demo")
    monkeypatch.setenv("NOVAORCH_TOKEN", "nobodys")
    _, err = office.types("send", "anvil", "hot", expect=3)
    assert "NOVAORCH_TOKEN is malformed" in err
    monkeypatch.setenv("NOVAORCH_FLEET", "another")  # then it is none of this fleet's business
    assert office.records("send", "anvil", "hot")[0]["sender"] == "person:Ada"


def test_a_message_that_expires_at_once_is_refused(office: Office) -> None:
    _, err = office.types("send", "anvil", "hot", "--expires", "0s", expect=64)
    assert "expires at once" in err


def test_what_is_sent_is_durable_and_in_the_inbox(office: Office) -> None:
    out, _ = office.types("send", "anvil", "make", "it", "so")
    name = out.split()[0]
    assert out == f"{name}  to web/agent/anvil: accepted\n"
    (kept,) = office.mail.inbox("web/agent/anvil")
    assert (kept.message.id, kept.message.body) == (name, "make it so")
    assert kept.message.sender == "person:Ada"
    said, _ = office.types("inbox", "anvil")
    assert "| make it so" in said
    assert office.types("inbox", "web/torch")[0] == "nothing is open for web/agent/torch\n"


def test_it_works_when_no_store_runs(office: Office) -> None:
    office.mail.close()
    EmbeddedServer(office.state, os.environ).stop()
    _, err = office.types("inbox", "anvil", expect=1)
    assert "no store is running" in err
    office.types("send", "anvil", "hello")
    assert len(office.mail.inbox("web/agent/anvil")) == 1


def test_every_option_reaches_the_message(office: Office) -> None:
    first = office.sent("anvil", "question")
    words = ["anvil", "answer", "--reply-to", first[:12], "-p", "urgent", "--key", "k"]
    name = office.sent(*words, "--expires", "2h")
    kept = office.mail.find(name)
    assert kept is not None
    message = kept.message
    assert (message.reply_to, message.thread, message.key) == (first, first, "k")
    assert message.priority == 3
    assert 7190 < message.expires - time.time() <= 7200
    (again,) = office.records("send", *words)
    assert (again["id"], again["again"]) == (name, True)
    assert "sent before" in office.types("send", *words)[0]


def test_many_are_written_to_at_once(office: Office) -> None:
    said = office.records("send", "@role=lead", "hi", "--key", "k")
    assert [one["to"] for one in said] == ["ops/agent/torch", "web/agent/torch"]
    assert len({one["thread"] for one in said}) == 1
    assert all(one["again"] for one in office.records("send", "@role=lead", "hi", "--key", "k"))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["torch", "x"], 64, "ops/torch, web/torch"),
        (["anvl", "x"], 1, "did you mean anvil?"),
        (["anvil", ""], 1, "empty"),
        (["anvil", "x" * 65_537], 1, "too long"),
        (["anvil", "x", "-p", "huge"], 64, "low, normal, high, urgent"),
        (["anvil", "x", "--wait", "sent"], 64, "accepted, admitted"),
        (["anvil", "x", "--timeout", "soon"], 64, "30s"),
        (["anvil", "x", "--expires", "never"], 64, "10m"),
        (["anvil", "x", "--reply-to", "m0nothing"], 1, "novaorch messages"),
    ],
)
def test_what_is_refused_sends_nothing(
    office: Office, words: list[str], code: int, says: str
) -> None:
    _, err = office.types("send", *words, expect=code)
    assert says in err
    assert office.mail.listing() == ()


def test_waiting_ends_when_it_came_so_far(office: Office) -> None:
    def deliver() -> None:
        (who,) = office.mail.rung(20)
        (kept,) = office.mail.inbox(who)
        office.proves(kept.message.id, Stage.ADMITTED, Stage.INJECTED)
        time.sleep(0.1)
        office.proves(kept.message.id, Stage.SUBMITTED)

    office.mail.rung(0.01)
    courier = threading.Thread(target=deliver)
    courier.start()
    out, _ = office.types("send", "anvil", "hi", "--wait", "submitted", "--timeout", "20s")
    courier.join()
    assert "submitted after" in out
    assert "(seen submitted)" in out


def test_not_in_time_says_how_far_and_why(office: Office) -> None:
    _, err = office.types("send", "anvil", "x", "--wait", "read", "--timeout", "50ms", expect=1)
    assert "is accepted" in err
    assert "not read, after 0.05 s" in err
    assert "no controller is at work" in err
    assert "novaorch why m" in err
    assert len(office.mail.inbox("web/agent/anvil")) == 1, "it is kept all the same"


def test_waiting_ends_at_once_when_it_is_given_up(office: Office) -> None:
    name = office.sent("anvil", "x", "--key", "k")
    office.proves(name, Stage.DEAD)
    words = ["send", "anvil", "x", "--key", "k", "--wait", "read", "--timeout", "60s"]
    _, err = office.types(*words, expect=1)
    assert "is dead (seen dead)" in err
    _, err = office.types("send", "anvil", "x", "--key", "k", expect=1)
    assert "will not be delivered" in err


def test_ones_own_inbox_and_taking_it_as_read(office: Office) -> None:
    name = office.sent("person:Ada", "to myself")
    office.sent("person:Grace", "to another")
    assert "to myself" in office.types("inbox")[0]
    assert [one["id"] for one in office.records("inbox")] == [name]
    assert "person:Ada" in office.types("inbox", "person:Grace", "--done", expect=64)[1]
    office.types("inbox", "anvil", "--done", expect=64)
    office.types("inbox", "--done")
    assert office.types("inbox")[0] == "nothing is open for person:Ada\n"
    kept = office.mail.find(name)
    assert kept is not None
    assert kept.stage is Stage.READ


def test_messages_are_listed_by_who_and_how_far(office: Office) -> None:
    one, two = office.sent("anvil", "1"), office.sent("web/torch", "2")
    three = office.sent("person:Ada", "3")
    office.proves(one, Stage.SUBMITTED)
    office.proves(two, Stage.DEAD)

    def ids(*words: str) -> list[str]:
        return [said["id"] for said in office.records("messages", *words)]

    assert ids() == [three, two, one]
    assert ids("-n", "1") == [three]
    assert ids("--to", "anvil") == [one]
    assert ids("--from", "person:Ada", "--to", "web/torch") == [two]
    assert ids("--stage", "submitted") == [one]
    assert ids("--dead") == ids("--stage", "dead") == [two]
    assert ids("--to", "web/agent/removed") == ids("--from", "novaorch") == []
    assert "seen dead" in office.types("messages", "--dead")[0]
    assert office.types("messages", "--from", "novaorch")[0] == "no such messages\n"
    assert "| 2" in office.types("messages", two)[0]
    office.types("messages", "--stage", "x", expect=64)
    office.types("messages", "a", "b", "c", expect=64)
    office.types("messages", "m0nothing", expect=1)


def test_what_was_given_up_is_sent_anew_once(office: Office) -> None:
    name = office.sent("anvil", "again, please")
    assert "was not given up" in office.types("messages", "redeliver", name, expect=1)[1]
    office.proves(name, Stage.DEAD)
    out, _ = office.types("messages", "redeliver", name[:14])
    fresh = out.split()[5].rstrip(":")
    (kept,) = office.mail.inbox("web/agent/anvil")
    assert (kept.message.id, kept.message.body) == (fresh, "again, please")
    assert kept.message.sender == "person:Ada"
    assert fresh in office.types("messages", "redeliver", name)[0]
    assert len(office.mail.inbox("web/agent/anvil")) == 1
    office.proves(name, Stage.SUBMITTED)
    assert "arrived after all" in office.types("messages", "redeliver", name, expect=1)[1]


class Daemon(socketserver.ThreadingUnixStreamServer):
    """A control socket at which somebody knows why."""

    answer = '{"value": {"why": "somebody\'s draft is in the composer"}}'
    asked: str = ""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805
                self.asked = handler.path
                handler.send_response(200)
                handler.end_headers()
                handler.wfile.write(self.answer.encode())

            def address_string(handler) -> str:  # noqa: N805
                return ""

            def log_message(handler, *_words: object) -> None:  # noqa: N805
                return

        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_why_a_message_is_where_it_is(office: Office) -> None:
    name = office.sent("anvil", "x")
    office.proves(name, Stage.ADMITTED)
    for word in (name, name.upper(), name[:15]):
        out, _ = office.types("why", word)
        assert "admitted" in out
        assert "no controller is at work" in out
    with Daemon(office.state.control) as daemon:
        assert "draft is in the composer" in office.types("why", name)[0]
        assert daemon.asked == f"/messages/{name}"
        (said,) = office.records("why", name)
        assert said["waits"] == "somebody's draft is in the composer"
        for odd in ("", "[]", '{"value": 3}', "\x00", '{"value": {"why": 1}}'):
            daemon.answer = odd
            assert "waits" in office.types("why", name)[0]
        daemon.shutdown()
    office.proves(name, Stage.SUBMITTED)
    assert "waits" not in office.types("why", name)[0]
    office.types("why", "m" + "0" * 26, expect=1)
    office.types("why", "mnothing", expect=1)


def test_a_word_from_a_pipe(office: Office) -> None:
    words = ["-m", "reconciler.cli", "-C", str(office.wiring.directory), "send", "anvil", "-"]
    data = b"one\r\ntwo\xff\x1b[31m\n"
    subprocess.run([sys.executable, *words], input=data, check=True, capture_output=True)
    (kept,) = office.mail.inbox("web/agent/anvil")
    assert kept.message.body == "one\ntwo\ufffd\\u{1b}[31m"
