"""What is kept of prompts: excerpts, without secrets, by policy."""

from __future__ import annotations

import time

import pytest

from reconciler.core.masks import Mask
from reconciler.core.minutes import EXCERPT_MAX, excerpt, note, spoken_for, without_secrets
from reconciler.core.trailers import prompt_hash
from reconciler.model.ids import UnitId
from reconciler.model.training import HeldBack, Turn

AGENT = UnitId("shop/agent/torch")
MASK = Mask(b"k" * 32)
SECRET = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
KEY = (
    "-----BEGIN RSA "
    + "PRIVATE KEY-----\n"
    + ("MIIEow9AKq3\n" * 30)
    + "-----END RSA PRIVATE KEY-----"
)


def test_secrets_are_masked_line_by_line() -> None:
    text = f"one\nuse {SECRET}\npassword=hunter2hunter2\nmore\x1b[31m"
    shown = without_secrets(text, MASK)
    assert SECRET not in shown
    assert "hunter2" not in shown
    assert "\x1b" not in shown
    assert shown.startswith("one\nuse «")


@pytest.mark.parametrize("before", [0, 1900, 1990, 2480, 19_980, 19_999, 20_010, 45_000])
def test_no_cut_through_a_secret_shows_half_of_it(before: int) -> None:
    for secret in (SECRET, KEY.replace("\n", " ")):
        shown = excerpt(f"{'word ' * (before // 5)}{secret} {'word ' * 5_000}", MASK)
        assert len(shown) <= EXCERPT_MAX
        assert secret[20:40] not in shown


def test_an_excerpt_has_the_beginning_and_the_end() -> None:
    shown = excerpt("begin " + "word " * 50_000 + "end", MASK)
    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert len(shown) <= EXCERPT_MAX
    assert excerpt("short\nprompt", None) == "short\nprompt"


def test_long_words_take_no_time() -> None:
    began = time.monotonic()
    excerpt("x" * 3_000_000, MASK)
    without_secrets("a" * 399 + " " + "b" * 10**6, MASK)
    assert time.monotonic() - began < 10


def test_policy_decides() -> None:
    turn = Turn(AGENT, 5.0, summary=f"used {SECRET}", prompt="a wish", conversation="c")
    held = [HeldBack(".env", "policy", "why")]
    full = note(turn, "excerpt", held, MASK)
    assert full["prompt"] == "a wish"
    assert full["hash"] == prompt_hash("a wish")
    assert full["held_back"] == [{"path": ".env", "rule": "policy", "why": "why"}]
    assert "prompt" not in note(turn, "hash", held, MASK)
    assert note(turn, "none", held, MASK) == {}
    assert spoken_for(turn, "none", MASK).prompt == ""
    assert SECRET not in spoken_for(turn, "excerpt", MASK).summary
