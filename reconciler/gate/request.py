"""One HTTP request, told from bytes: understood, not yet whole, or refused. Touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_BYTES_MAX = 8_192
_LINES_MAX = 64
_METHOD = re.compile(rb"[A-Z]{1,16}\Z")
_TARGET = re.compile(rb"/[!-~]{0,1023}\Z")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is understood: `path` has no query, `head` wants no body back."""

    path: str
    head: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no page."""

    status: int
    why: str


def told(data: bytes) -> Request | Refusal | None:
    """Return what these bytes ask for; None: more have to come.

    Only GET and HEAD without a body pass, and only with a Host that names this machine: a web page
    that lets its own name point here can make a browser ask, but not under such a name.
    """
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        too_much = len(data) >= HEAD_BYTES_MAX
        return Refusal(431, "the head of the request is too large") if too_much else None
    first, *rest = data[:end].split(b"\r\n")
    if len(rest) > _LINES_MAX:
        return Refusal(431, "the request has too many header lines")
    fields = _fields(rest)
    parts = first.split(b" ")
    if fields is None or len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        return Refusal(400, "this is no HTTP/1.1 request")
    return _judged(parts[0], parts[1], fields)


def _judged(method: bytes, target: bytes, fields: dict[bytes, list[bytes]]) -> Request | Refusal:
    if not _METHOD.match(method) or not _TARGET.match(target):
        return Refusal(400, "this is no HTTP/1.1 request")
    if method not in (b"GET", b"HEAD"):
        return Refusal(405, "only GET and HEAD are served")
    hosts = fields.get(b"host", [])
    if len(hosts) != 1 or not _LOOPBACK.match(hosts[0].decode("latin-1").lower()):
        return Refusal(421, "the Host header does not name this machine's loopback")
    if b"transfer-encoding" in fields or fields.get(b"content-length", [b"0"]) != [b"0"]:
        return Refusal(413, "no body is taken")
    return Request(target.partition(b"?")[0].decode("ascii"), method == b"HEAD")


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]] | None:
    """Return the header fields by name in small letters; None when one is not well formed."""
    found: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.match(name) or b"\0" in value or b"\r" in value or b"\n" in value:
            return None
        found.setdefault(name.lower(), []).append(value.strip(b" \t"))
    return found
