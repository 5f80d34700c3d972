"""One connection: uvicorn's HTTP, with a limit to everything that a stranger could use up.

A stranger has a few seconds for everything, to ask and to take the answer, and when there are too
many, the one that has been here longest goes. Whoever showed a good token may stay.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from reconciler.gate.page import Receive, Scope, Send
from reconciler.gate.public import TRUSTED
from reconciler.gate.request import HEAD_BYTES_MAX

CLIENTS_MAX = 64
"""More strangers than so many at once, and the one that has been here longest goes."""
ARRIVING_S = 2.0
BURST_MAX = 512
"""Unless even that one has just come: a hundred agents that speak at once are strangers, too, until
the machine gets round to them. None of them waits for longer."""
EACH_MAX = 32
"""So many connections an agent has at once; the next ones are strangers'."""
KEEP_S = 60
"""How long a connection may rest that showed a good token and wants to go on."""
IGNORED_MAX = 1 << 16
"""So many bytes after its question a stranger may send."""
TRUSTED_IGNORED_MAX = 64 << 20
"""An agent that sends too much is heard out, so that it hears that it was too much."""


class Hall:
    """Everybody who is connected, in the order in which they came."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.links: dict[Link, str] = {}
        """Whose each connection is; '' for strangers'."""
        self._each: Counter[str] = Counter()
        self._shut = False

    def admit(self, link: Link) -> None:
        """Let somebody in."""
        if self._shut:
            link.drop()
            return
        self.links[link] = ""
        strangers = [one for one, unit in self.links.items() if not unit]
        if len(strangers) <= CLIENTS_MAX:
            return
        if len(strangers) > BURST_MAX or strangers[0].came < link.came - ARRIVING_S:
            self.make_room()

    def trust(self, link: Link, unit: str) -> None:
        """Note that a connection is an agent's."""
        if self.links.get(link) == "" and self._each[unit] < EACH_MAX:
            self.links[link] = unit
            self._each[unit] += 1

    def leave(self, link: Link) -> None:
        """Forget a connection that ended."""
        unit = self.links.pop(link, "")
        if unit:
            self._each[unit] -= 1
            self._each += Counter()  # whoever has none is forgotten

    def shut(self) -> None:
        """Send everybody away, and whoever comes."""
        self._shut = True
        for link in list(self.links):
            link.drop()

    def make_room(self) -> None:
        """Send away the stranger who has been here longest."""
        for link, unit in self.links.items():
            if not unit:
                self.leave(link)
                link.drop()
                return


class Link(H11Protocol):
    """One connection of a hall."""

    def __init__(self, hall: Hall, config: Config, state: ServerState) -> None:
        super().__init__(config, state, {})
        self._hall = hall
        self._timer: asyncio.TimerHandle | None = None
        self._serving = False
        self._closing = False
        self._ignored = 0
        self.came = self.loop.time()
        self._serve_next = self.app
        self.app = self._served

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: from now on there is little time."""
        self._line = _Lingering(transport, self)
        super().connection_made(self._line)  # type: ignore[arg-type]
        self._hall.admit(self)
        self._allow(self._hall.patience_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._allow(None)
        self._hall.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; after the question it is not looked at."""
        if self._closing:
            self._ignored += len(data)
            trusted = bool(self._hall.links.get(self))
            if self._ignored > (TRUSTED_IGNORED_MAX if trusted else IGNORED_MAX):
                self.drop()
            return
        if not self._serving and self._timer is None:
            self._allow(self._hall.patience_s)
        super().data_received(data)

    def eof_received(self) -> None:
        """Whoever has nothing more to say, and got everything, is let go."""
        if self._closing:
            self._line.finish()
        elif not self._serving:
            self.drop()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has no end."""
        if len(self.conn.trailing_data[0]) >= HEAD_BYTES_MAX:
            # The protocol underneath has no other word for it.
            self.transport.write(_TOO_LARGE)
            self.conn.send_failed()
            self.transport.close()
        elif self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.drop()

    def drop(self) -> None:
        """End it at once, whatever is still on its way."""
        self.transport.abort()

    def linger(self) -> None:
        """Close our side; hear out the other for a while.

        Closing while it still talks would reset the answer on its way.
        """
        self._closing = True
        self._allow(self._hall.patience_s)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._serving = True
        self._allow(None)
        scope[TRUSTED] = lambda unit: self._hall.trust(self, unit)
        try:
            await self._serve_next(scope, receive, send)
        finally:
            self._serving = False
            trusted = bool(self._hall.links.get(self)) and not self._closing
            self._allow(KEEP_S if trusted else self._hall.patience_s)

    def _allow(self, seconds: float | None) -> None:
        """Drop the connection after so long; None: it is not waited for."""
        if self._timer is not None:
            self._timer.cancel()
        gone = self.transport is None or (self.transport.is_closing() and not self._closing)
        later = None if seconds is None or gone else self.loop.call_later(seconds, self.drop)
        self._timer = later


class _Lingering:
    """A transport that closes in two steps: first what we say, then what we hear."""

    def __init__(self, transport: asyncio.Transport, link: Link) -> None:
        self._transport, self._link = transport, link
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    def close(self) -> None:
        if self._closed or self._transport.is_closing():
            return
        self._closed = True
        try:
            self._transport.write_eof()
        except OSError:  # it was reset
            self._transport.abort()
            return
        self._transport.resume_reading()
        self._link.linger()

    def finish(self) -> None:
        """Close for good, once everything is sent."""
        self._transport.close()


_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
