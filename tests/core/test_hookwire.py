"""What goes over the wire to and from hooks: exactly what the client understands, or nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import hookwire
from reconciler.core.hookwire import GO_ON_MAX, SUBSCRIBED, TEXT_MAX, answer, cut, event, is_name
from reconciler.model.hook import SILENCE, HookAnswer
from reconciler.model.ids import Json, UnitId

TORCH = UnitId("web/agent/torch")
ALL = HookAnswer(context="news", go_on="more", refuse="", decision="allow", because="so")


def specific(name: str, **fields: Json) -> dict[str, Json]:
    return {"hookSpecificOutput": {"hookEventName": name, **fields}}


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        *((name, SILENCE, {}) for name in [*SUBSCRIBED, "Unheard", hookwire.GONE]),
        *(
            (name, HookAnswer(context="news"), specific(name, additionalContext="news"))
            for name in ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure")
        ),
        *(
            (name, HookAnswer(context="news"), {})
            for name in ("Stop", "Notification", "SessionEnd", "StopFailure", "PermissionRequest")
        ),
        ("Stop", HookAnswer(go_on="more"), {"decision": "block", "reason": "more"}),
        ("PostToolUse", HookAnswer(go_on="more"), {}),
        (
            "UserPromptSubmit",
            HookAnswer(refuse="budget", context="news"),
            {"decision": "block", "reason": "budget"},
        ),
        (
            "PreToolUse",
            HookAnswer(refuse="budget"),
            specific("PreToolUse", permissionDecision="deny", permissionDecisionReason="budget"),
        ),
        ("PostToolUse", HookAnswer(refuse="budget"), {}),
        (
            "PermissionRequest",
            HookAnswer(decision="allow", because="x"),
            specific("PermissionRequest", decision={"behavior": "allow"}),
        ),
        (
            "PermissionRequest",
            HookAnswer(decision="deny", because="no"),
            specific("PermissionRequest", decision={"behavior": "deny", "message": "no"}),
        ),
        (
            "PermissionRequest",
            HookAnswer(decision="allow", refuse="budget"),
            specific("PermissionRequest", decision={"behavior": "deny", "message": "budget"}),
        ),
        ("PermissionRequest", HookAnswer(decision="ask"), {}),
        ("PermissionRequest", HookAnswer(decision="ALLOW"), {}),
    ],
)
def test_an_answer(name: str, said: HookAnswer, expected: dict[str, Json]) -> None:
    assert answer(name, said) == expected


def test_a_turn_goes_on_so_often_and_no_oftener() -> None:
    said = HookAnswer(go_on="more")
    assert answer("Stop", said, GO_ON_MAX - 1) != {}
    assert answer("Stop", said, GO_ON_MAX) == {}


def test_a_denial_has_always_words() -> None:
    found = answer("PermissionRequest", HookAnswer(decision="deny"))
    assert json.dumps(found).count("not allowed") == 1


@pytest.mark.parametrize(
    "text", ["x" * TEXT_MAX, "x" * (TEXT_MAX + 1), "\U0001f600" * TEXT_MAX, "\ud800", "é\ud800"]
)
def test_a_text_is_one_that_the_client_takes_whole(text: str) -> None:
    made = cut(text)
    assert len(made.encode("utf-16-le")) <= 2 * TEXT_MAX
    assert ("cut here" in made) == (len(text.encode("utf-16-le", "replace")) > 2 * TEXT_MAX)


@given(
    name=st.sampled_from([*SUBSCRIBED, "Other"]),
    said=st.builds(HookAnswer, *[st.text(max_size=30)] * 5),
    gone_on=st.integers(0, 10),
)
def test_whatever_is_said_is_json(name: str, said: HookAnswer, gone_on: int) -> None:
    assert json.loads(json.dumps(answer(name, said, gone_on))) == answer(name, said, gone_on)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_what_is_no_object_is_no_event(body: bytes) -> None:
    assert event(TORCH, "Stop", 1.0, body) is None


@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_event_or_none(body: bytes) -> None:
    event(TORCH, "Stop", 1.0, body)


def test_an_event_is_whose_token_it_had() -> None:
    made = event(TORCH, "Stop", 7.0, b'{"unit": "web/agent/anvil", "hook_event_name": "Other"}')
    assert made is not None
    assert (made.unit, made.name, made.at) == (TORCH, "Stop", 7.0)


def test_nobody_waits_longer_than_a_second_but_for_a_person() -> None:
    slow = {name for name, seconds in SUBSCRIBED.items() if seconds > 1}
    assert slow == {"PermissionRequest"}
    assert all(isinstance(seconds, int) and is_name(name) for name, seconds in SUBSCRIBED.items())


@pytest.mark.parametrize("text", ["", "stop", "S", "Stop/", "Stop\n", "St0p", "S" * 65, "../Stop"])
def test_what_cannot_name_an_event(text: str) -> None:
    assert not is_name(text)


def test_all_that_is_said_at_once_is_parted_by_event() -> None:
    assert answer("Stop", ALL) == {"decision": "block", "reason": "more"}
    assert answer("PostToolUse", ALL) == specific("PostToolUse", additionalContext="news")
