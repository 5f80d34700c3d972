"""What a campaign stands on: a repository, a work tree for each agent, a key, one free port."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = 60
"""So many files are in the repository at the beginning, in folders of ten."""


@dataclass(frozen=True)
class Agent:
    """One agent: its name, its tree, its token."""

    name: str
    tree: Path
    token: str

    @property
    def branch(self) -> str:
        return f"training/shop/{self.name}/1"


class Ground:
    """Makes it all in a folder of its own, and takes it away."""

    def __init__(self, agents: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="novaorch-training-"))
        self.repo = self.folder / "repo"
        self.key = self.folder / "key"
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.key)]
        subprocess.run(words, check=True)
        self._repository()
        self.agents = [self._agent(f"a{number:03}") for number in range(agents)]
        self.port = _free_port()
        self.began = 0.0
        """When the agents began."""
        self.config = self.folder / "config.json"
        self.config.write_text(json.dumps(self._told()))

    def git(self, *words: str, given: bytes = b"") -> bytes:
        """Run git in the repository, with nobody's settings."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C"}
        env |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        env |= {f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in _WHAT}
        where = ["git", "-C", str(self.repo), "-c", "gc.auto=0", *words]
        done = subprocess.run(where, input=given, capture_output=True, env=env, check=False)
        if done.returncode:
            raise AssertionError(f"git {words}: {done.stderr.decode()}")
        return done.stdout

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _repository(self) -> None:
        self.repo.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        for number in range(FILES):
            path = self.repo / f"part{number // 10}" / f"file{number}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"# file {number}\n" + "value = 1\n" * 50)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "first")

    def _agent(self, name: str) -> Agent:
        tree = self.folder / "trees" / name
        agent = Agent(name, tree, f"token-{name}")
        self.git("worktree", "add", "--quiet", "-b", agent.branch, str(tree), "main")
        return agent

    def _told(self) -> dict[str, Any]:
        return {
            "port": self.port,
            "key": str(self.key),
            "repository": str(self.repo / ".git"),
            "agents": [
                {"name": one.name, "tree": str(one.tree), "token": one.token, "branch": one.branch}
                for one in self.agents
            ],
        }


_WHAT = ("NAME", "EMAIL")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
