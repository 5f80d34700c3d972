"""A small HTTP server for pages made on demand: one thread, one loop, nothing while nobody asks.

Listens on 127.0.0.1 only. Never lets a client make it wait, grow, or answer another.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.gate.request import HEAD_BYTES_MAX, Refusal, Request, told
from reconciler.model.problems import NovaorchError

HOST = "127.0.0.1"
CLIENTS_MAX = 64
"""More than so many at once, and the one that has been here longest goes."""
PATIENCE_S = 5.0
"""How long a client has for everything: to ask, and to take its answer."""
IGNORED_MAX = 1 << 16
"""So many bytes after its question a client may send."""
_WORDS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    body: str
    status: int = 200
    kind: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]
"""What makes the page of a path, called in the server's thread for every request."""


@dataclass(slots=True)
class _Client:
    """One connection: what it said, what it is still to get, and when it has to go."""

    link: socket.socket
    deadline: float
    said: bytearray = field(default_factory=bytearray)
    answer: memoryview = field(default_factory=lambda: memoryview(b""))
    served: bool = False
    ignored: int = 0


class Server:
    """The gate, open from the moment it is made until `close`."""

    def __init__(self, pages: Pages, port: int = 0, patience_s: float = PATIENCE_S) -> None:
        """Listen on a port, 0 for any free one; NovaorchError when it is taken."""
        self._pages, self._patience_s = pages, patience_s
        self._door = _listen(port)
        self._wake, self._waker = socket.socketpair()
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        for link in (self._door, self._wake):
            link.setblocking(False)
            self._selector.register(link, selectors.EVENT_READ)
        self.port: int = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="gate", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def close(self) -> None:
        """End the thread and every connection; a second call does nothing."""
        with contextlib.suppress(OSError):
            self._waker.send(b"x")
        self._thread.join(PATIENCE_S)
        self._waker.close()

    # -- the loop ----------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            self._selector.close()
            self._door.close()
            self._wake.close()

    def _turn(self) -> bool:
        """Do what can be done now; False at the end. Without a client it sleeps until one comes."""
        ready = self._selector.select(self._left_s())
        for key, events in ready:
            if key.fileobj is self._wake:
                return False
            if key.fileobj is self._door:
                self._admit()
            elif key.fd in self._clients:
                self._attend(self._clients[key.fd], events)
        now = time.monotonic()
        for client in [c for c in self._clients.values() if c.deadline <= now]:
            self._drop(client)
        return True

    def _left_s(self) -> float | None:
        if not self._clients:
            return None
        soonest = min(client.deadline for client in self._clients.values())
        return max(0.0, soonest - time.monotonic())

    def _admit(self) -> None:
        try:
            link = self._accept()
        except OSError as error:  # gone again, or no descriptor is left for it
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                self._make_room()
            return
        link.setblocking(False)
        if len(self._clients) >= CLIENTS_MAX:
            self._make_room()
        client = _Client(link, time.monotonic() + self._patience_s)
        self._clients[link.fileno()] = client
        self._selector.register(link, selectors.EVENT_READ)

    def _accept(self) -> socket.socket:
        return self._door.accept()[0]

    def _make_room(self) -> None:
        oldest = next(iter(self._clients.values()), None)
        if oldest is not None:
            self._drop(oldest)
        else:
            time.sleep(0.05)  # nobody to send away: the descriptors are somebody else's

    def _attend(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._hear(client)
            if events & selectors.EVENT_WRITE:
                self._tell(client)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _hear(self, client: _Client) -> None:
        data = client.link.recv(HEAD_BYTES_MAX)
        if not data:
            self._drop(client)
            return
        if client.served:  # what comes after the question is not looked at
            client.ignored += len(data)
            if client.ignored > IGNORED_MAX:
                self._drop(client)
            return
        client.said += data
        request = told(bytes(client.said))
        if request is None:
            return
        client.served = True
        client.answer = memoryview(self._answer(request))
        self._selector.modify(client.link, selectors.EVENT_READ | selectors.EVENT_WRITE)
        self._tell(client)

    def _tell(self, client: _Client) -> None:
        if client.answer:
            client.answer = client.answer[client.link.send(client.answer) :]
            if not client.answer:
                client.link.shutdown(socket.SHUT_WR)
                # Closing while it still talks would reset the answer on its way: hear it out.
                self._selector.modify(client.link, selectors.EVENT_READ)

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.link.fileno(), None)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._selector.unregister(client.link)
        client.link.close()

    # -- answers -----------------------------------------------------------------------------------

    def _answer(self, request: Request | Refusal) -> bytes:
        if isinstance(request, Refusal):
            return _response(Page(f"{request.why}\n", request.status))
        make = self._pages.get(request.path)
        if make is None:
            known = " ".join(sorted(self._pages))
            return _response(Page(f"no such page; there are: {known}\n", 404), head=request.head)
        try:
            page = make()
        except Exception as error:  # a page that fails is no reason to end
            page = Page(f"this page could not be made: {type(error).__name__}\n", 500)
        return _response(page, head=request.head)


def _listen(port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((HOST, port))
        door.listen(CLIENTS_MAX)
    except OSError as error:
        door.close()
        raise NovaorchError(
            f"the gate cannot listen on {HOST}:{port}",
            why=error.strerror or str(error),
            fix="end what listens there, or set another `gate.port` in fleet.yaml (0: any)",
        ) from error
    return door


def _response(page: Page, *, head: bool = False) -> bytes:
    body = page.body.encode("utf-8", "replace")
    allow = "Allow: GET, HEAD\r\n" if page.status == 405 else ""
    top = (
        f"HTTP/1.1 {page.status} {_WORDS[page.status]}\r\n"
        f"Content-Type: {page.kind}\r\nContent-Length: {len(body)}\r\n{allow}"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return top.encode("ascii") + (b"" if head else body)
