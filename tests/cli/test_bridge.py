"""MCP through pipes: the official client as a child's parent, a gate that comes and goes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from reconciler.cli.bridge import DOWN, LINE_BYTES_MAX, REFUSED, Bridge, is_gate
from reconciler.gate.doors import Doors
from reconciler.gate.mcp import Mcp
from reconciler.gate.server import Server
from reconciler.gate.tools.belt import Toolbelt
from reconciler.gate.tools.table import TOOLS
from tests.gate.test_mcp import EVERY_TOOL, message, verify
from tests.gate.tools.stage import TORCH, Fleet

COMMAND = [sys.executable, "-m", "reconciler.cli", "mcp"]


@pytest.fixture
def gate() -> Iterator[Server]:
    mcp = Mcp(Toolbelt(Fleet().means(), "1.2").serving)
    made = Server(Doors(verify=verify, mcp=mcp))
    yield made
    made.close()
    mcp.close()


def environ(gate: str, token: str = "torch-token") -> dict[str, str]:
    return {**os.environ, "NOVAORCH_GATE": gate, "NOVAORCH_TOKEN": token}


def carried(lines: bytes, address: str, token: str = "torch-token") -> tuple[list[Any], list[str]]:
    """Carry lines; return what came back, in order of its ids, and what was said of trouble."""
    out, said = io.BytesIO(), list[str]()
    bridge = Bridge(lambda: (address, token), out, said.append, coming_s=0.2)
    assert bridge.run(io.BytesIO(lines)) == 0
    back = [json.loads(line) for line in out.getvalue().splitlines()]
    return sorted(back, key=lambda one: str(one["id"])), said


def test_the_official_client_lists_and_calls_every_tool(gate: Server) -> None:
    async def session() -> dict[str, Any]:
        found: dict[str, Any] = {}
        server = StdioServerParameters(
            command=COMMAND[0], args=COMMAND[1:], env=environ(gate.address)
        )
        async with Client(stdio_client(server)) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == [
                tool.name for tool in TOOLS
            ]
            for name, arguments in EVERY_TOOL.items():
                given = {key: found.get("id") if v == "ID" else v for key, v in arguments.items()}
                result = await client.call_tool(name, given)
                assert not result.is_error, (name, result)
                found[name] = result.structured_content
                if name == "send_message":
                    found["id"] = found[name]["messages"][0]["id"]
        return found

    assert asyncio.run(session())["whoami"]["id"] == TORCH


def test_many_lines_at_once_are_all_answered_and_notifications_are_not(gate: Server) -> None:
    lines = [message("ping", number) for number in range(100, 150)]
    lines += [message("notifications/initialized", None), b"", b"  "]
    back, said = carried(b"\n".join(lines), gate.address)
    assert [one["id"] for one in back] == list(range(100, 150))
    assert said == []


def test_a_daemon_that_is_down_is_an_error_and_not_the_end() -> None:
    lines = message("ping", 1) + b"\n" + message("initialized", None) + b"\n"
    back, said = carried(lines, "http://127.0.0.1:1")
    assert [(one["id"], one["error"]["code"]) for one in back] == [(1, DOWN)]
    assert "novaorch up" in back[0]["error"]["message"]
    assert len(said) == 1


def test_a_daemon_that_comes_back_is_found(gate: Server) -> None:
    places = iter(["http://127.0.0.1:1", "http://127.0.0.1:1"])
    out = io.BytesIO()
    bridge = Bridge(
        lambda: (next(places, gate.address), "torch-token"), out, lambda _text: None, coming_s=20
    )
    bridge.run(io.BytesIO(message("ping", 7)))
    assert json.loads(out.getvalue()) == {"jsonrpc": "2.0", "id": 7, "result": {}}


def test_a_token_that_is_stale_is_said_without_showing_it(gate: Server) -> None:
    back, said = carried(message("ping", 1), gate.address, "SECRET")
    assert back[0]["error"]["code"] == REFUSED
    assert "401" in said[0]
    assert "SECRET" not in json.dumps(back) + said[0]


def test_a_new_token_of_an_agent_started_anew_is_taken(gate: Server) -> None:
    tokens = iter(["old", "torch-token"])
    out = io.BytesIO()
    bridge = Bridge(
        lambda: (gate.address, next(tokens, "torch-token")), out, lambda _text: None, coming_s=20
    )
    bridge.run(io.BytesIO(message("ping", 7)))
    assert json.loads(out.getvalue())["result"] == {}


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b"7", b'{"id": 3}'])
def test_what_is_no_message_goes_to_the_gate_and_back(gate: Server, line: bytes) -> None:
    back, _ = carried(line + b"\n" + message("ping", 9), gate.address)
    assert {"jsonrpc": "2.0", "id": 9, "result": {}} in back
    assert any("error" in one for one in back)


def test_a_line_without_an_end_is_not_collected(gate: Server) -> None:
    lines = b"x" * (3 * LINE_BYTES_MAX) + b"\n" + message("ping", 9)
    back, _ = carried(lines, gate.address)
    assert [one["error"]["code"] for one in back if "error" in one] == [REFUSED]
    assert back[0]["id"] == 9


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("http://127.0.0.1:80", True),
        ("http://localhost:20000/", True),
        ("http://example.org:80", False),
        ("http://127.0.0.1:80@example.org", False),
        ("https://127.0.0.1:80", False),
        ("", False),
    ],
)
def test_a_token_goes_nowhere_else(address: str, fits: bool) -> None:
    assert is_gate(address) is fits


def test_a_gate_elsewhere_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, env=environ("http://example.org:80"), capture_output=True, text=True,
        check=False, timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 64
    assert "loopback" in done.stderr
    assert "torch-token" not in done.stderr


def test_whose_tools_is_asked(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 64
    assert "--agent NAME" in done.stderr


def test_it_loads_little() -> None:
    code = (
        "import sys; sys.argv = ['novaorch', 'mcp']\n"
        "from reconciler.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ("http://127.0.0.1:1"), capture_output=True,
        text=True, check=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    loaded = done.stdout.split()
    assert "reconciler.cli.bridge" in loaded
    heavy = re.compile(r"(typer|redis|git|yaml|pydantic|asyncio|reconciler\.(wiring|loop|core))\b")
    assert [name for name in loaded if heavy.match(name)] == []


def test_whoever_hung_up_ends_it(gate: Server) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as out:
        bridge = Bridge(lambda: (gate.address, "torch-token"), out, lambda _text: None)
        ended = threading.Thread(target=bridge.run, args=(io.BytesIO(message("ping", 1)),))
        ended.start()
        ended.join(20)
        assert not ended.is_alive()
