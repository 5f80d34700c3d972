"""Which conversation a life goes on with, through crashes, clearings and starts that fail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.claude_code.lives import TRIES, Kept, Life, Lives
from tests.adapters.claude_code.wardrobe import begin

OWN = str(uuid.uuid5(uuid.NAMESPACE_URL, "own"))
OTHER = str(uuid.uuid5(uuid.NAMESPACE_URL, "other"))


@dataclass
class Agent:
    """One agent whose lives are played: what is kept of its conversations, and the hour."""

    folder: Path
    kept: dict[str, Kept] = field(default_factory=dict)
    now: float = 1_800_000_000.0
    fresh: bool = False

    @property
    def lives(self) -> Lives:
        return Lives(self.folder)

    def next(self, pause: float = 10.0) -> Life:
        self.now += pause
        return self.lives.next(
            OWN, lambda name: self.kept.get(name, Kept.NOTHING), self.now, fresh=self.fresh
        )

    def live(self, *, speak: bool = True) -> Life:
        """Begin a life that works."""
        life = self.next()
        begin(self.folder, life.conversation)
        if speak:
            self.kept[life.conversation] = Kept.WORDS
        return life


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def test_one_conversation_in_all_lives(agent: Agent) -> None:
    assert agent.live() == Life(OWN, resume=False)
    for _ in range(10):
        assert agent.live() == Life(OWN, resume=True)


def test_one_failed_start_costs_no_conversation(agent: Agent) -> None:
    agent.live()
    for _ in range(5):
        assert agent.next() == Life(OWN, resume=True), "it failed, and is tried again"
        agent.next()
        assert agent.live() == Life(OWN, resume=True)


def test_one_that_cannot_be_gone_on_with_is_replaced_in_the_end(agent: Agent) -> None:
    agent.live()
    tried = [agent.next() for _ in range(TRIES)]
    assert tried == [Life(OWN, resume=True)] * TRIES
    instead = agent.live()
    assert instead.instead == OWN
    assert not instead.resume
    assert instead.conversation != OWN
    assert agent.live() == Life(instead.conversation, resume=True), "that one worked"


def test_when_the_other_fails_too_it_was_not_the_conversation(agent: Agent) -> None:
    agent.live()
    seen = [agent.next().conversation for _ in range(40)]
    assert seen.count(OWN) >= 40 * TRIES // (TRIES + 1) - 1
    assert len(set(seen)) > 1
    while agent.lives.current() != OWN:
        agent.next()
    assert agent.live().conversation == OWN


def test_who_was_never_heard_of_is_never_replaced(agent: Agent) -> None:
    agent.kept[OWN] = Kept.WORDS
    assert {agent.next().conversation for _ in range(20)} == {OWN}, "its hooks may be switched off"


def test_a_start_that_is_written_down_twice_did_not_fail(agent: Agent) -> None:
    agent.live()
    assert {agent.next(0.1).conversation for _ in range(20)} == {OWN}


def test_what_a_person_cleared_stays_cleared(agent: Agent) -> None:
    agent.live()
    begin(agent.folder, OTHER)
    agent.kept[OTHER] = Kept.WORDS
    assert agent.lives.current() == OTHER
    assert agent.live() == Life(OTHER, resume=True)


def test_a_file_without_a_word_is_neither_resumed_nor_begun(agent: Agent) -> None:
    agent.kept[OWN] = Kept.EMPTY
    life = agent.live()
    assert life.conversation != OWN
    assert not life.resume
    assert agent.live() == Life(life.conversation, resume=True)


def test_fresh_lives_and_back(agent: Agent) -> None:
    agent.live()
    agent.fresh = True
    first, second = agent.live(), agent.live()
    assert len({OWN, first.conversation, second.conversation}) == 3
    assert (first.resume, second.resume) == (False, False)
    agent.fresh = False
    assert agent.live() == Life(second.conversation, resume=True)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"conversation": 3}', '{"conversation": "../../etc/passwd"}']
)
def test_damaged_notes_are_none(agent: Agent, damage: str) -> None:
    agent.live()
    (agent.folder / "life.json").write_text(damage)
    (agent.folder / "began.json").write_text(damage.replace("conversation", "session_id"))
    assert agent.next() == Life(OWN, resume=True)


def test_what_was_used_lately_is_known(agent: Agent) -> None:
    agent.fresh = True
    names = [agent.live().conversation for _ in range(5)]
    assert agent.lives.used(agent.now - 1e6) == tuple(names)
    assert agent.lives.used(agent.now - 15) == tuple(names[2:]), "one goes on until the next begins"
    agent.now += 10 * 86_400
    last = agent.live().conversation
    assert agent.lives.used(0) == (names[-1], last), "what is long over is forgotten"


def test_the_notes_do_not_grow_for_ever(agent: Agent) -> None:
    agent.fresh = True
    agent.now += 0.0
    for _ in range(30):
        agent.next(0.001)
    assert (agent.folder / "life.json").stat().st_size < 30 * 80 + 500
