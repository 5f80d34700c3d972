"""The control socket: its owner's alone, and an error is on this side what it was on the other."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.gate.client import Client
from reconciler.gate.control import BODY_BYTES_MAX
from reconciler.gate.doors import Call, Doors
from reconciler.gate.server import Server
from reconciler.model.ids import Json
from reconciler.model.problems import BlindError, NovaorchError, RefusedError
from tests.gate.stage import GOOD, LIMIT_S, Stage


def refuse(_call: Call) -> Json:
    raise RefusedError("no", why="because", fix="ask nicely")


def broken(_call: Call) -> Json:
    raise ZeroDivisionError("SECRET")


@pytest.fixture
def stage_(tmp_path: Path) -> Iterator[Stage]:
    controls = {
        ("GET", "/agents"): lambda call: {"query": dict(call.query)},
        ("POST", "/decisions/{id}"): lambda call: [call.named["id"], call.body],
        ("POST", "/no"): refuse,
        ("GET", "/broken"): broken,
    }
    made = Stage(tmp_path, more={"controls": controls})
    yield made
    made.close()


@pytest.fixture
def client(stage_: Stage) -> Client:
    return Client(stage_.control, timeout_s=LIMIT_S)


def test_what_is_asked_is_answered(client: Client) -> None:
    assert client.get("/agents", project="wéb", x="a&b") == {
        "query": {"project": "wéb", "x": "a&b"}
    }
    assert client.post("/decisions/d 1/%2f".replace("/%2f", ""), {"answer": "allow"}) == [
        "d 1",
        {"answer": "allow"},
    ]
    assert client.post("/decisions/d1") == ["d1", None]


def test_an_error_is_here_what_it_was_there(client: Client) -> None:
    with pytest.raises(NovaorchError) as caught:
        client.post("/no")
    error = caught.value
    assert (error.what, error.why, error.fix, error.exit_code) == ("no", "because", "ask nicely", 3)


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("get", "/nowhere", "nothing is served"),
        ("get", "/decisions/d1", "only POST"),
        ("post", "/agents", "only GET"),
        ("get", "/decisions", "nothing is served"),
        ("get", "/broken", "could not do it"),
        ("get", "/metrics", "nothing is served"),
        ("post", "/hook/Stop", "nothing is served"),
    ],
)
def test_what_is_not_served_is_said(client: Client, method: str, path: str, words: str) -> None:
    with pytest.raises(NovaorchError) as caught:
        getattr(client, method)(path)
    assert words in caught.value.what
    assert "SECRET" not in f"{caught.value.what}{caught.value.why}"


def test_it_is_its_owners_alone_and_goes_with_the_gate(tmp_path: Path) -> None:
    stage_ = Stage(tmp_path)
    assert stat.S_IMODE(stage_.control.stat().st_mode) == 0o600
    stage_.close()
    assert not stage_.control.exists()


def test_the_port_serves_no_controls(stage_: Stage) -> None:
    for path in ("/agents", "/decisions/d1", "/no"):
        for method in ("GET", "POST"):
            status, _ = stage_.ask(method, path, None, {"Authorization": f"Bearer {GOOD}"})
            assert status == 404


def test_the_socket_of_one_that_was_killed_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = Server(Doors(controls={("GET", "/a"): lambda _call: 1}), 0, path)
    assert Client(path).get("/a") == 1
    server.close()


def test_what_is_no_socket_is_left_and_said(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with pytest.raises(NovaorchError) as caught:
        Server(Doors(), 0, path)
    assert str(path) in caught.value.fix
    assert path.read_text() == "mine"


def test_no_daemon_is_said(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with pytest.raises(BlindError) as caught:
        Client(path).get("/agents")
    assert caught.value.fix == "novaorch up"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(BlindError):
        Client(path).get("/agents")


@pytest.mark.parametrize("said", [b"", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{"])
def test_one_that_babbles_or_hangs_is_not_believed(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def babble() -> None:
            link, _ = door.accept()
            link.recv(1000)
            link.sendall(said)
            link.close()

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(BlindError):
            Client(path, timeout_s=5).get("/agents")
        thread.join(LIMIT_S)


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"x" * (BODY_BYTES_MAX + 1)])
def test_what_is_no_json_is_refused(stage_: Stage, body: bytes) -> None:
    found: list[Any] = []
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(LIMIT_S)
        link.connect(str(stage_.control))
        head = f"POST /decisions/d1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        link.sendall(head.encode() + b"\r\n")
        link.sendall(body[:100_000])
        found.append(link.recv(100))
    assert found[0][:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")
