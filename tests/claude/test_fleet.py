"""Real agents in a real fleet: started by a commit, reached, killed, resumed, limited, woken."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.claude.bed import Bed
from tests.claude.binary import VERSIONS
from tests.claude.model import ScriptedModel
from tests.e2e.conftest import Fleet, make, needs_store

__all__ = ["make"]
pytestmark = needs_store


@pytest.fixture(params=VERSIONS)
def bed(
    request: pytest.FixtureRequest,
    make: Callable[[str], Fleet],
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Bed:
    return Bed(make("demo"), request.param, model, monkeypatch)


def test_a_commit_starts_it_and_after_a_kill_the_conversation_goes_on(bed: Bed) -> None:
    bed.agent("ada", "prompt: begin")
    bed.up("ada")
    bed.until(lambda: bed.given("begin"), "the prompt that opens the conversation")
    first = bed.pid("ada")
    conversation = bed.conversations()[first]
    bed.until(lambda: "Done." in bed.transcript(conversation), "the first turn is written down")
    os.kill(first, signal.SIGKILL)
    bed.until(lambda: bed.pid("ada") != first and bed.reading("ada").ready, "a new life")
    assert bed.conversations()[bed.pid("ada")] == conversation
    assert bed.given("begin") == 1, "what opens a conversation is said once"
