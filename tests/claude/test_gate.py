"""The gate and real agents: permissions held open, and what a gate in trouble costs an agent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.state import QuestionFile
from reconciler.core.hookwire import SUBSCRIBED
from reconciler.gate.doors import Doors
from reconciler.gate.server import Server
from reconciler.loop.decisions import Decisions
from reconciler.model.agent import Persona, Roster, Rule, Waiting
from reconciler.model.agent import Seat as AgentSeat
from reconciler.model.decision import Decision
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from tests.claude.binary import VERSIONS, binary
from tests.claude.conftest import seed, surroundings
from tests.claude.model import ScriptedModel
from tests.claude.test_likeness import NEW, seen, settle
from tests.rehearsal.stage import Stage

ADA = UnitId("web/agent/ada")


@dataclass
class Desk:
    """Decisions behind a gate, and the names of all that was heard."""

    folder: Path
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        persona = Persona("claude-code", rules=(Rule("Bash", "allow", "touch by-rule"),))
        seats = {ADA: AgentSeat(ADA, persona, "auto")}
        self.decisions = Decisions(
            roster=lambda: Roster(seats=seats),
            clock=SystemClock(),
            drawer=QuestionFile(self.folder / "questions.json"),
            deliver=lambda _decision: None,
        )

    def hear(self, event: HookEvent) -> HookAnswer:
        self.heard.append(event.name)
        return self.decisions.hear(event)

    @property
    def open(self) -> list[Decision]:
        return list(self.decisions.listing())


@pytest.fixture(params=VERSIONS)
def at(request: pytest.FixtureRequest, stage: Path, model: ScriptedModel) -> Iterator[Stage]:
    """One real agent that is not started yet: files that it makes show what it was let do."""
    made = Stage(stage, "")
    made.argv = [str(binary(request.param))]
    made.environ |= surroundings(stage, model)
    seed(stage / "home", request.param, made.work)
    yield made
    made.close()


@pytest.fixture
def desk(stage: Path) -> Desk:
    return Desk(stage)


@pytest.fixture
def gate(desk: Desk) -> Iterator[Server]:
    def verify(token: str) -> tuple[UnitId, str]:
        return (ADA, "") if token == "secret" else (UnitId(""), "wrong")

    made = Server(Doors(verify=verify, desk=desk))
    yield made
    desk.decisions.close()
    made.close()


def listen_to(at: Stage, address: str) -> None:
    """Let an agent tell its hooks to an address, as its settings would have it."""
    for name, seconds in SUBSCRIBED.items():
        hook = {
            "type": "http",
            "url": f"{address}/hook/{name}",
            "headers": {"Authorization": "Bearer $NOVAORCH_TOKEN"},
            "allowedEnvVars": ["NOVAORCH_TOKEN"],
            "timeout": seconds,
        }
        at.hooks[name] = [{"hooks": [hook]}]
    for name in set(at.hooks) - set(SUBSCRIBED):
        del at.hooks[name]


def ready(at: Stage) -> None:
    at.until(lambda: seen(at).ready, "a composer that takes text")


def touch(at: Stage, name: str) -> None:
    """Ask the agent to make a file; it has to ask for that."""
    ready(at)
    at.say(f'CALL Bash {{"command": "touch {name}", "description": "d"}}\nSAY so be it', "")
    at.until(lambda: seen(at).draft, "the prompt in the composer")
    at.insist("Enter", lambda: not seen(at).draft, "the prompt is heard")


def asks(at: Stage, desk: Desk, name: str) -> Decision:
    """Wait until the dialog is on the screen and the decision in the list, and return it."""
    at.until(lambda: [d.detail for d in desk.open] == [f"touch {name}"], "a decision to make")
    at.until(lambda: seen(at).waiting is Waiting.PERMISSION, "the dialog beside it")
    return desk.open[0]


def test_a_permission_is_decided_here_or_at_the_pane(at: Stage, desk: Desk, gate: Server) -> None:
    listen_to(at, gate.address)
    at.start(*NEW)
    settle(at)

    touch(at, "by-rule")
    at.until((at.work / "by-rule").exists, "what a rule allowed")
    assert desk.open == []

    touch(at, "allowed")
    desk.decisions.answer(asks(at, desk, "allowed").id, "allow", "Ada")
    at.until((at.work / "allowed").exists, "what a person allowed")

    touch(at, "denied")
    desk.decisions.answer(asks(at, desk, "denied").id, "deny", "Ada", "not on a Friday")
    at.until(lambda: "not on a Friday" in str(at.transcript), "the reason before the model")
    ready(at)
    assert not (at.work / "denied").exists()

    touch(at, "at-the-pane")
    asks(at, desk, "at-the-pane")
    at.insist("1", (at.work / "at-the-pane").exists, "what was allowed at the pane")
    at.until(lambda: desk.open == [], "nothing waits here any more")

    touch(at, "refused")
    asks(at, desk, "refused")
    at.insist("Escape", lambda: desk.open == [], "no at the pane is heard here")
    ready(at)
    assert not (at.work / "refused").exists()

    touch(at, "orphaned")
    asks(at, desk, "orphaned")
    gate.close()
    time.sleep(0.5)
    assert seen(at).waiting is Waiting.PERMISSION, "the dialog outlives the gate"
    at.insist("1", (at.work / "orphaned").exists, "what was allowed without a gate")
    ready(at)


class Trouble:
    """A gate that hangs, or babbles, or is not there."""

    def __init__(self) -> None:
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        self.links: list[socket.socket] = []
        self.word = b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                link, _ = self.door.accept()
            except OSError:
                return
            self.links.append(link)
            if self.word:
                link.recv(65_536)
                link.sendall(self.word)
                link.close()

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.thread.join()
        for link in self.links:
            link.close()


GARBAGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"decisio'


def test_a_gate_in_trouble_costs_an_agent_a_second_at_most(at: Stage) -> None:
    trouble = Trouble()
    listen_to(at, trouble.address)
    at.start("--allowedTools", "Bash(touch free*)", *NEW)
    settle(at)
    slowest: list[float] = []
    for number, word in enumerate((b"", GARBAGE, None)):
        if word is None:
            trouble.close()
        else:
            trouble.word = word
        ready(at)
        began = time.monotonic()
        touch(at, f"free-{number}")
        at.until((at.work / f"free-{number}").exists, "the tool ran")
        ready(at)
        slowest.append(time.monotonic() - began)
    # Four hooks that hang: a second each. The rest is the turn itself.
    assert slowest[0] < 4 + 8
    touch(at, "asked")
    at.until(lambda: seen(at).waiting is Waiting.PERMISSION, "the dialog without a gate")
    at.insist("1", (at.work / "asked").exists, "what a person allowed")
