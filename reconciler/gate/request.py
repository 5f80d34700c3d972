"""What a request must be before anybody looks at what it wants. Touches nothing.

Only a Host that names this machine passes: a web page that lets its own name point here can make a
browser ask, but not under such a name. Nothing is parsed before its size is known to be fit.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from reconciler.gate.page import Receive, RefusedAnswer, Scope

HEAD_BYTES_MAX = 8_192
_LINES_MAX = 64
_METHOD = re.compile(r"[A-Z]{1,16}\Z")
_TARGET = re.compile(rb"/[!-~]{0,1023}\Z")
_LENGTH = re.compile(rb"[0-9]{1,15}\Z")
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is fit: `path` has no query and nothing in it is decoded; `length` is None
    when the size of its body is not told."""

    method: str
    path: str
    query: str = ""
    length: int | None = 0
    token: str = ""

    @property
    def head(self) -> bool:
        """Whether no body is wanted back."""
        return self.method == "HEAD"


def fit(scope: Scope) -> Request:
    """Return what is asked for. RefusedAnswer: it is nothing that is served here."""
    lines: list[tuple[bytes, bytes]] = list(scope["headers"])
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    size = sum(len(name) + len(value) + 4 for name, value in lines)
    if len(lines) > _LINES_MAX or size + len(target) > HEAD_BYTES_MAX:
        raise RefusedAnswer(431, "the head of the request is too large", "head")
    if not _METHOD.match(scope["method"]) or not _TARGET.match(target):
        raise RefusedAnswer(400, "this is no request that is understood here", "request")
    _local(lines)
    return Request(
        scope["method"],
        scope["raw_path"].decode("ascii"),
        scope["query_string"].decode("ascii"),
        _length(lines),
        _token(lines),
    )


def _local(lines: list[tuple[bytes, bytes]]) -> None:
    hosts = _every(lines, b"host")
    if len(hosts) != 1 or not _LOOPBACK.match(hosts[0].decode("latin-1").lower()):
        why = "the Host header does not name this machine's loopback"
        raise RefusedAnswer(421, why, "host")
    for origin in _every(lines, b"origin"):
        place = origin.decode("latin-1").lower().partition("://")[2]
        if not _LOOPBACK.match(place):
            raise RefusedAnswer(403, "a page from elsewhere may not ask here", "origin")


def _length(lines: list[tuple[bytes, bytes]]) -> int | None:
    if _every(lines, b"transfer-encoding"):
        return None
    lengths = _every(lines, b"content-length") or [b"0"]
    if len(lengths) != 1 or not _LENGTH.match(lengths[0]):
        raise RefusedAnswer(400, "the length of the body is not told clearly", "request")
    return int(lengths[0])


def _token(lines: list[tuple[bytes, bytes]]) -> str:
    """Return the bearer's token, '' when there is none, or more than one."""
    said = _every(lines, b"authorization")
    if len(said) != 1:
        return ""
    scheme, _, token = said[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _every(lines: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in lines if key == name]


def no_body(request: Request) -> None:
    """Refuse a body where none is taken."""
    if request.length != 0:
        raise RefusedAnswer(413, "no body is taken", "body")


def within(request: Request, bytes_max: int) -> None:
    """Refuse a body that says it is too large, before a byte of it is read."""
    if request.length is not None and request.length > bytes_max:
        raise RefusedAnswer(413, f"more than {bytes_max} bytes are not taken", "body")


async def body(receive: Receive, bytes_max: int, patience_s: float) -> bytes:
    """Return the body. RefusedAnswer: it is too large, or too slow; ConnectionError: gone."""
    found = bytearray()
    try:
        async with asyncio.timeout(patience_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ConnectionAbortedError
                found += message.get("body", b"")
                if len(found) > bytes_max:
                    raise RefusedAnswer(413, f"more than {bytes_max} bytes are not taken", "body")
                if not message.get("more_body"):
                    return bytes(found)
    except TimeoutError:
        raise RefusedAnswer(408, "the body did not come in time", "slow") from None
