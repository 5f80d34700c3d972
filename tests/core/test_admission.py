"""What a body may hold, who may use which priority, how fast; and when a message is given up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import admission
from reconciler.core.admission import (
    PER_MINUTE,
    Bucket,
    check_message,
    check_priority,
    clean_body,
    given_up,
    short,
    spend,
)
from reconciler.model.message import BODY_BYTES_MAX, Message, Priority
from reconciler.model.problems import NovaorchError, RefusedError

PLAIN = Message("m1", "person:Ada", "web/agent/torch", "hi", 1.0)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("plain", "plain"),
        ("two\r\nlines\rthree\u2028four", "two\nlines\nthree\nfour"),
        ("\n\n  indented\n\n", "  indented"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
        ("nul\x00bell\x07del\x7f", "nul\\u{0}bell\\u{7}del\\u{7f}"),
        ("evil\u202egnp.exe", "evil\\u{202e}gnp.exe"),
        ("hid\u200bden", "hid\\u{200b}den"),
        ("tag\U000e0041\U000e0042", "tag\\u{e0041}\\u{e0042}"),
        ("\U000e0101smuggled", "\\u{e0101}smuggled"),
        ("blank\u3164", "blank\\u{3164}"),
        ("half \udc80", "half \\u{dc80}"),
        (
            "ü ß 漢字 שלום \U0001f468\u200d\U0001f469 ❤\ufe0f",
            "ü ß 漢字 שלום \U0001f468\u200d\U0001f469 ❤\ufe0f",
        ),
    ],
)
def test_what_becomes_of_a_body(body: str, kept: str) -> None:
    assert clean_body(body) == kept


@given(st.text(min_size=1, max_size=200))
def test_any_body_is_clean_once_and_for_ever_or_empty(body: str) -> None:
    if not body.strip():
        with pytest.raises(NovaorchError, match="empty"):
            clean_body(body)
        return
    kept = clean_body(body)
    assert clean_body(kept) == kept
    assert not {c for c in kept if ord(c) < 32} - {"\n", "\t"}
    kept.encode()


@pytest.mark.parametrize("body", ["", " ", "\n\t\r\n"])
def test_nothing_is_not_sent(body: str) -> None:
    with pytest.raises(NovaorchError, match="empty"):
        clean_body(body)


def test_too_much_is_not_sent_also_when_cleaning_made_it_so() -> None:
    assert len(clean_body("x" * BODY_BYTES_MAX)) == BODY_BYTES_MAX
    for body in ("x" * (BODY_BYTES_MAX + 1), "\x00" * (BODY_BYTES_MAX // 4 + 1)):
        with pytest.raises(NovaorchError, match="too long") as caught:
            clean_body(body)
        assert "file" in caught.value.fix


@pytest.mark.parametrize("field", ["id", "sender", "to", "key", "reply_to", "thread"])
@pytest.mark.parametrize("word", ["a\nb", "a\x1b", "x" * 256])
def test_words_that_no_store_should_keep(field: str, word: str) -> None:
    check_message(PLAIN)
    with pytest.raises(NovaorchError) as caught:
        check_message(replace(PLAIN, **{field: word}))  # type: ignore[arg-type]
    assert caught.value.fix


@pytest.mark.parametrize("hour", [float("nan"), float("inf")])
def test_hours_that_are_none(hour: float) -> None:
    for wrong in (replace(PLAIN, at=hour), replace(PLAIN, expires=hour)):
        with pytest.raises(NovaorchError):
            check_message(wrong)


@pytest.mark.parametrize("field", ["id", "sender", "to"])
def test_words_that_must_be_there(field: str) -> None:
    with pytest.raises(NovaorchError):
        check_message(replace(PLAIN, **{field: ""}))  # type: ignore[arg-type]


def test_who_may_use_which_priority() -> None:
    for sender in ("person:Ada", "novaorch"):
        for priority in Priority:
            check_priority(sender, priority)
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        check_priority("web/agent/torch", priority)
    with pytest.raises(RefusedError) as caught:
        check_priority("web/agent/torch", Priority.URGENT)
    assert "priority high" in caught.value.fix
    check_priority("web/agent/torch", Priority.URGENT, Priority.URGENT)
    with pytest.raises(RefusedError):
        check_priority("web/agent/torch", Priority.HIGH, Priority.NORMAL)
    with pytest.raises(RefusedError):
        check_priority("novaorch2", Priority.URGENT)


def test_a_sender_may_send_so_many_a_minute() -> None:
    bucket = spend(Bucket(), PER_MINUTE, 1000.0)
    with pytest.raises(RefusedError) as caught:
        spend(bucket, 1, 1000.1)
    assert "wait" in caught.value.fix
    bucket = spend(bucket, 1, 1000.5)
    bucket = spend(bucket, PER_MINUTE, 1000.5 + 60.0)
    with pytest.raises(RefusedError):
        spend(bucket, 1, 5.0)


def test_more_than_a_minutes_worth_at_once_never_fits() -> None:
    with pytest.raises(RefusedError) as caught:
        spend(Bucket(), PER_MINUTE + 1, 1000.0)
    assert "fewer" in caught.value.fix


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), max_size=60))
def test_no_minute_holds_more_than_twice_a_minutes_worth(steps: list[tuple[float, int]]) -> None:
    bucket, now, sent = Bucket(), 1000.0, []
    for pause, count in steps:
        now += pause
        try:
            bucket = spend(bucket, count, now)
        except RefusedError:
            continue
        sent.append((now, count))
    for start, _ in sent:
        within = sum(count for at, count in sent if start <= at < start + 60)
        assert within <= 2 * PER_MINUTE
    if sent:
        passed = sent[-1][0] - sent[0][0]
        assert sum(count for _, count in sent) <= PER_MINUTE + passed * PER_MINUTE / 60 + 1e-6


def test_a_receiver_that_is_gone_is_waited_for_a_while() -> None:
    assert given_up(0.0) == ""
    assert given_up(admission.GONE_S - 1) == ""
    assert "not in the fleet" in given_up(admission.GONE_S)


def test_evidence_is_one_short_line() -> None:
    assert short(" a\n b\tc  ") == "a b c"
    assert len(short("x" * 1000)) == 300
