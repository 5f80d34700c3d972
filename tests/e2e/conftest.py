"""One fleet, driven as a person drives it: the real command, git and tmux, nobody else's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.state import StateDir, born, holder_pid
from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.server import find_server
from tests.adapters.git.sandbox import Sandbox

LIMIT_S = 30.0
ANCHOR = "?#{==:#{@novaorch_frame},anchor},anchor,"
LOOP = "import time\nwhile True: print({word!r}, flush=True); time.sleep(0.2)"
needs_store = pytest.mark.skipif(find_server(os.environ) is None, reason="no store server is here")


@dataclass(frozen=True)
class Said:
    """How one command went."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Fleet:
    """One repository with a fleet on a tmux socket of its own."""

    def __init__(self, folder: Path, name: str = "demo") -> None:
        self.name = name
        self.repo = Sandbox(folder)
        self.socket = f"nova-{name}"
        self.settings()
        self._children: list[subprocess.Popen[str]] = []

    # -- what a person does --------------------------------------------------------------------

    def settings(self, *lines: str) -> None:
        """Write fleet.yaml with these lines below spec."""
        more = "".join(f"  {line}\n" for line in lines)
        self.repo.write(
            "fleet.yaml",
            "apiVersion: novaorch/v1\nkind: Fleet\n"
            f"metadata: {{name: {self.name}}}\nspec:\n  tmux: {{socket: {self.socket}}}\n{more}",
        )

    def agent(self, name: str, word: str = "hello", *lines: str, project: str = "web") -> Path:
        """Write an agent that says `word` again and again."""
        argv = json.dumps([sys.executable, "-c", LOOP.format(word=word)])
        more = "".join(f"  {line}\n" for line in lines)
        text = (
            "apiVersion: novaorch/v1\nkind: Agent\n"
            f"metadata: {{name: {name}}}\nspec:\n  command: {argv}\n{more}"
        )
        return self.repo.write(f"{project}/agents/{name}.yaml", text)

    def commit(self, message: str = "a wish") -> str:
        return self.repo.commit(message)

    def remove(self, *paths: str) -> None:
        self.repo.git("rm", "-r", "-q", "--", *(f"desired-state/{path}" for path in paths))

    def run(self, *words: str, expect: int | None = None, **env: str) -> Said:
        """Run `novaorch`; with `expect`, any other exit code is a failure."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler.cli", "-C", str(self.repo.path), *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
            cwd="/",
            check=False,
            timeout=LIMIT_S,
        )
        if expect is not None:
            assert done.returncode == expect, f"{words}: {done.stdout}{done.stderr}"
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `novaorch` and do not wait for it."""
        child = subprocess.Popen(
            [sys.executable, "-u", "-m", "reconciler.cli", "-C", str(self.repo.path), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._children.append(child)
        return child

    # -- what a test looks at ------------------------------------------------------------------

    def tmux(self, *words: str, ok: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.socket, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0 or not ok, done.stderr
        return done.stdout

    def sessions(self) -> set[str]:
        """Return the names of all sessions but the one that novaorch holds on to."""
        said = self.tmux("list-sessions", "-F", f"#{{{ANCHOR}}}:#{{session_name}}", ok=False)
        return {line[1:] for line in said.splitlines() if line.startswith(":")}

    def pids(self) -> dict[str, str]:
        """Return the process of each session's first pane."""
        told = f"#{{{ANCHOR}}}:#{{session_name}} #{{pane_pid}}"
        said = self.tmux("list-panes", "-a", "-F", told, ok=False).splitlines()
        return dict(line[1:].split() for line in reversed(said) if line.startswith(":"))

    def screen(self, session: str) -> str:
        return self.tmux("capture-pane", "-p", "-t", f"={session}:", ok=False)

    def until(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not true():
            assert time.monotonic() < end, f"not within {LIMIT_S:.0f} s: {what}\n{self.log()}"
            time.sleep(0.02)

    @property
    def state(self) -> StateDir:
        return StateDir.of(self.name, self.repo.path / ".git", os.environ)

    def log(self) -> str:
        try:
            return self.state.log.read_text(encoding="utf-8")
        except OSError:
            return ""

    # -- the end -------------------------------------------------------------------------------

    def end(self) -> None:
        for child in self._children:
            child.kill()
            child.communicate(timeout=LIMIT_S)
        pid = holder_pid(self.state.lock)
        if pid is not None:
            _kill(pid, signal.SIGCONT, signal.SIGTERM)
            self.until(lambda: holder_pid(self.state.lock) != pid, "the daemon ends")
        for name in (self.name, "default"):  # the latter is a fleet without fleet.yaml
            state = StateDir.of(name, self.repo.path / ".git", os.environ)
            EmbeddedServer(state, os.environ).stop()
        end_server(self.tmux)


def end_server(tmux: Callable[..., str]) -> None:
    """End a server for sure: tmux waits for good on a control client whose reader was killed."""
    told = tmux("display-message", "-p", "#{pid}", ok=False).strip()
    clients = tmux("list-clients", "-F", "#{client_pid}", ok=False).split()
    tmux("kill-server", ok=False)
    end = time.monotonic() + 1.0
    while told and born(int(told)):  # '' for one that nobody has waited for yet, too
        if time.monotonic() > end:
            for pid in (told, *clients):
                _kill(int(pid), signal.SIGKILL)
        time.sleep(0.01)


def _kill(pid: int, *signals: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        for number in signals:
            os.kill(pid, number)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Fleet]]:
    """Make fleets by name; everything they started ends with the test."""
    made: list[Fleet] = []

    def maker(name: str) -> Fleet:
        made.append(Fleet(tmp_path / f"the {name} repository", name))
        return made[-1]

    yield maker
    for fleet in made:
        fleet.end()


@pytest.fixture
def fleet(make: Callable[[str], Fleet]) -> Fleet:
    """A committed fleet with one agent, `web/agent/torch`."""
    made = make("demo")
    made.agent("torch")
    made.commit("Wish for torch")
    return made


@pytest.fixture
def up(fleet: Fleet) -> Fleet:
    """The same, kept true by a daemon in the background."""
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    return fleet
