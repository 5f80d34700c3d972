"""Tools of MCP servers, really called: the servers that a configuration names, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Generator

from reconciler.rehearsal.hooks import filled, load
from reconciler.rehearsal.waits import Pause, Post

PROTOCOL = "2025-06-18"
TIMEOUT_S = 60.0


class Servers:
    """The MCP servers of some configuration files, each greeted before it is first used."""

    def __init__(self, configurations: list[str]) -> None:
        self._servers: dict[str, dict[str, object]] = {}
        for named in configurations:
            for name, server in (load(named).get("mcpServers") or {}).items():
                if isinstance(server, dict):
                    self._servers[name] = server
        self._greeted: dict[str, dict[str, str]] = {}
        self._count = 0

    def use(self, tool: str, words: dict[str, object]) -> Generator[Pause, None, str]:
        """Call `mcp__SERVER__TOOL`; return the text of its answer, or what went wrong."""
        _, name, called = [*tool.split("__", 2), "", ""][:3]
        server = self._servers.get(name)
        if server is None:
            return f"Error: no MCP server {name!r} is configured"
        if name not in self._greeted:
            yield from self._greet(name, server)
        told: dict[str, object] = {"name": called, "arguments": words}
        post = self._post(server, self._greeted[name], "tools/call", told)
        yield post
        return _text(post)

    def _greet(self, name: str, server: dict[str, object]) -> Generator[Pause, None, None]:
        who = {"name": "novaorch-rehearsal", "version": "0.1.0"}
        told: dict[str, object] = {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": who,
        }
        post = self._post(server, {}, "initialize", told)
        yield post
        headers = {"MCP-Protocol-Version": PROTOCOL}
        for line in post.headers.split("\r\n"):
            key, _, value = line.partition(":")
            if key.strip() == "mcp-session-id":
                headers["Mcp-Session-Id"] = value.strip()
        yield self._post(server, headers, "notifications/initialized", None)
        self._greeted[name] = headers

    def _post(
        self,
        server: dict[str, object],
        headers: dict[str, str],
        method: str,
        told: dict[str, object] | None,
    ) -> Post:
        self._count += 1
        call: dict[str, object] = {"jsonrpc": "2.0", "method": method}
        call |= {"id": self._count, "params": told} if told is not None else {}
        accept = {"Accept": "application/json, text/event-stream"}
        whole = {**accept, **filled(server.get("headers")), **headers}
        return Post(str(server.get("url")), whole, json.dumps(call).encode(), TIMEOUT_S)


def _text(post: Post) -> str:
    if post.status != 200:
        return f"Error: the server answered {post.status or 'nothing'}"
    body = post.body.decode("utf-8", "replace")
    if not body.lstrip().startswith("{"):
        datas = [line[5:] for line in body.splitlines() if line.startswith("data:")]
        body = datas[-1] if datas else "{}"
    try:
        said = json.loads(body)
    except ValueError:
        return "Error: the server's answer is no JSON"
    if "error" in said:
        return f"Error: {said['error'].get('message')}"
    blocks = said.get("result", {}).get("content", [])
    return "\n".join(str(block.get("text", "")) for block in blocks)
