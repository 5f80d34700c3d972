"""A Messages API on loopback whose answers are written in the prompt itself.

Lines of what a user message holds are carried out, one a turn, in order:

    CALL <tool> <json>     a tool_use block
    SAY <text>             the text of the last answer
    THINK <seconds>        so long passes before each answer
    HOLD                   no answer comes before `release` is set

A turn without such lines is answered with `Done.`. Requests that are no turns (a title, a warm-up)
are told from them by their missing tools, answered with one word and counted apart.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

CALL = re.compile(r"^[ \t>|]*CALL (\S+) (\{.*\})[ \t]*$", re.MULTILINE)
SAY = re.compile(r"^[ \t>|]*SAY (.+)$", re.MULTILINE)
HOLD_S = 60.0
HOLD = re.compile(r"\bHOLD\b")
THINK = re.compile(r"^[ \t>|]*THINK ([0-9.]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Refusal:
    """One answer that is an error: 429 with the hour at which the limit ends, 529, 401, 500."""

    status: int
    kind: str
    text: str
    resets_at: float = 0.0


OVERLOADED = Refusal(529, "overloaded_error", "Overloaded")
UNKNOWN_KEY = Refusal(401, "authentication_error", "invalid x-api-key")


def limited(resets_at: float) -> Refusal:
    """The answer of an account that is used up until an epoch second."""
    text = "This request would exceed your account's rate limit. Please try again later."
    return Refusal(429, "rate_limit_error", text, resets_at)


@dataclass(frozen=True)
class Asked:
    """One turn as it arrived: when, by which key, and all text that the model was given."""

    at: float
    key: str
    body: dict[str, Any]

    @property
    def given(self) -> str:
        """Every text of the whole request, tool results too."""
        return json.dumps(self.body["messages"], ensure_ascii=False)

    @property
    def last(self) -> str:
        """Every text that came since the model spoke last."""
        messages = self.body["messages"]
        spoken = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
        return json.dumps(messages[spoken[-1] + 1 if spoken else 0 :], ensure_ascii=False)


@dataclass
class ScriptedModel:
    """The server; `url` is its address. `turns` and `asides` are what it was asked."""

    turns: list[Asked] = field(default_factory=list)
    asides: list[Asked] = field(default_factory=list)
    refusals: deque[Refusal] = field(default_factory=deque)
    release: threading.Event = field(default_factory=threading.Event)
    refuse: Callable[[Asked], Refusal | None] = lambda _: None
    """Asked for each turn when no single refusal waits."""

    def __enter__(self) -> ScriptedModel:
        model = self

        class Handler(_Handler):
            served = model

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def given(self, text: str) -> int:
        """Return in how many turns a text was new."""
        return sum(text in asked.last for asked in list(self.turns))


def script(messages: list[dict[str, Any]]) -> tuple[list[tuple[str, str]], str, float]:
    """Return what is still to be called in this turn, its last text, and the pause before."""
    calls: list[tuple[str, str]] = []
    said, pause = "Done.", 0.0
    for message in messages:
        if message["role"] == "assistant":
            used = sum(block.get("type") == "tool_use" for block in _blocks(message))
            calls, pause = (calls[used:], pause) if used else ([], 0.0)
            said = said if used else "Done."
            continue
        text = "\n".join(b["text"] for b in _blocks(message) if b.get("type") == "text")
        calls += CALL.findall(text)
        said = (SAY.findall(text) or [said])[-1]
        pause = float((THINK.findall(text) or [pause])[-1])
    return calls, said, pause


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ScriptedModel

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if "count_tokens" in self.path:
            return self._answer(200, b'{"input_tokens": 10}')
        if not self.path.startswith("/v1/messages"):
            return self._answer(200, b"{}")
        key = self.headers.get("x-api-key") or self.headers.get("Authorization") or ""
        asked = Asked(time.time(), key, body)
        if not body.get("tools") or _wants_title(asked):
            self.served.asides.append(asked)
            return self._speak(body, [{"type": "text", "text": "quota"}])
        return self._turn(asked)

    def _turn(self, asked: Asked) -> None:
        model = self.served
        model.turns.append(asked)
        refusal = model.refusals.popleft() if model.refusals else model.refuse(asked)
        if refusal is not None:
            return self._refuse(refusal)
        calls, said, pause = script(asked.body["messages"])
        time.sleep(pause)
        if HOLD.search(asked.last):
            model.release.wait(HOLD_S)
        if calls:
            name, words = calls[0]
            number = f"toolu_{len(model.turns):06d}"
            block = {"type": "tool_use", "id": number, "name": name, "input": json.loads(words)}
            return self._speak(asked.body, [block])
        return self._speak(asked.body, [{"type": "text", "text": said}])

    def _refuse(self, refusal: Refusal) -> None:
        error = {"type": "error", "error": {"type": refusal.kind, "message": refusal.text}}
        headers = {}
        if refusal.resets_at:
            headers = {
                "retry-after": str(max(1, int(refusal.resets_at - time.time()))),
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": str(int(refusal.resets_at)),
                "anthropic-ratelimit-unified-representative-claim": "five_hour",
            }
        else:
            headers = {"x-should-retry": "false"}
        self._answer(refusal.status, json.dumps(error).encode(), headers)

    def _speak(self, body: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
        if not body.get("stream"):
            return self._answer(200, json.dumps(_whole(body, blocks)).encode())
        told = "".join(
            f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in _events(body, blocks)
        )
        return self._answer(200, told.encode(), {"Content-Type": "text/event-stream"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _wants_title(asked: Asked) -> bool:
    return "<session>" in asked.last


def _whole(body: dict[str, Any], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{time.time_ns()}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if blocks[0]["type"] == "tool_use" else "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 3},
    }


def _events(body: dict[str, Any], blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    whole = _whole(body, blocks)
    yield {
        "type": "message_start",
        "message": {**whole, "content": [], "stop_reason": None},
    }
    for index, block in enumerate(blocks):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if block["type"] == "text"
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    usage = {"output_tokens": 3}
    yield {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"]}, "usage": usage}
    yield {"type": "message_stop"}
