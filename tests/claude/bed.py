"""A fleet of real agents: `novaorch` as a person uses it, Claude Code in tmux, a scripted model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.tmux.composer import blanked
from reconciler.core.screen import Reading, read
from reconciler.kinds.runtimes import RUNTIMES
from reconciler.model.agent import Screen
from reconciler.wiring import Wiring
from tests.claude.binary import binary
from tests.claude.conftest import seed, surroundings
from tests.claude.model import ScriptedModel
from tests.e2e.conftest import Fleet, Said

LOOKS = RUNTIMES["claude-code"].looks


class Bed:
    """One fleet named `demo`, whose agents are Claude Code of one version."""

    def __init__(
        self, fleet: Fleet, version: str, model: ScriptedModel, patch: pytest.MonkeyPatch
    ) -> None:
        self.fleet, self.version, self.model = fleet, version, model
        path = binary(version)
        home = Path(os.environ["HOME"])
        for name, value in surroundings(home.parent, model).items():
            patch.setenv(name, value)
        patch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        seed(home, version)

    @cached_property
    def _mail(self) -> RedisMail:
        wiring = Wiring(self.fleet.repo.path)
        try:
            return wiring.mail(wiring.wishes.read().fleet, start=False)
        finally:
            wiring.close()

    def close(self) -> None:
        if "_mail" in self.__dict__:
            self._mail.close()

    # -- what a person does ------------------------------------------------------------------------

    def agent(self, name: str, *lines: str) -> None:
        more = "".join(f"  {line}\n" for line in lines)
        self.fleet.repo.write(
            f"web/agents/{name}.yaml",
            "apiVersion: novaorch/v1\nkind: Agent\n"
            f"metadata: {{name: {name}}}\nspec:\n  runtime: claude-code\n"
            f"  permission: default\n  tools: [mcp__novaorch]\n{more}",
        )

    def up(self, *names: str) -> None:
        self.fleet.commit("Wish for agents")
        self.fleet.run("up", expect=0)
        for name in names:
            self.until(partial(self.ready, name), f"{name} shows a composer")

    def send(self, to: str, text: str, *words: str, expect: int | None = 0) -> Said:
        return self.fleet.run("send", to, text, *words, expect=expect)

    def message(self, said: Said) -> str:
        return said.out.split()[0]

    # -- what a test looks at ----------------------------------------------------------------------

    def reading(self, name: str) -> Reading:
        """Return what an agent's screen says."""
        target = f"=web/{name}:"
        shown = self.fleet.tmux("capture-pane", "-p", "-e", "-t", target, ok=False)
        text, lit = zip(*blanked(shown.rstrip("\n").split("\n")), strict=True)
        return read(Screen(text, lit, (0, 0)), LOOKS)

    def ready(self, name: str) -> bool:
        return self.reading(name).ready

    def pid(self, name: str) -> int:
        return int(self.fleet.pids()[f"web/{name}"])

    def conversations(self) -> dict[int, str]:
        """Return the conversation of each process, by what the runtime itself says."""
        folder = Path(os.environ["HOME"]) / ".claude" / "sessions"
        told = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        return {one["pid"]: one["sessionId"] for one in told}

    def transcript(self, conversation: str) -> str:
        found = (Path(os.environ["HOME"]) / ".claude" / "projects").glob(f"*/{conversation}.jsonl")
        return "".join(path.read_text() for path in found)

    def state(self, name: str) -> dict[str, Any]:
        """Return what `novaorch status` says of an agent."""
        records = self.fleet.run("status", "--json").records
        return next(r for r in records if r.get("unit") == f"web/agent/{name}")

    def state_of(self, name: str) -> str:
        return str(self.state(name)["agent"]["state"])

    def stage(self, message: str) -> str:
        kept = self._mail.find(message)
        assert kept is not None
        return kept.stage.value

    def messages(self) -> list[dict[str, Any]]:
        return self.fleet.run("messages", "--json").records

    def once(self, message: str) -> None:
        """Check that the model of one agent was given a message, and once."""
        mark = f"[novaorch:{message}]"
        newest = [asked for asked in self.model.turns if mark in asked.last]
        assert len(newest) == 1, f"{message} came {len(newest)} times"
        whole = max((a.given for a in self.model.turns), key=lambda given: given.count(mark))
        assert whole.count(mark) == 1, f"{message} is in a context {whole.count(mark)} times"

    def given(self, text: str) -> int:
        """Return in how many requests' newest part the model was given a text."""
        return self.model.given(text)

    def until(self, true: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                screens = "\n".join(self.fleet.screen(name) for name in self.fleet.pids())
                told = [self.fleet.run("why", str(r["id"])).out for r in self.messages()]
                told += [screens, self.fleet.log()]
                pytest.fail(f"not within {seconds:.0f} s: {what}\n" + "\n".join(told))
            time.sleep(0.05)
