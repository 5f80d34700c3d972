"""`novaorch decisions`: what agents wait for, and how a person answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.state import QuestionFile, StateDir, private_folder
from reconciler.cli.app import run
from reconciler.gate.doors import Call, Doors
from reconciler.gate.server import Server
from reconciler.loop.decisions import Decisions
from reconciler.model.agent import Roster
from reconciler.model.decision import Decision
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.wiring import Wiring
from tests.adapters.git.sandbox import Sandbox

TORCH = UnitId("web/agent/torch")
LIMIT_S = 20.0


@dataclass
class Daemon:
    """The part of a daemon that answers this verb, at a real socket."""

    state: StateDir
    brought: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.decisions = Decisions(
            roster=Roster,
            clock=SystemClock(),
            drawer=QuestionFile(self.state.questions),
            deliver=self.brought.append,
        )
        private_folder(self.state.control.parent)
        self.server = Server(
            Doors(
                controls={
                    ("GET", "/decisions"): self.listing,
                    ("POST", "/decisions/{id}"): self.answer,
                }
            ),
            0,
            self.state.control,
        )

    def listing(self, call: Call) -> Json:
        found = self.decisions.listing(answered=call.query["answered"] == "1")
        return [decision.as_json() for decision in found]

    def answer(self, call: Call) -> Json:
        assert isinstance(call.body, dict)
        words = [str(call.body[key]) for key in ("answer", "by", "because")]
        return self.decisions.answer(call.named["id"], *words).as_json()

    def request(self, command: str) -> tuple[threading.Thread, list[HookAnswer]]:
        """Let an agent ask for a permission; return its thread, and what it is told."""
        found: list[HookAnswer] = []
        payload: dict[str, Json] = {"tool_name": "Bash", "tool_input": {"command": command}}
        event = HookEvent(TORCH, "PermissionRequest", self.decisions.clock.now(), payload)
        before = len(self.decisions.listing())
        thread = threading.Thread(target=lambda: found.append(self.decisions.hear(event)))
        thread.start()
        while len(self.decisions.listing()) == before:
            pass
        return thread, found

    def close(self) -> None:
        self.decisions.close()
        self.server.close()


@pytest.fixture
def place(repo: Sandbox) -> Path:
    repo.write(
        "fleet.yaml", "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: demo}\nspec: {}\n"
    )
    repo.commit("a fleet")
    return repo.path


@pytest.fixture
def daemon(place: Path) -> Iterator[Daemon]:
    wiring = Wiring(place)
    made = Daemon(wiring.state(wiring.followed.read().fleet))
    wiring.close()
    yield made
    made.close()


def say(place: Path, *words: str) -> int:
    return run(["-C", str(place), "decisions", *words])


def test_without_a_daemon_that_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(place) == 1
    assert "novaorch up" in capsys.readouterr().err


def test_nothing_waits(place: Path, daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(place) == 0
    assert say(place, "--answered") == 0
    assert say(place, "--json") == 0
    assert capsys.readouterr().out == "nobody waits for a decision\nnothing was decided yet\n"


def test_a_permission_is_shown_and_allowed(
    place: Path, daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    thread, found = daemon.request("make deploy\n\x1b[2Jrm x")
    (waits,) = daemon.decisions.listing()
    assert say(place) == 0
    shown = capsys.readouterr().out
    assert f"{waits.id}  web/agent/torch wants to use Bash, 0s ago" in shown
    assert "    make deploy\n    \\u{1b}[2Jrm x\n" in shown
    assert f"novaorch decisions allow {waits.id}" in shown
    assert say(place, "--json") == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["type"], record["id"], record["about"]) == ("decision", waits.id, "permission")
    assert say(place, "allow", waits.id[:4]) == 0
    thread.join(LIMIT_S)
    assert found[0].decision == "allow"
    assert capsys.readouterr().out == "web/agent/torch may use Bash\n"
    assert say(place, "allow", waits.id) == 1
    assert "nothing waits" in capsys.readouterr().err
    assert say(place, "--answered") == 0
    assert "allow, by person:Ada" in capsys.readouterr().out


def test_a_permission_is_denied_with_words(place: Path, daemon: Daemon) -> None:
    thread, found = daemon.request("make deploy")
    (waits,) = daemon.decisions.listing()
    assert say(place, "deny", waits.id, "--because", "not on a Friday") == 0
    thread.join(LIMIT_S)
    assert (found[0].decision, found[0].because) == ("deny", "not on a Friday")


def test_a_question_is_answered_by_its_number(
    place: Path, daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = daemon.decisions.ask(TORCH, "Which port?", ["80", "443"])
    assert say(place) == 0
    assert f"answer {asked.id} 1: 80  2: 443" in capsys.readouterr().out
    assert say(place, "answer", asked.id, "3") == 1
    assert "80, 443" in capsys.readouterr().err
    assert say(place, "answer", asked.id, "2", "-b", "safer") == 0
    assert [(d.answer, d.by, d.because) for d in daemon.brought] == [("443", "person:Ada", "safer")]


@pytest.mark.parametrize("name", ["../agents", "d/x", "%2e", "?", "\x1b[2J", ""])
def test_a_name_is_only_a_name(place: Path, daemon: Daemon, name: str) -> None:
    daemon.decisions.ask(TORCH, "Which port?")
    assert say(place, "allow", name) == 1
    assert len(daemon.decisions.listing()) == 1


def test_what_is_long_is_cut_for_people_only(place: Path, daemon: Daemon) -> None:
    asked = daemon.decisions.ask(TORCH, "\n".join(["x" * 300] * 13))
    from reconciler.core.deciding import lines  # noqa: PLC0415

    shown = lines(asked, "1m")
    assert max(map(len, shown)) < 180
    assert len(shown) == 11
    assert "5 lines more" in shown[9]
