"""Messages of commits: composed, read back, and never forged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.trailers import compose, prompt_hash, read, trailer, trailers
from reconciler.model.ids import UnitId
from reconciler.model.training import HeldBack, Noted, Turn

AGENT = UnitId("shop/agent/torch")
TURN = Turn(AGENT, 1.0, conversation="c-1", model="opus", tokens_in=12, tokens_out=3)


def test_everything_that_is_written_is_read_back() -> None:
    turn = Turn(
        AGENT, 1.0, summary="Did it.", prompt="do it", conversation="c-1", model="opus",
        tokens_in=12, tokens_out=3, cost_usd=0.0345, desired="d" * 40, charter="c" * 40,
        cause="asked", by="ada",
    )  # fmt: skip
    message = compose(turn, 3, 7, [HeldBack("a b", "size", "large")])
    assert read(message) == Noted(
        AGENT, 3, 7, "c-1", prompt_hash("do it"), "opus", 12, 3, 0.0345, "d" * 40, "c" * 40,
        "asked by ada", "", {"Nova-Held-Back": "a b (size: large)"},
    )  # fmt: skip


def test_what_is_unknown_is_left_out() -> None:
    message = compose(Turn(AGENT, 1.0), 1, 1)
    assert message == (
        "Save work of torch\n\nNova-Agent: shop/agent/torch\nNova-Run: 1\nNova-Turn: 1\n"
        "Nova-Cause: turn\n"
    )
    assert compose(Turn(AGENT, 1.0, cause="settled"), 1, 1).startswith("Save settled work of torch")


@pytest.mark.parametrize(
    ("summary", "subject", "body"),
    [
        ("Fix the cart.", "Fix the cart", ""),
        ("## **Fix** the `cart`\n\nIt was broken.", "Fix the cart", "It was broken."),
        ("- [x] one\n- two", "[x] one", "- two"),
        ("First. Second sentence of it.", "First. Second sentence of it", ""),
        ("Added the first part. Then all the rest of it, which is long.",
         "Added the first part", "Added the first part. Then all the rest of it, which is long."),
        ("word " * 40, " ".join(["word"] * 14) + "…", None),
        ("x" * 200, "x" * 71 + "…", None),
        ("Nova-Agent: a/agent/b", "(Nova-Agent: a/agent/b)", ""),
        ("tab\tand\x07bell", "tab and\\u{7}bell", ""),
    ],
)  # fmt: skip
def test_a_summary_becomes_subject_and_body(summary: str, subject: str, body: str | None) -> None:
    message = compose(Turn(AGENT, 1.0, summary=summary), 1, 1)
    head, *rest = message.split("\n\n")
    assert head == subject
    if body is not None:
        assert "\n\n".join(rest[:-1]) == body


@given(st.text(max_size=400), st.text(max_size=60))
def test_no_summary_and_no_path_forges_a_trailer(summary: str, path: str) -> None:
    turn = Turn(AGENT, 1.0, summary=summary, by=path)
    message = compose(turn, 2, 5, [HeldBack(path, "policy", path)])
    noted = read(message)
    assert noted is not None
    assert (noted.unit, noted.run, noted.number) == (AGENT, 2, 5)
    subject = message.split("\n")[0]
    assert 0 < len(subject) <= 72
    assert subject == subject.strip()
    assert message.encode()
    block = message.rstrip("\n").rpartition("\n\n")[2].split("\n")
    assert all(line.startswith("Nova-") for line in block)
    assert "\n---" not in message


@pytest.mark.parametrize(
    "message",
    ["", "Fix it\n", "Fix it\n\nNova-Run: 3\n", "Fix\n\nNova-Agent: nonsense\n",
     "Nova-Agent: shop/agent/torch\n\nlater words\n", "x\n\nNova-Agent: ../agent/x\n"],
)  # fmt: skip
def test_other_peoples_messages_are_none_of_ours(message: str) -> None:
    assert read(message) is None


def test_garbage_in_a_trailer_is_left_out() -> None:
    noted = read(
        "x\n\nNova-Agent: shop/agent/torch\nNova-Run: many\nNova-Turn: -1\nNova-Tokens: a lot\n"
        "Nova-Cost-USD: 1e999\nNova-New: kept\n"
    )
    assert noted == Noted(AGENT, extra={"Nova-New": "kept"})


def test_other_trailers_may_stand_among_ours() -> None:
    message = compose(TURN, 1, 2).rstrip("\n") + "\nSigned-off-by: Ada <a@b>\nNova-Recorded: abc\n"
    noted = read(message)
    assert noted is not None
    assert (noted.number, noted.recorded) == (2, "abc")


def test_a_trailer_stays_one_line() -> None:
    assert trailer("X", "a\nNova-Agent: b\r\x1b") == "Nova-X: a Nova-Agent: b \\u{1b}"
    assert trailers("s\n\nNova-A: 1\nNova-A: 2\n") == {"Nova-A": "1\n2"}
