"""Tools over HTTP at a real gate: the official client, and everything that no client should do."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from reconciler.gate.doors import Doors
from reconciler.gate.mcp import AT_ONCE_MAX, Mcp
from reconciler.gate.server import Server
from reconciler.gate.tools.belt import Toolbelt
from reconciler.gate.tools.table import TOOLS
from reconciler.model.ids import Json, UnitId
from tests.gate.tools.stage import ASH, TORCH, Fleet

TOKENS = {"torch-token": TORCH, "ash-token": ASH}
EVERY_TOOL: dict[str, dict[str, Json]] = {
    "whoami": {},
    "list_agents": {"who": "@all"},
    "send_message": {"to": "web/ash", "body": "hello"},
    "read_inbox": {},
    "reply": {"id": "ID", "body": "hi"},
    "verify_message": {"id": "ID"},
    "report_status": {"text": "tests"},
    "read_charter": {"section": "Goals"},
    "request_decision": {"question": "Ship it?", "options": ["yes", "no"]},
    "share_insight": {"text": "it rains", "labels": ["weather"]},
    "search_insights": {"query": "rains"},
    "propose_change": {"path": "web/agents/x.yaml", "content": "x", "title": "Add x"},
}


def verify(token: str) -> tuple[UnitId, str]:
    unit = TOKENS.get(token)
    return (unit, "") if unit else (UnitId(""), "wrong")


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def gate(fleet: Fleet) -> Iterator[Server]:
    mcp = Mcp(Toolbelt(fleet.means(), "1.2").serving)
    made = Server(Doors(verify=verify, mcp=mcp))
    yield made
    made.close()
    mcp.close()


def ask(
    gate: Server, body: bytes, method: str = "POST", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
    usual = {"Authorization": "Bearer torch-token", "Content-Type": "application/json"}
    try:
        link.request(method, "/mcp", body, {**usual, **(headers or {})})
        answer = link.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        link.close()


def message(method: str, number: int | None = 1, **params: Json) -> bytes:
    said: dict[str, Json] = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(said if number is None else {**said, "id": number}).encode()


# -- friends ---------------------------------------------------------------------------------------


def test_the_official_client_lists_and_calls_every_tool(gate: Server) -> None:
    async def session() -> dict[str, Any]:
        headers = {"Authorization": "Bearer torch-token"}
        found: dict[str, Any] = {}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(f"{gate.address}/mcp", http_client=http)) as client,
        ):
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == [tool.name for tool in TOOLS]
            for name, arguments in EVERY_TOOL.items():
                given = {key: found.get("id") if v == "ID" else v for key, v in arguments.items()}
                result = await client.call_tool(name, given)
                assert not result.is_error, (name, result)
                found[name] = result.structured_content
                if name == "send_message":
                    found["id"] = found[name]["messages"][0]["id"]
            refused = await client.call_tool("send_message", {"to": "nobody", "body": "x"})
            assert refused.is_error
            found["refused"] = refused.structured_content
        return found

    found = asyncio.run(session())
    assert found["whoami"]["id"] == TORCH
    assert found["verify_message"]["from"] == TORCH
    assert found["search_insights"]["insights"][0]["text"] == "it rains"
    assert found["refused"]["error"]["code"] == "unknown-agent"


def test_who_calls_is_known_from_the_token_alone(gate: Server) -> None:
    _, _, said = ask(gate, message("tools/call", name="whoami"))
    assert json.loads(said)["result"]["structuredContent"]["id"] == TORCH
    other = {"Authorization": "Bearer ash-token"}
    _, _, said = ask(gate, message("tools/call", name="whoami"), headers=other)
    assert json.loads(said)["result"]["structuredContent"]["id"] == ASH


def test_a_notification_has_no_answer(gate: Server) -> None:
    assert ask(gate, message("notifications/initialized", None))[::2] == (202, b"")


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25", "2031-01-01", "nonsense", ""])
def test_any_revision_in_the_header_is_served(gate: Server, revision: str) -> None:
    said = ask(gate, message("ping"), headers={"MCP-Protocol-Version": revision})
    assert (said[0], json.loads(said[2])) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})


def test_one_connection_serves_many_calls(gate: Server) -> None:
    link = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
    for number in range(1, 5):
        link.request(
            "POST", "/mcp", message("ping", number), {"Authorization": "Bearer torch-token"}
        )
        answer = link.getresponse()
        assert json.loads(answer.read())["id"] == number
        assert link.sock is not None
    link.close()


# -- foes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session(gate: Server, method: str) -> None:
    status, headers, _ = ask(gate, b"", method)
    assert (status, headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Basic torch-token"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_strangers_are_refused(gate: Server, headers: dict[str, str], status: int) -> None:
    assert ask(gate, message("ping"), headers=headers)[0] == status


def test_a_page_on_this_machine_may_ask_if_it_has_a_token(gate: Server) -> None:
    origin = {"Origin": f"http://localhost:{gate.port}"}
    assert ask(gate, message("ping"), headers=origin)[0] == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"jsonrpc":"2.0"}', b"\xff" * 40, b"[" * 100_000]
)
def test_what_is_no_message_is_an_error_of_the_protocol(gate: Server, body: bytes) -> None:
    status, _, said = ask(gate, body)
    assert status == 200
    assert json.loads(said)["error"]["code"] in (-32700, -32600)


def test_a_body_that_is_too_large_is_not_read(gate: Server) -> None:
    assert ask(gate, b"x" * ((1 << 20) + 1))[0] == 413


def test_one_agent_takes_no_more_than_its_share(gate: Server, fleet: Fleet) -> None:
    going, held = threading.Event(), threading.Semaphore(0)

    def pause(_seconds: float) -> None:
        held.release()
        going.wait(20)
        fleet.hour += 30

    fleet.pause = pause  # type: ignore[assignment, method-assign]
    gate._doors.mcp._serving = Toolbelt(fleet.means(), "1").serving  # type: ignore[union-attr]
    slow = message("tools/call", name="send_message", arguments={
        "to": "web/ash", "body": "x", "wait_s": 20,
    })  # fmt: skip
    threads = [threading.Thread(target=ask, args=(gate, slow)) for _ in range(AT_ONCE_MAX)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert held.acquire(timeout=20)
    status, headers, _ = ask(gate, message("ping"))
    assert (status, headers["retry-after"]) == (429, "1")
    assert ask(gate, message("ping"), headers={"Authorization": "Bearer ash-token"})[0] == 200
    going.set()
    for thread in threads:
        thread.join(20)
    assert ask(gate, message("ping"))[0] == 200
