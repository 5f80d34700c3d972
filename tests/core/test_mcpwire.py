"""One request in, one answer out; whatever is sent, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.mcpwire import BAD_PARAMS, INVALID, NO_METHOD, PARSE, Server, answered
from reconciler.core.toolbox import Param, Tool, ToolError
from reconciler.model.ids import Json
from reconciler.model.problems import BlindError

GREET = Tool(
    "greet",
    "Says hello.",
    (
        Param("name", "whom", required=True),
        Param("times", kind="integer"),
        Param("tone", words=("soft", "loud")),
        Param("wave", kind="boolean"),
    ),
    reads=True,
)
FALL = Tool("fall", "Fails.", (Param("how", words=("typed", "blind")),))


def call(name: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    if name == "fall":
        if arguments.get("how") == "blind":
            raise BlindError("the store does not answer", why="it is gone", fix="novaorch doctor")
        raise ToolError("unknown-agent", "there is no such agent", fix="list_agents")
    return {"said": f"hello {arguments['name']}", "ü": 1}


SERVER = Server("1.2", (GREET, FALL), call, "Be kind.")


def ask(method: str, params: Any = None, number: Any = 1) -> dict[str, Any]:
    told = {"jsonrpc": "2.0", "id": number, "method": method}
    if params is not None:
        told["params"] = params
    answer = answered(json.dumps(told).encode(), SERVER)
    assert answer is not None
    found: dict[str, Any] = json.loads(answer)
    assert found["jsonrpc"] == "2.0"
    return found


def test_it_welcomes_with_the_revision_that_was_asked_for_or_its_newest() -> None:
    told = ask("initialize", {"protocolVersion": "2025-03-26"})["result"]
    assert told["protocolVersion"] == "2025-03-26"
    assert told["serverInfo"] == {"name": "novaorch", "version": "1.2"}
    assert told["instructions"] == "Be kind."
    for strange in ("2031-01-01", 7, None):
        assert ask("initialize", {"protocolVersion": strange})["result"]["protocolVersion"] == (
            "2025-11-25"
        )


def test_tools_are_listed_with_their_schema() -> None:
    greet, fall = ask("tools/list")["result"]["tools"]
    assert greet["inputSchema"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "whom"},
            "times": {"type": "integer"},
            "tone": {"type": "string", "enum": ["soft", "loud"]},
            "wave": {"type": "boolean"},
        },
        "additionalProperties": False,
        "required": ["name"],
    }
    assert greet["annotations"] == {"readOnlyHint": True}
    assert "annotations" not in fall
    assert "required" not in fall["inputSchema"]


def test_a_call_is_answered_for_programs_and_for_readers() -> None:
    told = ask("tools/call", {"name": "greet", "arguments": {"name": "Ann"}})["result"]
    assert told["structuredContent"] == {"said": "hello Ann", "ü": 1}
    assert json.loads(told["content"][0]["text"]) == told["structuredContent"]
    assert "isError" not in told


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({}, "greet needs the argument name"),
        ({"name": 3}, "name of greet is no string"),
        ({"name": "a", "times": True}, "times of greet is no integer"),
        ({"name": "a", "times": 1.5}, "times of greet is no integer"),
        ({"name": "a", "wave": 1}, "wave of greet is no boolean"),
        ({"name": "a", "tone": "shrill"}, "tone of greet is not one of its words"),
        ({"name": "a", "nmae": "b"}, "greet has no argument 'nmae'"),
    ],
)
def test_what_a_tool_does_not_take_is_said_to_the_model(
    arguments: dict[str, Any], what: str
) -> None:
    told = ask("tools/call", {"name": "greet", "arguments": arguments})["result"]
    assert told["isError"] is True
    assert told["structuredContent"]["error"]["code"] == "invalid"
    assert told["structuredContent"]["error"]["what"] == what


@pytest.mark.parametrize(("how", "code"), [("typed", "unknown-agent"), ("blind", "failed")])
def test_a_tool_that_fails_says_how_to_mend_it(how: str, code: str) -> None:
    told = ask("tools/call", {"name": "fall", "arguments": {"how": how}})["result"]
    assert told["isError"] is True
    error = told["structuredContent"]["error"]
    assert error["code"] == code
    assert error["fix"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", PARSE),
        (b"\xff", PARSE),
        (b"[" * 100_000, PARSE),
        (b"[]", INVALID),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', INVALID),
        (b'{"id":1,"method":"ping"}', INVALID),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', INVALID),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', INVALID),
        (b'{"jsonrpc":"2.0","id":1}', INVALID),
        (b'{"jsonrpc":"2.0","id":1,"method":"server/discover"}', NO_METHOD),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', BAD_PARAMS),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}', BAD_PARAMS),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
            b'"params":{"name":"greet","arguments":[1]}}',
            BAD_PARAMS,
        ),
    ],
)
def test_what_is_no_request_is_told_so(body: bytes, code: int) -> None:
    answer = answered(body, SERVER)
    assert answer is not None
    assert json.loads(answer)["error"]["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","id":4,"result":{}}',
        b'{"jsonrpc":"2.0","id":4,"error":{"code":1,"message":"no"}}',
    ],
)
def test_who_asks_nothing_is_answered_nothing(body: bytes) -> None:
    assert answered(body, SERVER) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["jsonrpc", "id", "method", "params", "result", "x"]),
        JSON | st.sampled_from(["2.0", "ping", "tools/call", "tools/list", "initialize"]),
    )
)
def test_nothing_that_is_sent_raises(told: dict[str, Any]) -> None:
    answer = answered(json.dumps(told).encode(), SERVER)
    assert answer is None or json.loads(answer)["jsonrpc"] == "2.0"
