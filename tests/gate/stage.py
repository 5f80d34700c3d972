"""A gate with a desk that does what a test says, and agents that speak to it over real sockets."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.gate.doors import Doors
from reconciler.gate.page import Page
from reconciler.gate.server import Server
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId

LIMIT_S = 20.0
TORCH = UnitId("web/agent/torch")
GOOD = "mfrgg.good"


def verify(text: str) -> tuple[UnitId, str]:
    """Know one token, and what was wrong with some others."""
    if text == GOOD:
        return TORCH, ""
    return UnitId(""), {"old": "stale", "odd": "malformed", "who": "unknown"}.get(text, "wrong")


@dataclass
class Desk:
    """Remembers what it hears, and answers by the name of the event."""

    heard: list[HookEvent] = field(default_factory=list)
    answers: dict[str, Callable[[HookEvent], HookAnswer]] = field(default_factory=dict)

    def hear(self, event: HookEvent) -> HookAnswer:
        self.heard.append(event)
        answer = self.answers.get(event.name)
        return answer(event) if answer is not None else SILENCE

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.heard]


@dataclass
class Stage:
    """A gate, its desk, and its log."""

    folder: Path
    desk: Desk = field(default_factory=Desk)
    log: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    patience_s: float = 5.0

    def __post_init__(self) -> None:
        made = Doors(
            pages={"/hello": lambda: Page("hello\n")},
            verify=verify,
            desk=self.desk,
            log=self.log.append,
            **self.more,
        )
        self.control = self.folder / "control.sock"
        self.counts = made.counts
        self.server = Server(made, 0, self.control, patience_s=self.patience_s)

    def tell(
        self,
        name: str,
        payload: object = None,
        token: str | None = GOOD,
        **headers: str,
    ) -> tuple[int, Any]:
        """Send a hook as an agent would; return the status and the JSON, or the text."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload or {}).encode()
        told = {"Content-Type": "application/json", **headers}
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        return self.ask("POST", f"/hook/{name}", body, told)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, Any]:
        link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LIMIT_S)
        try:
            link.request(method, path, body, dict(headers))
            answer = link.getresponse()
            text = answer.read().decode()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(text) if is_json else text
        finally:
            link.close()

    def count(self, name: str, **labels: str) -> float:
        (found,) = [
            sample.value
            for family in self.counts.families()
            for sample in family.samples
            if family.name == name and dict(sample.labels) == labels
        ]
        return found

    def refused(self, reason: str) -> float:
        return self.count("novaorch_gate_refused_total", reason=reason)

    def hooks(self, result: str) -> float:
        return self.count("novaorch_gate_hooks_total", result=result)

    def close(self) -> None:
        self.server.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def threads() -> int:
    return len([t for t in threading.enumerate() if t.name == "held"])
