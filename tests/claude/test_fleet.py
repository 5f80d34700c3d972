"""Real agents in a real fleet: started by a commit, reached, killed, resumed, limited, woken."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.claude.bed import Bed
from tests.claude.binary import VERSIONS
from tests.claude.model import ScriptedModel, limited
from tests.e2e.conftest import Fleet, make, needs_store

__all__ = ["make"]
pytestmark = needs_store


@pytest.fixture
def bed(
    version: str,
    make: Callable[[str], Fleet],
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bed]:
    made = Bed(make("demo"), version, model, monkeypatch)
    yield made
    made.close()


each_version = pytest.mark.parametrize("version", VERSIONS)
# A limit lasts a minute at least; that of the older version is waited for in the long campaigns.
each_patiently = pytest.mark.parametrize(
    "version", [pytest.param(VERSIONS[0], marks=pytest.mark.long), *VERSIONS[1:]]
)


@each_version
def test_a_commit_starts_it_and_after_a_kill_the_conversation_goes_on(bed: Bed) -> None:
    bed.agent("ada", "prompt: begin the day")
    bed.up("ada")
    bed.until(lambda: bed.given("begin the day"), "the prompt that opens the conversation")
    first = bed.pid("ada")
    bed.until(lambda: first in bed.conversations(), "its session file")
    conversation = bed.conversations()[first]
    bed.until(lambda: "Done." in bed.transcript(conversation), "the first turn is written down")
    os.kill(first, signal.SIGKILL)
    bed.until(lambda: bed.pid("ada") != first and bed.reading("ada").ready, "a new life")
    bed.until(
        lambda: bed.conversations().get(bed.pid("ada")) == conversation, "the same conversation"
    )
    assert bed.given("begin the day") == 1, "what opens a conversation is said once"


@each_version
def test_it_is_reached_at_rest_at_work_and_at_a_question_and_writes_to_another(bed: Bed) -> None:
    bed.agent("ada")
    bed.agent("bob")
    bed.up("ada", "bob")
    at_rest(bed)
    at_work(bed)
    at_a_question(bed)
    by_a_tool(bed)


def at_rest(bed: Bed) -> None:
    said = bed.send("ada", "good morning", "--wait", "read")
    bed.once(bed.message(said))
    story = bed.fleet.run("why", bed.message(said)).out
    assert all(stage in story for stage in ("accepted", "injected", "submitted", "read"))


def at_work(bed: Bed) -> None:
    """A message arrives in the middle of a turn, with a tool's result."""
    call = 'CALL Bash {"command": "echo hi", "description": "d"}'
    bed.send("ada", f"HOLD\n{call}\nSAY over", "--wait", "submitted")
    bed.until(lambda: bed.state_of("ada") == "busy", "ada is at work")
    second = bed.message(bed.send("ada", "by the way"))
    bed.until(lambda: bed.stage(second) == "admitted", "it waits for the next hook")
    assert "busy" in bed.fleet.run("why", second).out
    bed.model.release.set()
    bed.until(lambda: bed.stage(second) in ("submitted", "read"), f"{second} arrives", 60)
    bed.once(second)
    kept = next(record for record in bed.messages() if record["id"] == second)
    ways = [p["evidence"] for p in kept["proofs"] if p["stage"] == "injected"]
    assert len(ways) == 1
    assert "PostToolUse" in ways[0]


def at_a_question(bed: Bed) -> None:
    """Nothing is typed at a dialog; the answer comes from `novaorch decisions`."""
    bed.send("ada", 'CALL Bash {"command": "touch made", "description": "d"}')
    bed.until(lambda: bed.reading("ada").waiting, "a question on the screen")
    held = bed.message(bed.send("ada", "while you wait"))
    bed.until(lambda: "permission" in bed.fleet.run("why", held).out, "why it is held")
    (asked,) = [one for one in bed.fleet.run("decisions", "--json").records if "id" in one]
    assert asked["unit"] == "web/agent/ada"
    assert bed.reading("ada").waiting, "nobody answered blindly"
    bed.fleet.run("decisions", "allow", str(asked["id"]), expect=0)
    bed.until(lambda: bed.stage(held) in ("submitted", "read"), "the held message arrives")
    bed.until((bed.fleet.repo.path / "made").exists, "the tool was used")
    bed.once(held)


def by_a_tool(bed: Bed) -> None:
    """Ada writes to bob with a tool, and bob answers by the message's own way."""
    words = json.dumps({"to": "bob", "body": "from ada to bob"})
    bed.send("ada", f"CALL mcp__novaorch__send_message {words}", "--wait", "submitted")
    bed.until(lambda: bed.given("message from web/agent/ada") == 1, "bob's model is given it")
    (kept,) = [r for r in bed.messages() if r["body"] == "from ada to bob"]
    assert (kept["sender"], kept["to"]) == ("web/agent/ada", "web/agent/bob")
    bed.once(str(kept["id"]))


@each_patiently
def test_it_is_told_of_a_limit_and_woken_after_it(bed: Bed) -> None:
    bed.agent("ada")
    bed.agent("bob")
    bed.up("ada", "bob")
    until = time.time() + 90
    bed.model.refuse = lambda _: limited(until) if time.time() < until else None
    first = bed.message(bed.send("ada", "too much", "--wait", "submitted"))
    bed.until(lambda: bed.state_of("ada") == "limited", "ada is limited")
    assert bed.pid("ada"), "a limit is no end"
    second = bed.message(bed.send("bob", "and you"))
    bed.until(lambda: "limit" in bed.fleet.run("why", second).out, "bob's message waits for it")
    turns = len(bed.model.turns)
    until = time.time()
    bed.until(lambda: bed.stage(second) in ("submitted", "read"), "bob is woken", 90)
    assert len(bed.model.turns) >= turns
    assert bed.stage(first) in ("submitted", "read")
