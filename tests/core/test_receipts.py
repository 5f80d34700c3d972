"""A message and its receipt in words."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.receipts import (
    came,
    furthest,
    hour,
    least,
    letter_lines,
    line,
    proof_of,
    reached,
    span,
    story,
)
from reconciler.model.message import ORDER, Message, Priority, Proof, Stage, Tracked

AT = 1_790_000_000.25
SENT = Message("m1", "person:Ada", "web/agent/torch", "hello\n\tthere", AT, Priority.HIGH)


def kept(*stages: Stage, message: Message = SENT) -> Tracked:
    proofs = [Proof(stage, AT + n / 8, f"seen {stage.value}") for n, stage in enumerate(stages)]
    return Tracked(message, tuple(proofs))


WAY = kept(Stage.ACCEPTED, Stage.ADMITTED, Stage.INJECTED, Stage.SUBMITTED)


def test_a_stage_is_reached_with_those_beyond_it() -> None:
    assert [reached(WAY, stage) for stage in ORDER] == [True] * 4 + [False]
    assert not reached(WAY, Stage.DEAD)
    dead = kept(Stage.ACCEPTED, Stage.DEAD)
    assert [reached(dead, stage) for stage in (*ORDER, Stage.DEAD)] == [False] * 5 + [True]
    read = kept(Stage.ACCEPTED, Stage.READ)
    assert all(reached(read, stage) for stage in ORDER)
    found = proof_of(read, Stage.INJECTED)
    assert found is not None
    assert found.stage is Stage.READ
    assert proof_of(WAY, Stage.READ) is None


def test_how_it_came_so_far() -> None:
    assert came(WAY, Stage.ACCEPTED) == "accepted"
    assert came(WAY, Stage.SUBMITTED) == "submitted after 375 ms (seen submitted)"
    assert came(WAY, Stage.READ) == furthest(WAY) == "submitted (seen submitted)"


def test_the_story_has_every_hour_and_the_time_between() -> None:
    assert story(WAY) == [
        "  accepted   2026-09-21 14:13:20.250Z             seen accepted",
        "  admitted   2026-09-21 14:13:20.375Z    +125 ms  seen admitted",
        "  injected   2026-09-21 14:13:20.500Z    +125 ms  seen injected",
        "  submitted  2026-09-21 14:13:20.625Z    +125 ms  seen submitted",
    ]
    assert story(kept(Stage.ACCEPTED), "torch is busy\x1b")[1:] == [
        "  waits      torch is busy\\u{1b}"
    ]
    assert story(kept(Stage.ACCEPTED))[-1].endswith("nobody knows for what")


def test_a_message_in_one_line_and_in_full() -> None:
    assert line(WAY) == (
        "m1  2026-09-21 14:13:20.250Z  submitted high    person:Ada to web/agent/torch: hello there"
    )
    long = replace(SENT, body="x" * 100, reply_to="m0", thread="m0", key="k", expires=AT + 60)
    assert line(Tracked(long)).endswith("x" * 59 + "…")
    head, facts, *body = letter_lines(Tracked(long))
    assert head == "m1  person:Ada to web/agent/torch"
    for word in ("high priority", "in reply to m0", "of thread m0", "key k", "good until 2026"):
        assert word in facts
    assert body == ["  | " + "x" * 100]
    assert letter_lines(WAY)[2:] == ["  | hello", "  |     there"]


def test_nothing_that_acts_on_a_terminal_comes_through() -> None:
    evil = replace(SENT, sender="a\x1b", to="b\x9b", body="c\x1b\u202e", id="m\x07", key="\x1b")
    told = Tracked(evil, (Proof(Stage.ACCEPTED, AT, "e\x1b"),))
    text = "".join([line(told), *letter_lines(told), *story(told, "w\x1b"), furthest(told)])
    assert text.isprintable()


def test_times_in_the_unit_that_fits() -> None:
    told = [span(0), span(0.0355), span(-0.5), span(1.04), span(119), span(3600), span(90_000)]
    assert told == ["0 ms", "36 ms", "-500 ms", "1.0 s", "119.0 s", "60 min", "25 h"]
    assert hour(-1.0) == hour(1e300) == hour(float("nan")) == "an hour that no calendar has"


def test_the_least_is_the_dead_one_or_that_which_came_least_far() -> None:
    near, dead = kept(Stage.ACCEPTED), kept(Stage.ACCEPTED, Stage.DEAD)
    assert least([WAY, near]) is near
    assert least([WAY, dead, near]) is dead
