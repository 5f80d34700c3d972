"""What is served on 127.0.0.1: pages for monitoring, hooks and tools for agents.

Reads change nothing. Whoever changes something, or hears something, proved by a token who it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from reconciler.core import hookwire
from reconciler.gate.doors import Doors
from reconciler.gate.hooks import BODY_BYTES_MAX, Hooks
from reconciler.gate.page import Page, Receive, RefusedAnswer, Scope, Send, of_json, put
from reconciler.gate.request import Request, body, fit, no_body, within
from reconciler.gate.webhook import PATH as WEBHOOK
from reconciler.gate.webhook import Webhook

HOOK = "/hook/"
MCP = "/mcp"
MCP_BYTES_MAX = 1 << 20
FLIGHT_BYTES_MAX = 64 << 20
"""So much of bodies is held at once."""
LOGGED_S = 60.0
"""A refused token is said in the log once in so long."""
UNIT = "novaorch.unit"
TRUSTED = "novaorch.trusted"


class Public:
    """The application behind the port."""

    def __init__(self, doors: Doors, pool: ThreadPoolExecutor, patience_s: float) -> None:
        self._doors, self._pool, self._patience_s = doors, pool, patience_s
        self._hooks = Hooks(doors, pool)
        self._webhook = Webhook(doors, pool, patience_s)
        self._flight = 0
        self._said: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never fails."""
        if scope["type"] != "http":
            return
        head = scope["method"] == "HEAD"
        try:
            await self._serve(fit(scope), scope, receive, send)
        except RefusedAnswer as refused:
            self._doors.counts.refused(refused.reason)
            await put(send, refused.page, refused.headers, head=head)
        except ConnectionError:
            return  # whoever asked is not there any more

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        if request.path in self._doors.pages:
            _only(request, "GET", "HEAD")
            no_body(request)
            await put(send, await self._page(request.path), head=request.head)
        elif request.path.startswith(HOOK):
            await put(send, await self._hook(request, scope, receive))
        elif request.path == MCP and self._doors.mcp is not None:
            await self._mcp(request, scope, receive, send)
        elif request.path == WEBHOOK and self._doors.bell is not None:
            _only(request, "POST")
            answer = await self._webhook.take(request, scope, receive)
            await put(send, answer or self._nowhere())
        else:
            await put(send, self._nowhere(), head=request.head)

    def _nowhere(self) -> Page:
        known = " ".join(sorted(self._doors.pages))
        return Page(f"no such page; there are: {known}\n", 404)

    async def _page(self, path: str) -> Page:
        make = self._doors.pages[path]
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, make)
        except Exception as error:  # a page that fails is no reason to end
            return Page(f"this page could not be made: {type(error).__name__}\n", 500)

    async def _hook(self, request: Request, scope: Scope, receive: Receive) -> Page:
        name = request.path.removeprefix(HOOK)
        if not hookwire.is_name(name):
            return Page("no such hook\n", 404)
        _only(request, "POST")
        unit = self._entitled(request, scope)
        within(request, BODY_BYTES_MAX)
        size = BODY_BYTES_MAX if request.length is None else request.length
        if self._flight + size > FLIGHT_BYTES_MAX:
            raise RefusedAnswer(503, "too much is being told at once", "crowded")
        self._flight += size
        try:
            data = await body(receive, BODY_BYTES_MAX, self._patience_s)
        finally:
            self._flight -= size
        return of_json(await self._hooks.take(unit, name, data, receive))

    async def _mcp(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        _only(request, "GET", "POST", "DELETE")
        unit = self._entitled(request, scope)
        within(request, MCP_BYTES_MAX)
        begun = False
        taken = 0

        async def capped() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MCP_BYTES_MAX:
                raise RefusedAnswer(413, f"more than {MCP_BYTES_MAX} bytes are not taken", "body")
            return message

        async def told(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        assert self._doors.mcp is not None  # noqa: S101 - asked by the caller
        try:
            await self._doors.mcp({**scope, UNIT: unit}, capped, told)
        except (RefusedAnswer, ConnectionError):
            if begun:
                raise ConnectionAbortedError from None
            raise
        except Exception as error:
            self._doors.log(f"{unit}: mcp broke: {type(error).__name__}: {error}")
            if begun:
                raise ConnectionAbortedError from None
            await put(send, Page(f"this could not be done: {type(error).__name__}\n", 500))

    def _entitled(self, request: Request, scope: Scope) -> Any:
        """Return who asks. RefusedAnswer: nobody knows."""
        if not request.token:
            unit, reason = "", "missing"
        else:
            unit, reason = self._doors.verify(request.token)
        if reason:
            self._tell(request.path, reason)
            why = f"the token is {reason}: it is an agent's own, and new with each start"
            challenge: Mapping[str, str] = {"www-authenticate": "Bearer"}
            raise RefusedAnswer(401, why, reason, challenge)
        trust = scope.get(TRUSTED)
        if trust is not None:
            trust(unit)
        return unit

    def _tell(self, path: str, reason: str) -> None:
        now = time.monotonic()
        if now - self._said.get(reason, -LOGGED_S) >= LOGGED_S:
            self._said[reason] = now
            self._doors.log(f"a request for {path} was refused: its token is {reason}")


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allow = ", ".join(methods)
        raise RefusedAnswer(405, f"only {allow} is served here", "method", {"allow": allow})
