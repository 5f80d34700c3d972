"""Agents of a runtime: from their fields to what starts them, and to what a change costs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.core.build import build
from reconciler.core.change import changes
from reconciler.kinds.runtimes import RUNTIMES
from reconciler.model.agent import Persona, Rule
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Process
from tests.kinds.desk import (
    FLEET,
    HOME,
    ROOT,
    agent,
    blobs,
    parsed,
    runtime,
    session,
    tree,
    wish,
)

A = "p/agents/a.yaml"


def lowered(text: str, others: Mapping[str, str] = {}) -> Process:
    desired = wish({A: text, **others})
    assert desired.problems == ()
    return desired.processes[UnitId("p/agent/a")]


def test_everything_that_a_file_says_is_in_the_persona() -> None:
    process = lowered(
        runtime(
            "model: opus\npermission: plan\ntools: [Read, Grep]\nconversation: fresh\n"
            "prompt: Begin.\naccount: team\nbudget: {usd_per_day: 2.5}\nmode: manual\n"
            "decide:\n  - {tool: Bash, match: 'git push*', answer: deny}\n"
            "  - {tool: '*', answer: ask}"
        ).replace("{name: }", "{labels: {role: lead, area: web}}")
    )
    assert process.launch.persona == Persona(
        "claude-code",
        model="opus",
        permission="plan",
        tools=("Read", "Grep"),
        fresh=True,
        prompt="Begin.",
        account="team",
        rules=(Rule("Bash", "deny", "git push*"), Rule("*", "ask")),
        usd_per_day=2.5,
    )
    assert process.launch.argv == ("claude",)
    assert process.mode == "manual"
    assert not process.stopped
    assert process.labels == (("area", "web"), ("role", "lead"))


def test_a_file_that_says_little_means_the_usual() -> None:
    process = lowered(runtime())
    assert process.launch.persona == Persona("claude-code", account="claude-code")
    assert process.quit == ("/exit",)
    assert process.mode == "auto"
    names = {field.name for field in process.fields}
    assert names == {
        "runtime",
        "directory",
        "mode",
        "session",
        "restart.policy",
        "restart.backoff.base",
        "restart.backoff.max",
        "stop.grace",
    }


@pytest.mark.parametrize("word", [name for name in RUNTIMES if name not in ("command", "fake")])
def test_each_runtime_ends_in_its_own_words(word: str) -> None:
    process = lowered(runtime(word=word))
    assert process.quit == RUNTIMES[word].quit
    assert process.launch.argv == (RUNTIMES[word].program,)
    own = lowered(runtime("stop: {quit: [bye, now]}", word))
    assert own.quit == ("bye", "now")


def test_a_command_is_no_persona_and_is_ended_as_before() -> None:
    process = lowered(agent("mode: training\nworkspace: {}"))
    assert process.launch.persona is None
    assert (process.quit, process.mode) == ((), "training")
    assert process.launch.argv == ("sleep", "1")


def test_an_agent_in_a_session_has_the_variables_of_its_window() -> None:
    windows = "windows: [{name: d, env: {LEVEL: info}, panes: [{agent: a}]}]"
    process = lowered(runtime("session: s"), {"p/sessions/s.yaml": session(windows)})
    assert process.launch.env == (("LEVEL", "info"),)
    assert process.launch.persona is not None


# -- what a change costs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "cost"),
    [
        ("", "model: opus", "BOUNDARY"),
        ("model: opus", "model: sonnet", "BOUNDARY"),
        ("model: opus", "", "BOUNDARY"),
        ("", "permission: plan", "BOUNDARY"),
        ("tools: [Read]", "tools: [Read, Grep]", "BOUNDARY"),
        ("tools: [Read]", "", "BOUNDARY"),
        ("", "prompt: Begin.", "HOT"),
        ("prompt: Begin.", "", "HOT"),
        ("", "conversation: fresh", "HOT"),
        ("conversation: fresh", "", "HOT"),
        ("", "account: team", "HOT"),
        ("account: team", "", "HOT"),
        ("", "budget: {usd_per_day: 1}", "HOT"),
        ("budget: {usd_per_day: 1}", "", "HOT"),
        ("", "decide: [{tool: Bash, answer: allow}]", "HOT"),
        ("decide: [{tool: Bash, answer: allow}]", "", "HOT"),
        ("decide: [{tool: Bash, answer: ask}]", "decide: [{tool: Bash, answer: deny}]", "HOT"),
        ("", "mode: manual", "HOT"),
        ("", "directory: ./sub", "RESTART"),
    ],
)
def test_what_a_change_costs(before: str, after: str, cost: str) -> None:
    old, new = lowered(runtime(before)), lowered(runtime(after))
    applied = {field.name: field.value for field in old.fields}
    found = changes(new.fields, applied)
    assert {change.disruption.name for change in found} == {cost}


def test_another_runtime_is_another_process() -> None:
    old, new = lowered(agent()), lowered(runtime())
    found = changes(new.fields, {field.name: field.value for field in old.fields})
    assert max(change.disruption for change in found).name == "RESTART"


# -- rehearsals ------------------------------------------------------------------------------------


def rehearsed(text: str, *, rehearsal: bool) -> Desired:
    files = {A: text, "fleet.yaml": FLEET}
    return build(tree(blobs(files)), parsed(files), ROOT, HOME, rehearsal=rehearsal)


def test_fake_agents_are_for_rehearsals_alone() -> None:
    refused = rehearsed(runtime(word="fake"), rehearsal=False)
    assert [p.rule for p in refused.problems] == ["agent/rehearsal-only"]
    assert "novaorch rehearse" in refused.problems[0].fix
    assert refused.processes == {}
    assert not refused.settled, "so nothing that runs is stopped for it"
    played = rehearsed(runtime(word="fake"), rehearsal=True)
    assert played.problems == ()
    (process,) = played.processes.values()
    assert process.launch.persona == Persona("fake", account="fake")
