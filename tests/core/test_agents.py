"""What is said of agents in statuses: added, told in words, read back, and forgotten in time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.core.agents import BUDGET, described, forgotten, remembered
from reconciler.core.exposition import exposition
from reconciler.core.metrics import UNITS_MAX, Measured, families
from reconciler.core.recollect import Recalled, believed, recollect
from reconciler.core.tally import tally
from reconciler.model.agent import AgentReport, AgentState, Waiting
from reconciler.model.ids import UnitId
from reconciler.model.status import Condition, Ready, Status
from tests.builders import agent_id

A, B = agent_id("a"), agent_id("b")
BUSY = AgentReport(AgentState.BUSY, 90.0, 0.947, "hook: busy", since=50.0)
WAITS = AgentReport(
    AgentState.WAITING,
    95.0,
    0.98,
    "hook: waiting",
    Waiting.PERMISSION,
    0.0,
    ("screen: idle",),
    95.0,
)


def status(unit: UnitId = A, pid: int = 7, agent: AgentReport | None = None) -> Status:
    ready = Condition("Ready", Ready.TRUE, "as-wished")
    return Status(
        unit, Ready.TRUE, "running", "as-wished", "", "c", pid=pid, conditions=(ready,), agent=agent
    )


class TestDescribed:
    def test_adds_what_an_agent_does_in_tenths_of_confidence(self) -> None:
        first, second = described([status(A), status(B)], {A: BUSY}, {})
        assert first.agent == replace(BUSY, confidence=0.9)
        assert second.agent is None

    @pytest.mark.parametrize(
        ("warning", "reason"),
        [
            ("budget cannot be enforced: codex does not say", "budget-not-enforced"),
            ("its budget for today is used up: $3 of $3", "budget-used-up"),
        ],
    )
    def test_adds_a_condition_where_a_budget_is_not_kept(self, warning: str, reason: str) -> None:
        (found,) = described([status(A)], {}, {A: warning})
        assert found.conditions[-1] == Condition(BUDGET, Ready.FALSE, reason, warning)
        assert found.ready is Ready.TRUE

    def test_leaves_everything_else_as_it_is(self) -> None:
        one = status(B)
        assert described([one], {A: BUSY}, {})[0] is one


class TestRemembered:
    def before(self, **more: object) -> dict[UnitId, Status]:
        return {A: replace(status(A, agent=WAITS), **more)}  # type: ignore[arg-type]

    def test_takes_what_was_said_of_the_same_process(self) -> None:
        (found,) = remembered([status(A)], self.before(), fresh=True)
        assert found.agent == WAITS

    def test_takes_nothing_of_another_process(self) -> None:
        (found,) = remembered([status(A, pid=8)], self.before(), fresh=True)
        assert found.agent is None

    def test_of_what_is_old_nobody_knows(self) -> None:
        (found,) = remembered([status(A)], self.before(), fresh=False)
        assert found.agent is not None
        assert (found.agent.state, found.agent.confidence) == (AgentState.UNKNOWN, 0.0)
        assert found.agent.why == "nobody has looked for too long; it was waiting"

    def test_takes_the_word_on_a_budget(self) -> None:
        (told,) = described([status(A)], {}, {A: "budget cannot be enforced"})
        (found,) = remembered([status(A)], {A: told}, fresh=True)
        assert [c.name for c in found.conditions] == ["Ready", BUDGET]

    def test_forgets_only_what_agents_do(self) -> None:
        assert forgotten(status(A)) == status(A)


class TestReadBack:
    def test_comes_back_as_it_was_said(self) -> None:
        said = [status(A, agent=WAITS), status(B)]
        told = json.loads(json.dumps({"statuses": [one.as_json() for one in said]}))
        assert list(recollect(told).statuses) == said

    @pytest.mark.parametrize(
        "agent",
        [
            None,
            3,
            [],
            {"state": ["x"], "waiting": {}, "confidence": "1", "conflicts": 5, "at": -1},
            {"state": "happy", "waiting": "coffee", "confidence": 17, "conflicts": [1, None]},
        ],
    )
    def test_garbage_is_no_harm(self, agent: object) -> None:
        said = {**status(A).as_json(), "agent": agent}
        (found,) = recollect({"statuses": [said]}).statuses  # type: ignore[list-item]
        if found.agent is not None:
            assert found.agent.state is AgentState.UNKNOWN
            assert found.agent.confidence <= 1
            assert found.agent.conflicts == ()

    def test_too_old_a_word_is_none(self) -> None:
        told = Recalled("c", "h", 100.0, 5.0, (status(A, agent=BUSY),))
        (young,), (old,) = believed(told, 110.0), believed(told, 200.0)
        assert young.agent == BUSY
        assert old.agent is not None
        assert old.agent.state is AgentState.UNKNOWN


class TestMetrics:
    def text(self, *statuses: Status) -> str:
        fleet = tally("f", "c", statuses)
        return exposition(families("1", Measured(), fleet, statuses))

    def test_count_states_and_name_each_agents(self) -> None:
        text = self.text(status(A, agent=BUSY), status(B, agent=WAITS))
        assert 'novaorch_agents{state="busy"} 1\n' in text
        assert 'novaorch_agents{state="crashed"} 0\n' in text
        assert f'novaorch_agent_state{{unit="{A}",state="busy"}} 1\n' in text
        assert f'novaorch_agent_state{{unit="{B}",state="waiting"}} 1\n' in text

    def test_name_nobody_where_there_are_too_many(self) -> None:
        many = [status(agent_id(f"a{n}"), agent=BUSY) for n in range(UNITS_MAX + 1)]
        text = self.text(*many)
        assert f'novaorch_agents{{state="busy"}} {UNITS_MAX + 1}\n' in text
        assert "novaorch_agent_state{" not in text
