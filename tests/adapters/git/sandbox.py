"""A real repository in a temporary folder, driven by the real git, as a person would."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Sandbox:
    """One repository and its work tree."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *args: str, given: bytes = b"", ok: bool = True, **env: str) -> str:
        """Run git here and return its output, stripped."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *args],
            input=given,
            capture_output=True,
            env={**os.environ, **env},
            check=False,
            timeout=60,
        )
        if ok and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, path: str, text: str = "a: 1\n") -> Path:
        """Write a file below `desired-state/`."""
        file = self.path / "desired-state" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, message: str = "a change", *options: str) -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, *options)
        return self.git("rev-parse", "HEAD")

    def blob(self, content: bytes) -> str:
        """Write a blob and return its id."""
        return self.git("hash-object", "-w", "--stdin", "--literally", given=content)

    def raw_tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Write a tree object byte by byte (mode, name, id), however wrong, and return its id."""
        body = b"".join(m.encode() + b" " + n + b"\0" + bytes.fromhex(o) for m, n, o in entries)
        return self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", given=body)

    def point(self, branch: str, desired: str, mode: str = "40000") -> str:
        """Add a commit to `branch` whose `desired-state` is the given object."""
        tree = self.raw_tree((mode, b"desired-state", desired))
        tip = self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", ok=False)
        parent = ("-p", tip) if tip else ()
        commit = self.git("commit-tree", tree, *parent, "-m", "made by hand")
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit


def private_home(home: Path, clear: list[str]) -> dict[str, str]:
    """Write a git configuration in `home`; return the variables that make it the only one."""
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    clear.extend(name for name in os.environ if name.startswith(("GIT_", "NOVAORCH")))
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "GIT_CONFIG_NOSYSTEM": "1"}
