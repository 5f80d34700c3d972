"""What hooks say, with payloads as two versions of a real runtime sent them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.told import background, failure, failure_text, resets, told
from reconciler.model.agent import AgentState, Waiting, Witness
from reconciler.model.hook import HookEvent
from reconciler.model.ids import Json
from tests.builders import agent_id

A, NOW = agent_id("a"), 1_795_000_000.0
TASK: Json = {"id": "b1", "type": "shell", "status": "running", "command": "sleep 60"}


def event(name: str, **payload: Json) -> HookEvent:
    return HookEvent(A, name, NOW, payload)


@pytest.mark.parametrize(
    ("name", "payload", "state", "detail"),
    [
        ("UserPromptSubmit", {"prompt": "go"}, AgentState.BUSY, "a prompt was submitted"),
        ("PreToolUse", {"tool_name": "Bash"}, AgentState.BUSY, "uses Bash"),
        ("PostToolUse", {}, AgentState.BUSY, "used a tool"),
        ("PostToolUseFailure", {"tool_name": "Write"}, AgentState.BUSY, "used Write in vain"),
        ("Stop", {"background_tasks": []}, AgentState.IDLE, "its turn ended"),
        ("Stop", {"background_tasks": [TASK]}, AgentState.IDLE, "1 in the background goes on"),
        ("StopFailure", {"error": "server_error"}, AgentState.IDLE, "its turn failed: server_err"),
        ("StopFailure", {}, AgentState.IDLE, "it does not say why"),
        (
            "StopFailure",
            {
                "error": "authentication_failed",
                "last_assistant_message": "Invalid API key · Fix external API key",
            },
            AgentState.AUTH_LOST,
            "Invalid API key",
        ),
        ("StopFailure", {"error": "billing_error"}, AgentState.LIMITED, "billing_error"),
        ("SessionEnd", {"reason": "prompt_input_exit"}, AgentState.DONE, "prompt_input_exit"),
        ("SessionEnd", {"reason": "clear"}, AgentState.IDLE, "its conversation was left"),
        ("SessionStart", {"source": "startup"}, AgentState.STARTING, "its session began"),
        ("Notification", {"notification_type": "idle_prompt"}, AgentState.IDLE, ""),
    ],
)
def test_says_what_its_agent_does(
    name: str, payload: dict[str, Json], state: AgentState, detail: str
) -> None:
    found = told(event(name, **payload))
    assert found is not None
    assert (found.witness, found.state, found.at) == (Witness.HOOK, state, NOW)
    assert detail in found.detail


@pytest.mark.parametrize(
    ("payload", "waiting"),
    [
        ({"tool_name": "Bash"}, Waiting.PERMISSION),
        ({"tool_name": "AskUserQuestion"}, Waiting.QUESTION),
        ({"tool_name": "ExitPlanMode"}, Waiting.PLAN),
        ({}, Waiting.PERMISSION),
    ],
)
def test_says_what_a_request_waits_for(payload: dict[str, Json], waiting: Waiting) -> None:
    found = told(event("PermissionRequest", **payload))
    assert found is not None
    assert (found.state, found.waiting) == (AgentState.WAITING, waiting)


def test_a_notification_may_be_a_prompt() -> None:
    found = told(event("Notification", notification_type="permission_prompt", message="a\x1b[31m"))
    assert found is not None
    assert (found.waiting, found.detail) == (Waiting.PERMISSION, "a [31m")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("SubagentStop", {}),
        ("Notification", {"notification_type": "auth_success"}),
        ("Notification", {}),
        ("SessionStart", {"source": "compact"}),
        ("SomethingNew", {}),
        ("", {}),
    ],
)
def test_says_nothing_of_anything_else(name: str, payload: dict[str, Json]) -> None:
    assert told(event(name, **payload)) is None


class TestFailures:
    LIMIT = "You've hit your limit · resets in 10m"

    def test_a_limit_has_its_end(self) -> None:
        found = told(event("StopFailure", error="rate_limit", last_assistant_message=self.LIMIT))
        assert found is not None
        assert (found.state, found.until) == (AgentState.LIMITED, NOW + 600)

    def test_an_overload_is_told_by_its_text(self) -> None:
        text = "API Error: 529 Overloaded. This is a server-side issue, usually temporary"
        one = event("StopFailure", error="server_error", last_assistant_message=text)
        assert failure(one) == "overloaded"
        found = told(one)
        assert found is not None
        assert found.state is AgentState.LIMITED

    def test_a_limit_whose_text_speaks_of_overload_is_a_limit(self) -> None:
        one = event("StopFailure", error="rate_limit", last_assistant_message="overloaded")
        assert failure(one) == "rate_limit"

    def test_the_hour_may_stand_in_a_field(self) -> None:
        assert resets(event("StopFailure", resetsAt=1_795_000_900)) == 1_795_000_900
        assert resets(event("StopFailure", resets_at=1_795_000_900_000)) == 1_795_000_900
        assert resets(event("StopFailure", resetsAt=True)) == 0
        assert resets(event("StopFailure", resetsAt="soon")) == 0
        assert resets(event("StopFailure", resetsAt=float("inf"))) == 0

    def test_its_text_is_everything_it_says(self) -> None:
        one = event("StopFailure", error="x", error_details="a", last_assistant_message="b")
        assert failure_text(one) == "a b"
        assert failure_text(event("StopFailure", error="x")) == "x"


def test_tasks_in_the_background_are_those_that_run() -> None:
    done: Json = {"id": "b2", "status": "completed"}
    assert background(event("Stop", background_tasks=[TASK, done, "x", None, {}])) == 2
    assert background(event("Stop", background_tasks="many")) == 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    (
        *("error", "tool_name", "reason", "source", "notification_type", "background_tasks"),
        *("resetsAt", "last_assistant_message", "message"),
    )
)


@given(
    st.sampled_from(["Stop", "StopFailure", "PermissionRequest", "Notification", "SessionEnd"]),
    st.dictionaries(_KEYS, _JSON),
)
def test_no_payload_is_too_strange(name: str, payload: dict[str, Json]) -> None:
    found = told(HookEvent(A, name, NOW, payload))
    if found is not None:
        assert found.detail.isprintable()
        assert len(found.detail) <= 200
        assert 0 <= found.until < 1e14
