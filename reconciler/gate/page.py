"""What the gate answers, and how it is put on the wire. Touches nothing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from reconciler.model.ids import Json

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Anything that serves a request: the plain interface of ASGI, and no framework."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    body: str
    status: int = 200
    kind: str = "text/plain; charset=utf-8"


Pages: TypeAlias = Mapping[str, Callable[[], Page]]
"""What makes the page of a path, called in a thread of the gate for every request."""


class RefusedAnswer(Exception):  # noqa: N818 - it is an answer
    """Ends a request with a page that says why. `reason` is counted; headers are added to it."""

    def __init__(
        self, status: int, why: str, reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(why)
        self.page = Page(f"{why}\n", status)
        self.reason, self.headers = reason, headers or {}


def of_json(value: Json, status: int = 200) -> Page:
    """Return a page that holds a value."""
    return Page(json.dumps(value), status, "application/json")


async def put(
    send: Send, page: Page, headers: Mapping[str, str] | None = None, *, head: bool = False
) -> None:
    """Send a page. The connection ends with it: nobody has to guess whether it still lives."""
    body = page.body.encode("utf-8", "replace")
    lines = {
        "content-type": page.kind,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "connection": "close",
        **(headers or {}),
    }
    raw = [
        (key.encode("ascii"), value.encode("latin-1", "replace")) for key, value in lines.items()
    ]
    await send({"type": "http.response.start", "status": page.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head else body})
