"""The gate under friends and foes: it answers, it never waits for anybody, it costs nothing."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.gate.doors import Doors
from reconciler.gate.link import ARRIVING_S, BURST_MAX
from reconciler.gate.page import Page, Pages
from reconciler.gate.server import Server
from reconciler.model.problems import NovaorchError

LIMIT_S = 20.0
HUGE = "x" * (8 << 20)
GOOD = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def broken() -> Page:
    raise RuntimeError("SECRET")


PAGES: Pages = {
    "/hello": lambda: Page("hello\n"),
    "/huge": lambda: Page(HUGE),
    "/broken": broken,
}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(Doors(PAGES))
    yield made
    made.close()


@pytest.fixture
def hasty() -> Iterator[Server]:
    """A gate that waits 0.3 s for anybody."""
    made = Server(Doors(PAGES), patience_s=0.3)
    yield made
    made.close()


def get(server: Server, path: str = "/hello", method: str = "GET") -> tuple[int, str]:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)
    try:
        link.request(method, path)
        answer = link.getresponse()
        return answer.status, answer.read().decode()
    finally:
        link.close()


def dial(server: Server) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)
    link.settimeout(LIMIT_S)
    return link


def said(link: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := link.recv(65_536):
            found += data
    return found


# -- friends ---------------------------------------------------------------------------------------


def test_pages_are_served(server: Server) -> None:
    assert get(server) == (200, "hello\n")
    assert get(server, "/hello?x=y") == (200, "hello\n")
    assert get(server, method="HEAD") == (200, "")
    assert get(server, "/huge") == (200, HUGE)
    status, text = get(server, "/nowhere")
    assert (status, "/hello" in text) == (404, True)


def test_it_is_reached_on_loopback_alone(server: Server) -> None:
    listening = [
        line.split()[1]
        for line in open(f"/proc/{os.getpid()}/net/tcp", encoding="ascii")  # noqa: SIM115, PTH123
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{server.port:04X}")
    ]
    assert listening == [f"0100007F:{server.port:04X}"]
    assert server.address == f"http://127.0.0.1:{server.port}"


def test_an_answer_closes_and_forbids_keeping_it(server: Server) -> None:
    link = dial(server)
    link.sendall(GOOD)
    head = said(link).partition(b"\r\n\r\n")[0].decode().splitlines()
    assert head[0] == "HTTP/1.1 200 OK"
    lines = {line.lower() for line in head}
    assert {"connection: close", "cache-control: no-store", "content-length: 6"} <= lines
    link.close()


def test_a_page_that_fails_is_an_answer_and_says_no_secret(server: Server) -> None:
    status, text = get(server, "/broken")
    assert status == 500
    assert "SECRET" not in text
    assert get(server) == (200, "hello\n")


# -- foes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", 405),
        (b"GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 413),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET //hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /hello%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000, 431),
    ],
)
def test_what_is_refused_is_told_why(server: Server, data: bytes, status: int) -> None:
    link = dial(server)
    link.sendall(data)
    assert said(link).startswith(b"HTTP/1.1 %d " % status)
    link.close()
    assert get(server) == (200, "hello\n")


def test_a_slow_client_makes_nobody_wait(hasty: Server) -> None:
    server = hasty
    links = [dial(server) for _ in range(10)]
    for link in links:
        link.sendall(GOOD[:5])
    assert get(server) == (200, "hello\n")
    began = time.monotonic()
    while time.monotonic() - began < 1.0:  # a byte now and then buys no time
        for link in links:
            with contextlib.suppress(OSError):
                link.send(b"x")
        time.sleep(0.02)
    assert server.clients == 0
    for link in links:
        link.close()


def test_who_does_not_take_the_answer_is_sent_away(hasty: Server) -> None:
    server = hasty
    link = dial(server)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.sendall(GOOD.replace(b"/hello", b"/huge"))
    assert get(server) == (200, "hello\n")
    wait_for_nobody(server)
    link.close()


def test_who_never_stops_talking_is_sent_away(server: Server) -> None:
    link = dial(server)
    link.sendall(GOOD)
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 64 << 20:
            sent += link.send(b"x" * 65_536)
    assert sent < 64 << 20
    link.close()
    assert get(server) == (200, "hello\n")


def test_two_hundred_connections_that_say_nothing(server: Server) -> None:
    links = [dial(server) for _ in range(200)]
    for link in links:
        with contextlib.suppress(OSError):
            link.sendall(GOOD[:7])
    assert get(server) == (200, "hello\n")
    time.sleep(ARRIVING_S + 0.1)
    more = [dial(server) for _ in range(200)]
    for link in more:
        with contextlib.suppress(OSError):
            link.sendall(GOOD[:7])
    assert get(server) == (200, "hello\n")
    assert server.clients <= 200 + 1
    for link in links[:199]:
        link.settimeout(LIMIT_S)
        assert said(link) == b"", "whoever was here longest made room"
    links += more
    for link in links[-10:]:
        link.sendall(GOOD[7:])
        assert said(link).endswith(b"hello\n"), "the latest are served"
    for link in links:
        link.close()
    wait_for_nobody(server)


def test_a_flood_of_connections_has_an_end(server: Server) -> None:
    links = [dial(server) for _ in range(BURST_MAX + 50)]
    assert get(server) == (200, "hello\n")
    assert server.clients <= BURST_MAX + 1
    for link in links:
        link.close()


def test_many_at_once_all_get_their_page(server: Server) -> None:
    found: list[tuple[int, str]] = []

    def ask() -> None:
        found.extend(get(server) for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert found == [(200, "hello\n")] * 200


def test_a_client_that_resets_the_line_harms_nobody(server: Server) -> None:
    for data in (b"", GOOD[:9], GOOD, GOOD.replace(b"/hello", b"/huge")):
        link = dial(server)
        link.sendall(data)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()
    assert get(server) == (200, "hello\n")


def test_without_a_descriptor_left_it_lives_on(server: Server) -> None:
    assert get(server) == (200, "hello\n")
    wait_for_nobody(server)
    stranger, link = dial(server), socket.socket()
    link.settimeout(LIMIT_S)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    while server.clients != 1:
        time.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    taken: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(link.fileno()))
        link.connect(("127.0.0.1", server.port))
        assert said(stranger) == b"", "whoever was here longest makes room"
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    link.sendall(GOOD)
    assert said(link).endswith(b"hello\n")
    link.close()
    stranger.close()


# -- coming and going ------------------------------------------------------------------------------


def wait_for_nobody(server: Server) -> None:
    end = time.monotonic() + LIMIT_S
    while server.clients:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_taken_port_is_said(server: Server) -> None:
    with pytest.raises(NovaorchError) as caught:
        Server(Doors(PAGES), server.port)
    assert str(server.port) in caught.value.what
    assert caught.value.fix


def test_the_end_is_an_end_and_may_come_twice() -> None:
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    server = Server(Doors(PAGES))
    link = dial(server)
    link.sendall(GOOD[:5])
    server.close()
    server.close()
    assert said(link) == b""
    link.close()
    with pytest.raises(OSError, match="refused"):
        dial(server)
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before


def test_its_port_is_free_again_at_once() -> None:
    first = Server(Doors(PAGES))
    assert get(first) == (200, "hello\n")
    first.close()
    second = Server(Doors(PAGES), first.port)
    assert get(second) == (200, "hello\n")
    second.close()


def test_idle_costs_nothing(server: Server) -> None:
    assert get(server) == (200, "hello\n")
    wait_for_nobody(server)
    (thread,) = [t for t in threading.enumerate() if t.name == "gate"]
    clock = f"/proc/self/task/{thread.native_id}/schedstat"

    def turns() -> int:
        with open(clock, encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[2])

    before = turns()
    time.sleep(0.6)
    assert turns() == before, "the thread woke up though nobody came"


def test_no_child_gets_the_door(server: Server) -> None:
    for door in server._doorway:
        assert not door.get_inheritable()
