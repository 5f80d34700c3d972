"""A fleet to throw away: a repository, a home, a tmux server, a store and fake agents of its own.

Everything is below one temporary folder, and ends with it. For rehearsals, campaigns and
benchmarks; nothing of the user's is read or touched.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from reconciler.adapters.state import born
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

PROJECT = "play"
ASIDE = ("tool", "typed")
"""Routes by which the model was not given a message."""
END_S = 20.0
FIX = "see that there is room in the temporary folder, and git and tmux on PATH; then again"
KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE")
"""What is taken over from the user's environment."""
FLEET = """apiVersion: novaorch/v1
kind: Fleet
metadata: {name: play}
spec:
  tmux: {socket: play}
"""
AGENT = """apiVersion: novaorch/v1
kind: Agent
spec:
  runtime: fake
  model: rehearsal
  tools: [mcp__novaorch]
  restart: {{backoff: {{base: 1s, max: 2s}}}}
  env: {{FAKE_AGENT: {script}}}
"""


@dataclass
class Playhouse:
    """One fleet of fake agents, each with a script of its own: name to what FAKE_AGENT says.

    Call `open` first and `close` last; `close` may be called at any time, and again.
    """

    scripts: Mapping[str, Mapping[str, object]]
    more: Mapping[str, str] = field(default_factory=dict)
    """Variables that everything here gets besides."""
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="nova-play-")))
    _daemon: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def repo(self) -> Path:
        """The repository."""
        return self.root / "repo"

    @property
    def log(self) -> Path:
        """What the daemon said."""
        return self.root / "daemon.log"

    @property
    def agents(self) -> tuple[UnitId, ...]:
        """Everybody who plays."""
        return tuple(UnitId(f"{PROJECT}/agent/{name}") for name in self.scripts)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of everything that runs here."""
        taken = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {
            **taken,
            "PATH": f"{self.root / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.root / "home"),
            "XDG_STATE_HOME": str(self.root / "s"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMUX_TMPDIR": str(self.root),
            "TERM": "xterm-256color",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "NOVAORCH_REHEARSAL": "1",
            "NOVAORCH_MACHINE": "play",
            **self.more,
        }

    def wiring(self) -> Wiring:
        """Return adapters for this fleet; whoever takes them closes them."""
        return Wiring(self.repo, self.environ)

    # -- the stage -------------------------------------------------------------------------------

    def open(self) -> None:
        """Write and commit the fleet."""
        for name in ("home", "bin", "truth", "repo/desired-state"):
            (self.root / name).mkdir(parents=True)
        # The agents' runtime is found on PATH; it has to be this very Python, with this package.
        python = self.root / "bin" / "python3"
        package = Path(__file__).resolve().parents[2]
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{package}" exec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (self.repo / "desired-state" / "fleet.yaml").write_text(FLEET)
        for name, script in self.scripts.items():
            self.cast(name, script)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Rehearsal")
        self.git("config", "user.email", "rehearsal@localhost")
        self.commit("A fleet to rehearse with")

    def write(self, name: str, manifest: str) -> None:
        """Write the manifest of an agent that is no fake one."""
        path = self.repo / "desired-state" / PROJECT / "agents" / f"{name}.yaml"
        path.write_text(manifest)

    def cast(self, name: str, script: Mapping[str, object]) -> None:
        """Write one agent's script and manifest."""
        told = {"log": str(self.root / "truth" / f"{name}.jsonl"), **script}
        path = self.root / f"{name}.script.json"
        path.write_text(json.dumps(told))
        manifest = self.repo / "desired-state" / PROJECT / "agents" / f"{name}.yaml"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(AGENT.format(script=json.dumps(str(path))))

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        return self._run("git", "-C", str(self.repo), *words)

    def tmux(self, *words: str) -> str:
        """Run a client of the private tmux server; what goes wrong is silence."""
        done = subprocess.run(
            ["tmux", "-u", "-L", "play", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=END_S,
        )
        return done.stdout

    # -- the play --------------------------------------------------------------------------------

    def start(self) -> subprocess.Popen[bytes]:
        """Start the daemon, in the foreground of nobody."""
        if self._log is None:
            self._log = self.log.open("ab")
        argv = [sys.executable, "-m", "reconciler.cli", "-C", str(self.repo), "run"]
        self._daemon = subprocess.Popen(
            argv, env=self.environ, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )
        return self._daemon

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def ready(self) -> set[str]:
        """Return the conversations of all agents that say they are up."""
        found = set()
        for path in (self.root / "home" / ".claude" / "sessions").glob("*.json"):
            told = _json(path)
            if told.get("status") == "idle" and born(int(str(told.get("pid", 0)))):
                found.add(str(told["sessionId"]))
        return found

    def until(self, true: Callable[[], object], what: str, patience_s: float = 30.0) -> None:
        """Wait until something is so; NovaorchError when it is not in time."""
        end = time.monotonic() + patience_s
        while not true():
            if time.monotonic() > end:
                raise NovaorchError(
                    f"not within {patience_s:.0f} s: {what}",
                    why=last_lines(self.log),
                    fix="try it once more; if it stays so, the machine is slower than thought",
                )
            time.sleep(0.02)

    # -- the truth -------------------------------------------------------------------------------

    def given(self) -> Iterator[tuple[str, Mapping[str, object]]]:
        """Yield everything that every agent's model was given: its name, and the line."""
        for name in self.scripts:
            path = self.root / "truth" / f"{name}.jsonl"
            if path.exists():
                with path.open(encoding="utf-8") as file:
                    yield from ((name, json.loads(line)) for line in file)

    def counted(self) -> dict[str, Counter[str]]:
        """Return how often each message reached each agent's model, by the agent's name.

        What is typed only is not counted, nor what a tool answers: an agent may read its inbox as
        often as it likes.
        """
        found: dict[str, Counter[str]] = {name: Counter() for name in self.scripts}
        for name, line in self.given():
            marks = line["marks"]
            if line["route"] not in ASIDE and isinstance(marks, list):
                found[name].update(marks)
        return found

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """End everything that was started here, and remove the folder."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
            try:
                self._daemon.wait(END_S)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._log is not None:
            self._log.close()
            self._log = None
        if (self.repo / ".git").is_dir():
            self._end_store()
        pids = self.tmux("list-panes", "-a", "-F", "#{pane_pid}").split()
        server = self.tmux("display-message", "-p", "#{pid}").split()
        self.tmux("kill-server")
        _end([int(pid) for pid in (*pids, *server)])
        shutil.rmtree(self.root, ignore_errors=True)

    def _end_store(self) -> None:
        wiring = self.wiring()
        try:
            wiring.embedded(wiring.wishes.read().fleet).stop()
        finally:
            wiring.close()

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, env=self.environ, capture_output=True, text=True, check=False, timeout=END_S
        )
        if done.returncode:
            raise NovaorchError(f"{' '.join(argv[:4])} failed", why=done.stderr.strip(), fix=FIX)
        return done.stdout


def last_lines(path: Path, count: int = 5) -> str:
    """Return the end of a log."""
    try:
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return ""


def _json(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _end(pids: Sequence[int]) -> None:
    """Wait until these are gone; kill whoever stays."""
    end = time.monotonic() + 2.0
    for pid in pids:
        while born(pid):
            if time.monotonic() > end:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    break
            time.sleep(0.01)
