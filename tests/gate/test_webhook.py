"""Nudges of forges: who may ring, how often, how loud; and that a ring is all it is."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.core.nudges import BURST
from reconciler.gate.doors import Bell
from reconciler.gate.webhook import BODY_BYTES_MAX
from reconciler.model.problems import NovaorchError
from tests.gate.stage import Stage

SECRET = b"it is a secret of thirty-two byte"
BODY = b'{"ref": "refs/heads/main"}'


def sign(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


class Forge:
    """A gate with a bell, and a forge that rings it."""

    def __init__(self, folder: Path, secret: Callable[[], bytes | None]) -> None:
        self.rung = 0
        self.stage = Stage(folder, more={"bell": Bell(secret, self._ring)})

    def _ring(self) -> None:
        self.rung += 1

    def nudge(self, body: bytes = BODY, signature: str | None = "", **headers: str) -> int:
        told = dict(headers)
        if signature is not None:
            told["X-Hub-Signature-256"] = signature or sign(body)
        return self.stage.ask("POST", "/webhook", body, told)[0]


@pytest.fixture
def forge(stage: Path) -> Iterator[Forge]:
    made = Forge(stage, lambda: SECRET)
    yield made
    made.stage.close()


def test_a_signed_nudge_rings(forge: Forge) -> None:
    assert forge.nudge() == 202
    assert forge.nudge(b"") == 202
    assert forge.rung == 2
    assert forge.stage.count("novaorch_gate_webhooks_total") == 2


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        sign(BODY).upper(),
        sign(BODY) + " ",
        sign(BODY, b"another secret of many bytes"),
        sign(BODY + b" "),
        sign(BODY, b""),
    ],
)
def test_no_other_does(forge: Forge, signature: str | None) -> None:
    expected = 202 if signature is not None and signature.strip() == sign(BODY) else 401
    assert forge.nudge(signature=signature) == expected
    assert forge.rung == int(expected == 202)


def test_two_signatures_are_none(forge: Forge) -> None:
    link = http.client.HTTPConnection("127.0.0.1", forge.stage.server.port, timeout=10)
    link.putrequest("POST", "/webhook")
    for value in (sign(BODY), "sha256=" + "0" * 64):
        link.putheader("X-Hub-Signature-256", value)
    link.putheader("Content-Length", str(len(BODY)))
    link.endheaders(BODY)
    assert link.getresponse().status == 401
    link.close()


def test_too_much_is_refused_before_a_byte_of_it_is_read(forge: Forge) -> None:
    link = http.client.HTTPConnection("127.0.0.1", forge.stage.server.port, timeout=10)
    link.putrequest("POST", "/webhook")
    link.putheader("X-Hub-Signature-256", sign(b""))
    link.putheader("Content-Length", str(BODY_BYTES_MAX + 1))
    link.endheaders()
    assert link.getresponse().status == 413
    link.close()
    largest = b"x" * BODY_BYTES_MAX
    assert forge.nudge(largest) == 202


def test_a_body_without_a_length_is_capped_as_it_comes(forge: Forge) -> None:
    link = http.client.HTTPConnection("127.0.0.1", forge.stage.server.port, timeout=10)
    chunks = iter([b"x" * 65536] * 17)
    headers = {"X-Hub-Signature-256": sign(b"x" * 65536 * 17)}
    try:
        link.request("POST", "/webhook", chunks, headers, encode_chunked=True)
        status = link.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        status = 413
    assert status == 413
    link.close()
    assert forge.rung == 0


def test_a_flood_is_sent_away(forge: Forge) -> None:
    said = [forge.nudge(signature="sha256=" + "0" * 64) for _ in range(BURST + 15)]
    assert said[:BURST] == [401] * BURST
    assert 429 in said[BURST:]
    assert forge.stage.refused("often") >= 1


def test_only_post_is_taken(forge: Forge) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert forge.stage.ask(method, "/webhook")[0] == 405


def test_a_page_of_elsewhere_cannot_ring(forge: Forge) -> None:
    assert forge.nudge(Origin="https://evil.example") == 403
    assert forge.nudge(Host="rebound.example") == 421
    assert forge.rung == 0


def test_no_token_of_an_agent_helps(forge: Forge) -> None:
    assert forge.nudge(signature=None, Authorization="Bearer mfrgg.good") == 401


def test_without_a_secret_there_is_no_such_door(stage: Path) -> None:
    made = Forge(stage, lambda: None)
    assert made.nudge() == 404
    made.stage.close()


def test_without_a_bell_there_is_no_such_door(stage: Path) -> None:
    made = Stage(stage)
    assert made.ask("POST", "/webhook", BODY, {"X-Hub-Signature-256": sign(BODY)})[0] == 404
    made.close()


def test_a_secret_that_cannot_be_read_is_said_once(stage: Path) -> None:
    def lost() -> bytes | None:
        raise NovaorchError("the variable is not set", why="nobody set it", fix="set it")

    made = Forge(stage, lost)
    assert [made.nudge(), made.nudge()] == [503, 503]
    assert made.rung == 0
    assert len([line for line in made.stage.log if "not set" in line]) == 1
    made.stage.close()
