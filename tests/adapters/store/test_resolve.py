"""Which store a fleet gets, and which it must not get."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.store import open_store, resolve
from reconciler.adapters.store.endpoint import Endpoint, parse
from reconciler.adapters.store.redis_store import connect
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import BlindError, NovaorchError, RefusedError
from tests.adapters.store.conftest import Rig


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look for DragonflyDB where surely none is, whatever this machine runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(resolve, "USUAL", taken.getsockname())
        yield


def test_urls_are_taken_apart() -> None:
    assert parse("redis://h") == Endpoint("h", 6379)
    assert parse("redis://h:1/2") == Endpoint("h", 1, db=2)
    assert parse("redis://[::1]:1?db=3") == Endpoint("::1", 1, db=3)
    assert parse("rediss://u:p%40@h:1") == Endpoint("h", 1, user="u", password="p@", tls=True)
    assert parse("unix:///a%20b/s?db=4") == Endpoint(path="/a b/s", db=4)
    assert str(parse("rediss://u:secret@[::2]:1/2")) == "rediss://[::2]:1/2"
    assert "secret" not in repr(parse("redis://u:secret@h"))


@pytest.mark.parametrize(
    "url",
    [
        "", "h:1", "http://h", "redis://", "redis://h:port", "redis://h:99999", "redis://h/x",
        "redis://h/-1", "redis://h?socket_timeout=999", "rediss://h?ssl_cert_reqs=none",
        "unix://h/p", "unix://", "redis://[::1", "redis://h?db=1&db", "redis://h/²",
    ],
)  # fmt: skip
def test_urls_that_are_none_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(NovaorchError) as caught:
        parse(url)
    assert "redis://HOST:PORT" in caught.value.fix


def test_what_is_local() -> None:
    for url in ("redis://localhost", "redis://127.9.9.9", "redis://[::1]", "unix:///s"):
        assert parse(url).local
    for url in ("redis://10.0.0.1", "redis://localhost.example.org", "redis://0.0.0.0"):
        assert not parse(url).local


def fleet(url: str = "", password: str = "") -> FleetSettings:
    return FleetSettings("demo", store_url=url, store_password=password)


def test_a_set_url_is_used_and_nothing_is_started(rig: Rig, folder: Path) -> None:
    environ = {**rig.environ, "PW": "s3cret"}
    store = open_store(
        fleet("redis://10.9.8.7:1", "env:PW"), rig.state, start=True, environ=environ
    )
    assert store.endpoint == Endpoint("10.9.8.7", 1, password="s3cret")
    tls = open_store(fleet("rediss://10.9.8.7:1"), rig.state, start=True, environ=environ)
    assert tls.endpoint.tls
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "password", "words"),
    [
        ("redis://10.9.8.7:1", "", "open to everybody"),
        ("redis://:literal@127.0.0.1:1", "", "holds a password"),
        ("rediss://u:literal@h", "env:PW", "holds a password"),
        ("", "literal", "not a reference"),
        ("", "env:", "not a reference"),
        ("", "env:MISSING", "not set"),
    ],
)
def test_what_is_refused(rig: Rig, url: str, password: str, words: str) -> None:
    with pytest.raises(NovaorchError, match=words) as caught:
        open_store(fleet(url, password), rig.state, start=True, environ={**rig.environ, "PW": "x"})
    assert caught.value.fix
    assert "literal" not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"
    assert isinstance(caught.value, RefusedError) == bool(url)


def test_without_a_url_our_own_is_started_and_found(rig: Rig) -> None:
    with pytest.raises(BlindError, match="no store is running"):
        open_store(fleet(), rig.state, start=False, environ=rig.environ)
    store = open_store(fleet(), rig.state, start=True, environ=rig.environ)
    store.publish("c", [], 1)
    reader = open_store(fleet(), rig.state, start=False, environ=rig.environ)
    assert reader.recall()["controller"]
    rig.kill()
    with pytest.raises(BlindError):
        store.publish("c", [], 2)
    with pytest.raises(BlindError):
        open_store(fleet(), rig.state, start=False, environ=rig.environ)
    store.publish("c", [], 4)
    store.close()
    reader.close()


def test_the_usual_place_comes_first(
    rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.server.start()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        usual = free.getsockname()
    connect(parse(rig.url)).config_set("port", usual[1])
    monkeypatch.setattr(resolve, "USUAL", usual)
    other = Rig(folder / "other", rig.environ["NOVAORCH_STORE_SERVER"])
    store = open_store(fleet(), other.state, start=True, environ=other.environ)
    assert store.endpoint == Endpoint(*usual)
    assert store.ping()
    store.close()
    assert not other.server.stop()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"-NOAUTH Authentication required.\r\n"])
def test_a_stranger_at_the_usual_place_is_passed_by(
    answer: bytes, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(99)
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setattr(resolve, "USUAL", listener.getsockname())
        store = open_store(fleet(), rig.state, start=True, environ=rig.environ)
        thread.join(5)
    assert store.endpoint.path
