"""The Model Context Protocol as far as a server of tools needs it: one request in, one answer out.

Pure, and without a session: who asks is known from the connection, what is asked from the request.
Speaks every revision that begins with `initialize`; a client that probes for a newer way is told
that there is none here, and falls back, as the protocol asks of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.core.toolbox import Tool, ToolError, checked
from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
PARSE, INVALID, NO_METHOD, BAD_PARAMS = -32700, -32600, -32601, -32602

Call = Callable[[str, Mapping[str, Json]], Mapping[str, Json]]
"""Carries out a tool by name with checked arguments; ToolError, or another NovaorchError."""


@dataclass(frozen=True, slots=True)
class Server:
    """What is served: tools, and who is asked to carry them out."""

    version: str
    tools: Sequence[Tool]
    call: Call
    instructions: str = ""


def answered(body: bytes, server: Server) -> bytes | None:
    """Return the answer to one message; None when it wants none. Never raises for what it says."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return _failed(None, PARSE, "this is no JSON")
    wrong = _wrong(told)
    if wrong:
        return _failed(None, INVALID, wrong)
    number = told.get("id")
    if number is None or _is_response(told):
        return None  # a notification, or an answer: nothing is asked
    params = told.get("params", {})
    if not isinstance(params, dict):
        return _failed(number, BAD_PARAMS, "params is no object")
    return _dispatched(server, told["method"], number, params)


def _wrong(told: Json) -> str:
    """Return why this is no message, '' when it is one."""
    if not isinstance(told, dict) or told.get("jsonrpc") != "2.0":
        return "this is not one JSON-RPC 2.0 message"
    number = told.get("id")
    if number is not None and (isinstance(number, bool) or not isinstance(number, (str, int))):
        return "the id is neither a text nor a number"
    if not isinstance(told.get("method"), str) and not _is_response(told):
        return "there is no method"
    return ""


def _is_response(told: Mapping[str, Json]) -> bool:
    return "method" not in told and ("result" in told or "error" in told)


def _dispatched(
    server: Server, method: str, number: str | int, params: Mapping[str, Json]
) -> bytes:
    if method == "initialize":
        return _done(number, _welcome(server, params))
    if method == "ping":
        return _done(number, {})
    if method == "tools/list":
        return _done(number, {"tools": [tool.as_json() for tool in server.tools]})
    if method == "tools/call":
        return _called(server, number, params)
    return _failed(number, NO_METHOD, f"there is no method {method[:80]}")


def _welcome(server: Server, params: Mapping[str, Json]) -> dict[str, Json]:
    wanted = params.get("protocolVersion")
    told: dict[str, Json] = {
        "protocolVersion": wanted if wanted in REVISIONS else REVISIONS[-1],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "novaorch", "version": server.version},
    }
    if server.instructions:
        told["instructions"] = server.instructions
    return told


def _called(server: Server, number: str | int, params: Mapping[str, Json]) -> bytes:
    name, arguments = params.get("name"), params.get("arguments") or {}
    tool = next((tool for tool in server.tools if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in server.tools)
        return _failed(
            number, BAD_PARAMS, f"there is no tool {str(name)[:80]!r}; there are: {known}"
        )
    if not isinstance(arguments, dict):
        return _failed(number, BAD_PARAMS, "arguments is no object")
    try:
        result = server.call(tool.name, checked(tool, arguments))
    except NovaorchError as error:
        return _done(number, _refused(error))
    return _done(number, _result(result))


def _result(told: Mapping[str, Json]) -> dict[str, Json]:
    """Return a result both for programs and for models that read text only."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return {"content": [{"type": "text", "text": text}], "structuredContent": dict(told)}


def _refused(error: NovaorchError) -> dict[str, Json]:
    """A tool that could not do it says so to the model, which can mend it: no protocol error."""
    code = error.code if isinstance(error, ToolError) else "failed"
    told: dict[str, Json] = {"code": code, "what": error.what, "why": error.why, "fix": error.fix}
    return {**_result({"error": told}), "isError": True}


def _done(number: str | int, result: Mapping[str, Json]) -> bytes:
    return _written({"jsonrpc": "2.0", "id": number, "result": cast(Json, result)})


def _failed(number: Json, code: int, message: str) -> bytes:
    return _written({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})


def _written(told: Mapping[str, Json]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode("ascii")
