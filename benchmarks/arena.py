"""A place of its own for one measurement: repository, HOME, tmux server. Leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FLEET = """apiVersion: novaorch/v1
kind: Fleet
metadata: {{name: bench}}
spec:
  tmux: {{socket: {socket}}}
  sync: {{branch: main}}
"""
AGENT = "apiVersion: novaorch/v1\nkind: Agent\nspec:\n  command: [{command}]\n"
IDLE = "sleep, '100000'"


@dataclass
class Arena:
    """One repository with one fleet on one private tmux server."""

    root: Path
    socket: str
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> Path:
        """The work tree."""
        return self.root / "repo"

    @property
    def tmux_argv(self) -> list[str]:
        """How to reach the private server."""
        return ["tmux", "-L", self.socket]

    def novaorch(self, *words: str) -> list[str]:
        """Return the command line of the installed command."""
        return [str(Path(sys.executable).parent / "novaorch"), "-C", str(self.repo), *words]

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the work tree."""
        done = subprocess.run(
            argv, cwd=self.repo, env=dict(self.environ), capture_output=True, text=True, check=False
        )
        if check and done.returncode not in (0, 2):
            raise SystemExit(f"{' '.join(argv)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def write(self, name: str, command: str = IDLE) -> None:
        """Write one agent's manifest."""
        path = self.repo / "desired-state" / "fleet" / "agents" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(AGENT.format(command=command))

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def sessions(self) -> int:
        """Return how many sessions the server has."""
        return len(self.run(*self.tmux_argv, "list-sessions", check=False).stdout.splitlines())

    def kill_server(self) -> None:
        """End the private server and wait until it is gone."""
        self.run(*self.tmux_argv, "kill-server", check=False)
        while self.run(*self.tmux_argv, "list-sessions", check=False).returncode == 0:
            time.sleep(0.01)
        time.sleep(0.2)


@contextlib.contextmanager
def arena(agents: int = 0) -> Iterator[Arena]:
    """Make an arena with so many agents committed, and take everything away afterwards."""
    root = Path(tempfile.mkdtemp(prefix="nova-bench-"))
    home = root / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMUX_TMPDIR": str(root),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    stage = Arena(root, "bench", environ)
    stage.repo.mkdir()
    stage.run("git", "init", "-q", "-b", "main")
    stage.run("git", "config", "user.name", "bench")
    stage.run("git", "config", "user.email", "bench@localhost")
    (stage.repo / "desired-state").mkdir()
    (stage.repo / "desired-state" / "fleet.yaml").write_text(FLEET.format(socket="bench"))
    for number in range(agents):
        stage.write(f"a{number}")
    stage.commit("fleet")
    try:
        yield stage
    finally:
        stage.run(*stage.novaorch("down", "--store"), check=False)
        stage.kill_server()
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def daemon(stage: Arena) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon in the foreground of the arena."""
    log = (stage.root / "daemon.log").open("wb")
    child = subprocess.Popen(
        stage.novaorch("run"), env=dict(stage.environ), stdout=log, stderr=log, cwd=stage.repo
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        log.close()


def timed(stage: Arena, *argv: str) -> float:
    """Return the seconds that a whole process took."""
    start = time.perf_counter()
    stage.run(*argv)
    return time.perf_counter() - start


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
