"""The door for nudges: whoever knows the secret may say that the remote has something new.

It says "look", and nothing in its body is believed or kept. No token is asked for here, so nothing
is read before its size, its shape and how often it comes are known to be fit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reconciler.core.nudges import Patience, is_signature, signed
from reconciler.gate.doors import Doors
from reconciler.gate.page import Page, Receive, RefusedAnswer, Scope
from reconciler.gate.request import Request, body, within
from reconciler.model.problems import NovaorchError

T = TypeVar("T")

PATH = "/webhook"
BODY_BYTES_MAX = 1 << 20
FLIGHT_BYTES_MAX = 8 << 20
LOGGED_S = 60.0
_HEADER = b"x-hub-signature-256"


class Webhook:
    """Takes nudges on the gate's loop."""

    def __init__(self, doors: Doors, pool: ThreadPoolExecutor, patience_s: float) -> None:
        self._doors, self._pool, self._patience_s = doors, pool, patience_s
        self._patience = Patience(at=time.monotonic())
        self._flight = 0
        self._said = -LOGGED_S

    async def take(self, request: Request, scope: Scope, receive: Receive) -> Page | None:
        """Return the answer; None: this fleet has no such door. RefusedAnswer: 401, 413, 429."""
        bell = self._doors.bell
        if bell is None:
            return None
        left = self._patience.spent(time.monotonic())
        if left is None:
            wait = {"retry-after": "1"}
            raise RefusedAnswer(429, "too many nudges; the next poll comes anyway", "often", wait)
        self._patience = left
        secret = await self._secret(bell.secret)
        if secret is None:
            return None
        within(request, BODY_BYTES_MAX)
        header = _signature(scope)
        if not is_signature(header):
            raise _unsigned("a nudge is signed: X-Hub-Signature-256: sha256=<hex>")
        data = await self._body(request, receive)
        if not await self._in_pool(lambda: signed(secret, data, header)):
            raise _unsigned("the signature is not that of this body and the secret")
        self._doors.counts.rang()
        bell.ring()
        return Page("heard; a look is on its way\n", 202)

    async def _body(self, request: Request, receive: Receive) -> bytes:
        size = BODY_BYTES_MAX if request.length is None else request.length
        if self._flight + size > FLIGHT_BYTES_MAX:
            raise RefusedAnswer(503, "too much is being told at once", "crowded")
        self._flight += size
        try:
            return await body(receive, BODY_BYTES_MAX, self._patience_s)
        finally:
            self._flight -= size

    async def _secret(self, look_up: Callable[[], bytes | None]) -> bytes | None:
        """Return the secret as it is now; None: there is no such door."""
        try:
            return await self._in_pool(look_up)
        except NovaorchError as error:
            if time.monotonic() - self._said >= LOGGED_S:
                self._said = time.monotonic()
                self._doors.log(f"nudges cannot be checked: {error.what} ({error.why})")
            raise RefusedAnswer(503, "no secret is here to check this with", "secret") from None

    async def _in_pool(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def _unsigned(why: str) -> RefusedAnswer:
    return RefusedAnswer(401, why, "unsigned")


def _signature(scope: Scope) -> str:
    """Return the one signature that came along, '' when there is none or more than one."""
    found = [value for name, value in scope["headers"] if name == _HEADER]
    return found[0].decode("latin-1") if len(found) == 1 else ""
