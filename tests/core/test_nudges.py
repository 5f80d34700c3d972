"""Whether a nudge is signed, and whether it comes too often."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.nudges import BURST, REFILL_S, SECRET_MIN, Patience, is_signature, signed


def sign(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def test_the_signature_is_that_of_the_field() -> None:
    """The example that forges print in their manuals."""
    secret, body = b"It's a Secret to Everybody", b"Hello, World!"
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed(secret, body, wanted)
    assert not signed(secret, body + b"!", wanted)


@pytest.mark.parametrize("header", ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "G" * 64,
                                    "sha256=" + "0" * 65, " sha256=" + "0" * 64])  # fmt: skip
def test_what_is_no_signature_at_all(header: str) -> None:
    assert not is_signature(header)
    assert not signed(b"secret", b"", header)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64), st.binary(max_size=200))
def test_only_the_body_that_was_signed_passes(body: bytes, secret: bytes, other: bytes) -> None:
    assert is_signature(sign(body, secret))
    assert signed(secret, body, sign(body, secret))
    assert signed(secret, other, sign(body, secret)) == (other == body)
    assert not signed(b"", body, sign(body, b""))


@given(st.lists(st.floats(0, 100), max_size=200))
def test_no_flood_gets_more_than_its_share(waits: list[float]) -> None:
    patience, now, heard = Patience(), 0.0, 0
    for wait_s in waits:
        now += wait_s
        left = patience.spent(now)
        heard += left is not None
        patience = left or patience
    assert heard <= BURST + now / REFILL_S + 1


def test_a_burst_is_heard_and_then_one_each_while() -> None:
    patience = Patience(at=100.0)
    for _ in range(BURST):
        left = patience.spent(100.0)
        assert left is not None
        patience = left
    assert patience.spent(100.0) is None
    assert patience.spent(100.0 + REFILL_S * 0.9) is None
    after = patience.spent(100.0 + REFILL_S)
    assert after == Patience(0.0, 100.0 + REFILL_S)
    rested = patience.spent(1e9)
    assert rested == Patience(BURST - 1, 1e9), "rest fills it up, and no further"
    back = Patience(5.0, 100.0).spent(50.0)
    assert back == Patience(4.0, 50.0), "a clock that goes back takes nothing"
    assert Patience(0.0).spent(REFILL_S) == Patience(0.0, REFILL_S), "its clock begins at nothing"
    assert (BURST, REFILL_S, SECRET_MIN) == (20, 0.5, 16), "said so in the manual"
