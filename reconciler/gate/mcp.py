"""MCP over HTTP: one POST, one answer, no session and no stream (`Doors.mcp`).

Who asks was proved by a token before; Host, Origin and size were checked. Any revision that a
client names in a header is served: the messages themselves are what differs too little.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from reconciler.core.mcpwire import Server, answered
from reconciler.gate.page import Page, Receive, RefusedAnswer, Scope, Send, put
from reconciler.gate.public import MCP_BYTES_MAX, UNIT
from reconciler.gate.request import body
from reconciler.model.ids import UnitId

THREADS = 16
AT_ONCE_MAX = 8
"""So many calls of one agent at once; the next one is told to come again."""
PATIENCE_S = 10.0

Serving: TypeAlias = Callable[[UnitId], Server]
"""Returns what an agent is served."""


class Mcp:
    """The application behind `/mcp`."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        # Its own threads: a call may wait for seconds, and no hook may wait for a call.
        self._pool = ThreadPoolExecutor(THREADS, "gate-mcp")
        self._at_once: Counter[UnitId] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message. RefusedAnswer: it is not one that is taken here."""
        if scope["method"] != "POST":
            # A client may ask for a stream, or end a session: there is neither.
            raise RefusedAnswer(405, "only POST is served here", "method", {"allow": "POST"})
        unit = UnitId(scope[UNIT])
        if self._at_once[unit] >= AT_ONCE_MAX:
            raise RefusedAnswer(429, "too many calls at once", "crowded", {"retry-after": "1"})
        self._at_once[unit] += 1
        try:
            told = await body(receive, MCP_BYTES_MAX, PATIENCE_S)
            loop = asyncio.get_running_loop()
            said = await loop.run_in_executor(self._pool, answered, told, self._serving(unit))
        finally:
            self._at_once[unit] -= 1
            self._at_once += Counter()  # whoever has none is forgotten
        if said is None:
            await put(send, Page("", 202), _KEPT)
        else:
            await put(send, Page(said.decode("ascii"), 200, "application/json"), _KEPT)

    def close(self) -> None:
        """End the threads; what is being done comes to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


_KEPT = {"connection": "keep-alive"}
"""Whoever showed a good token may ask again on the same connection."""
