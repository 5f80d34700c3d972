"""What is a fit request, and what is refused before anybody looks at what it wants."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.gate.page import RefusedAnswer, Scope
from reconciler.gate.request import HEAD_BYTES_MAX, Request, body, fit, no_body, within


def scope(
    target: bytes = b"/metrics",
    *lines: tuple[str, str],
    method: str = "GET",
    host: str | None = "127.0.0.1:9100",
) -> Scope:
    path, _, query = target.partition(b"?")
    hosts = [("host", host)] if host is not None else []
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in [*hosts, *lines]]
    return {"method": method, "raw_path": path, "query_string": query, "headers": raw}


def refused(made: Scope) -> int:
    with pytest.raises(RefusedAnswer) as caught:
        fit(made)
    return caught.value.page.status


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (scope(), Request("GET", "/metrics")),
        (scope(method="HEAD"), Request("HEAD", "/metrics")),
        (scope(b"/metrics?name=x"), Request("GET", "/metrics", "name=x")),
        (scope(host="localhost"), Request("GET", "/metrics")),
        (scope(host="LOCALHOST:1"), Request("GET", "/metrics")),
        (scope(host="[::1]:9100"), Request("GET", "/metrics")),
        (scope(b"/m", ("content-length", "7")), Request("GET", "/m", length=7)),
        (scope(b"/m", ("transfer-encoding", "chunked")), Request("GET", "/m", length=None)),
        (scope(b"/a/../b%2f"), Request("GET", "/a/../b%2f")),
        (scope(b"/m", ("authorization", "Bearer abc.d")), Request("GET", "/m", token="abc.d")),
        (scope(b"/m", ("authorization", "bearer  abc ")), Request("GET", "/m", token="abc")),
        (scope(b"/m", ("authorization", "Basic abc")), Request("GET", "/m")),
        (scope(b"/m", ("origin", "http://localhost:3000")), Request("GET", "/m")),
    ],
)
def test_a_good_request(made: Scope, expected: Request) -> None:
    assert fit(made) == expected


def test_two_tokens_are_none() -> None:
    made = scope(b"/m", ("authorization", "Bearer a"), ("authorization", "Bearer b"))
    assert fit(made).token == ""


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (scope(b"metrics"), 400),
        (scope(b"http://localhost/metrics"), 400),
        (scope(b"*"), 400),
        (scope(b"/\xe9"), 400),
        (scope(b"/" + b"x" * 2000), 400),
        (scope(method="get"), 400),
        (scope(method="X" * 17), 400),
        (scope(b"/", ("content-length", "-1")), 400),
        (scope(b"/", ("content-length", "1e3")), 400),
        (scope(b"/", ("content-length", "0"), ("content-length", "5")), 400),
        (scope(host=None), 421),
        (scope(host="evil.example"), 421),
        (scope(host="localhost.evil.example"), 421),
        (scope(host="127.0.0.1.evil.example:80"), 421),
        (scope(host="evil.example:80@127.0.0.1"), 421),
        (scope(host="10.0.0.1"), 421),
        (scope(host="127.0.0.1\x85"), 421),
        (scope(b"/", ("host", "localhost")), 421),
        (scope(b"/", ("origin", "https://evil.example")), 403),
        (scope(b"/", ("origin", "null")), 403),
        (scope(b"/", *[("x", "y")] * 65), 431),
        (scope(b"/", ("x", "y" * HEAD_BYTES_MAX)), 431),
    ],
)
def test_a_refused_one(made: Scope, status: int) -> None:
    assert refused(made) == status


@given(
    target=st.binary(max_size=60),
    lines=st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=60)), max_size=5),
)
def test_anything_is_a_request_or_refused(target: bytes, lines: list[tuple[bytes, bytes]]) -> None:
    made = scope(target)
    made["headers"] = [*made["headers"], *lines]
    try:
        path, status = fit(made).path, 400
    except RefusedAnswer as answer:
        path, status = "/", answer.page.status
    assert path.startswith("/")
    assert 400 <= status < 500


# -- bodies ----------------------------------------------------------------------------------------


def test_a_body_is_refused_where_none_is_taken() -> None:
    no_body(Request("GET", "/"))
    for length in (1, None):
        with pytest.raises(RefusedAnswer):
            no_body(Request("GET", "/", length=length))


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    within(Request("POST", "/", length=10), 10)
    within(Request("POST", "/", length=None), 10)
    with pytest.raises(RefusedAnswer):
        within(Request("POST", "/", length=11), 10)


def read(*parts: bytes, hang: bool = False, gone: bool = False) -> bytes:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        if hang:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"} if gone else {"type": "http.request"}

    return asyncio.run(body(receive, 10, 0.05))


def test_a_body_is_counted_while_it_is_read() -> None:
    assert read(b"12345", b"67890") == b"1234567890"
    with pytest.raises(RefusedAnswer) as caught:
        read(b"12345", b"67890", b"1")
    assert caught.value.page.status == 413


def test_nobody_is_waited_for_in_vain() -> None:
    with pytest.raises(RefusedAnswer) as caught:
        read(b"1", hang=True)
    assert caught.value.page.status == 408
    with pytest.raises(ConnectionError):
        read(b"1", gone=True)
