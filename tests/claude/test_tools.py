"""Tools and commands as real clients use them: each tool called, each command understood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.claude_code import plugin
from tests.claude.bed import Bed
from tests.claude.binary import VERSIONS, binary
from tests.claude.conftest import seed, surroundings
from tests.claude.model import ScriptedModel
from tests.e2e.conftest import Fleet, make, needs_store

__all__ = ["make"]
CHARTER = "# Web\n\n## Goals\n\n- [ ] win\n"
AGENT = (
    "apiVersion: novaorch/v1\nkind: Agent\nmetadata: {name: new}\nspec: {command: [sleep, '9']}\n"
)


@pytest.fixture(params=VERSIONS)
def bed(
    request: pytest.FixtureRequest,
    make: Callable[[str], Fleet],
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Bed:
    return Bed(make("demo"), request.param, model, monkeypatch)


def results(model: ScriptedModel) -> list[Any]:
    """Return what tools of ours said to the model, in order."""
    longest = max((asked.body["messages"] for asked in model.turns), key=len)
    blocks = [b for m in longest if isinstance(m["content"], list) for b in m["content"]]
    names = {b["id"]: b["name"] for b in blocks if b.get("type") == "tool_use"}
    told = []
    for block in blocks:
        if block.get("type") == "tool_result" and "novaorch" in names[block["tool_use_id"]]:
            content = block["content"]
            text = content if isinstance(content, str) else content[0]["text"]
            told.append((names[block["tool_use_id"]].rpartition("__")[2], text))
    return told


@needs_store
def test_a_real_client_calls_every_tool(bed: Bed) -> None:
    bed.fleet.repo.write("web/charter.md", CHARTER)
    bed.agent("ada")
    bed.up("ada")
    first = bed.message(bed.send("ada", "good morning", "--wait", "read"))
    calls: dict[str, dict[str, Any]] = {
        "whoami": {},
        "list_agents": {},
        "send_message": {"to": "person:Ada", "body": "hello"},
        "read_inbox": {},
        "reply": {"id": first, "body": "and to you"},
        "verify_message": {"id": first},
        "report_status": {"text": "tries the tools"},
        "read_charter": {"section": "Goals"},
        "request_decision": {"question": "Ship it?", "options": ["yes", "no"]},
        "share_insight": {"text": "it works"},
        "search_insights": {"query": "works"},
        "propose_change": {"path": "web/agents/new.yaml", "content": AGENT, "title": "Add new"},
    }
    lines = [f"CALL mcp__novaorch__{name} {json.dumps(said)}" for name, said in calls.items()]
    bed.send("ada", "\n".join(lines), "--wait", "submitted")
    bed.until(lambda: len(results(bed.model)) == len(calls), "every tool has answered", 60)
    found = dict(results(bed.model))
    assert list(found) == list(calls)
    assert not [name for name, text in found.items() if '"error"' in text], found
    assert json.loads(found["whoami"])["id"] == "web/agent/ada"
    verified = json.loads(found["verify_message"])
    assert (verified["genuine"], verified["from"]) == (True, "person:Ada")
    assert "- [ ] win" in json.loads(found["read_charter"])["text"]
    branch = json.loads(found["propose_change"])["branch"]
    assert bed.fleet.repo.git("diff", "--name-only", "main", branch).endswith("agents/new.yaml")
    inbox = bed.fleet.run("inbox", "--json", expect=0).records
    assert {one["body"] for one in inbox} == {"hello", "and to you"}
    assert "web/agent/ada says: tries the tools (" in bed.fleet.run("status").out
    assert piped(bed) == "web/agent/ada"
    (asked,) = bed.fleet.run("decisions", "--json", expect=0).records
    bed.fleet.run("decisions", "answer", asked["id"], "yes", expect=0)
    bed.until(lambda: bed.given(f"question {asked['id']}") == 1, "the answer is a message")


def piped(bed: Bed) -> str:
    """Return who a client without HTTP is, that a person started for an agent."""
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}}
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "mcp", "--agent", "web/ada"],
        input=json.dumps(ask).encode() + b"\n",
        cwd=bed.fleet.repo.path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return str(json.loads(done.stdout)["result"]["structuredContent"]["id"])


@needs_store
def test_a_command_of_a_person_is_a_commit_that_is_observed(bed: Bed) -> None:
    bed.agent("ada")
    bed.up("ada")
    keys = ("send-keys", "-t", "=web/ada:")
    bed.fleet.tmux(*keys, "-l", "/nova:manual web/ada")
    bed.until(lambda: "/nova:manual web/ada" in bed.fleet.screen("web/ada"), "it is typed")
    bed.fleet.tmux(*keys, "Enter")
    bed.until(lambda: bed.given("Observed: the daemon follows") == 1, "its model is told", 60)
    text = bed.fleet.repo.git("show", "HEAD:desired-state/web/agents/ada.yaml")
    assert "  mode: manual\n" in text
    assert bed.fleet.repo.git("show", "-s", "--format=%an: %s") == (
        "Ada: Set web/agent/ada to manual"
    )


# -- the plugin alone ------------------------------------------------------------------------------


@dataclass
class Alone:
    """One version without a fleet: a `novaorch` that only writes down what it was given."""

    folder: Path
    version: str
    model: ScriptedModel
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "work").mkdir()
        (self.folder / "bin").mkdir()
        command = self.folder / "bin" / "novaorch"
        command.write_text(
            f'#!/bin/sh\nprintf "<%s>" "$@" >>{self.folder}/given\necho "it said $*"\nexit 1\n'
        )
        command.chmod(0o755)
        path = f"{self.folder}/bin{os.pathsep}{os.environ['PATH']}"
        home = str(self.folder / "home")
        told = {"HOME": home, "PATH": path, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self.environ = {**told, **surroundings(self.folder, self.model)}
        seed(self.folder / "home", self.version, self.folder / "work")

    def claude(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary(self.version)), *words],
            cwd=self.folder / "work",
            env={**self.environ, "PYTEST_NOVAORCH_RUN": os.environ["PYTEST_NOVAORCH_RUN"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def typed(self, command: str) -> str:
        """Let a person type a command; return what `novaorch` was given."""
        (self.folder / "given").unlink(missing_ok=True)
        words = ("--plugin-dir", plugin.folder(), "--permission-mode", "default")
        self.claude("-p", command, *words)
        try:
            return (self.folder / "given").read_text()
        except FileNotFoundError:
            return ""

    def offered(self) -> set[str]:
        """Return the commands that the model was told of in its last turn."""
        body = json.dumps(self.model.turns[-1].body)
        return {name for name in COMMANDS if f"nova:{name}:" in body}


COMMANDS = frozenset(
    ("status", "tasks", "send", "wake", "auto", "manual", "train", "stop", "metrics", "escalate")
)


@pytest.fixture(params=VERSIONS)
def alone(request: pytest.FixtureRequest, stage: Path, model: ScriptedModel) -> Alone:
    binary(request.param)
    return Alone(stage, request.param, model)


def test_it_is_valid_and_whole(alone: Alone) -> None:
    done = alone.claude("plugin", "validate", plugin.folder())
    assert done.returncode == 0, done.stdout + done.stderr
    names = {path.name.removesuffix(".md") for path in Path(plugin.folder(), "commands").iterdir()}
    assert names == COMMANDS


def test_a_command_runs_novaorch_and_its_model_reads_what_it_said(alone: Alone) -> None:
    assert alone.typed("/nova:status") == "<status>"
    assert alone.model.given("it said status") == 1
    assert alone.offered() == {"status", "tasks", "metrics", "escalate"}
    assert alone.typed("/nova:train web/torch") == "<mode><web/torch><training>"
    assert alone.typed("/nova:stop") == "<mode><stopped>"


def test_words_of_a_shell_are_not_obeyed(alone: Alone) -> None:
    target = alone.folder / "pwned"
    for word in ("x; touch {}", "$(touch {})", "`touch {}`", "x | tee {}", "> {}"):
        alone.typed(f"/nova:tasks {word.format(target)}")
        assert not target.exists(), word
