"""What is a request, what is not yet one, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.gate.request import HEAD_BYTES_MAX, Refusal, Request, told


def raw(first: str = "GET /metrics HTTP/1.1", *lines: str, host: str = "127.0.0.1:9100") -> bytes:
    every = [first, *([f"Host: {host}"] if host else []), *lines, "", ""]
    return "\r\n".join(every).encode("latin-1")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (raw(), Request("/metrics", False)),
        (raw("HEAD /metrics HTTP/1.1"), Request("/metrics", True)),
        (raw("GET /metrics?name=x HTTP/1.1"), Request("/metrics", False)),
        (raw("GET /metrics HTTP/1.0"), Request("/metrics", False)),
        (raw(host="localhost"), Request("/metrics", False)),
        (raw(host="LOCALHOST:1"), Request("/metrics", False)),
        (raw(host="[::1]:9100"), Request("/metrics", False)),
        (raw("GET /metrics HTTP/1.1", "Content-Length: 0"), Request("/metrics", False)),
        (raw("GET /a/../b HTTP/1.1"), Request("/a/../b", False)),
    ],
)
def test_a_good_request(data: bytes, expected: Request) -> None:
    assert told(data) == expected
    assert told(data + b"GET /more") == expected, "what follows is not looked at"
    for end in range(len(data)):
        assert told(data[:end]) is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        *((raw(f"{verb} / HTTP/1.1"), 405) for verb in ("POST", "PUT", "DELETE", "OPTIONS")),
        (raw("CONNECT localhost:1 HTTP/1.1"), 400),
        (raw("GET http://localhost/metrics HTTP/1.1"), 400),
        (raw("GET metrics HTTP/1.1"), 400),
        (raw("GET / HTTP/2"), 400),
        (raw("GET /"), 400),
        (raw("GET  / HTTP/1.1"), 400),
        (raw("get / HTTP/1.1"), 400),
        (raw("GET /\xe9 HTTP/1.1"), 400),
        (raw("GET /\x00 HTTP/1.1"), 400),
        (raw(f"GET /{'x' * 2000} HTTP/1.1"), 400),
        (raw("\x16\x03\x01 GET / HTTP/1.1"), 400),
        (b"\r\n\r\n", 400),
        (raw(host=""), 421),
        (raw(host="evil.example"), 421),
        (raw(host="localhost.evil.example"), 421),
        (raw(host="127.0.0.1.evil.example:80"), 421),
        (raw(host="evil.example:80@127.0.0.1"), 421),
        (raw(host="10.0.0.1"), 421),
        (raw(host="127.0.0.1\x85"), 421),
        (raw("GET / HTTP/1.1", "Host: localhost"), 421),
        (raw("GET / HTTP/1.1", "Content-Length: 5"), 413),
        (raw("GET / HTTP/1.1", "Content-Length: 0", "Content-Length: 5"), 413),
        (raw("GET / HTTP/1.1", "Transfer-Encoding: chunked"), 413),
        (raw("GET / HTTP/1.1", " folded: x"), 400),
        (raw("GET / HTTP/1.1", "no colon"), 400),
        (raw("GET / HTTP/1.1", "Name : x"), 400),
        (raw("GET / HTTP/1.1", "X: a\x00b"), 400),
        (raw("GET / HTTP/1.1", "X: a\nb"), 400),
        (raw("GET / HTTP/1.1", *["X: y"] * 65), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES_MAX, 431),
        (b"\n" * HEAD_BYTES_MAX, 431),
    ],
)
def test_a_refused_one(data: bytes, status: int) -> None:
    found = told(data)
    assert isinstance(found, Refusal)
    assert found.status == status


@given(data=st.binary(max_size=200))
def test_any_bytes_have_an_answer_or_none(data: bytes) -> None:
    told(data)
    told(data + b"\r\n\r\n")
    found = told(raw() + data)
    assert found == Request("/metrics", False)
