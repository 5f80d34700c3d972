"""Agents in training as a person has them: their branches, and what stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from tests.e2e.conftest import Fleet

KEPT = ("refs/heads/training/", "refs/notes/novaorch/", "refs/novaorch/")
"""The names under which agents' work, and novaorch's own words, are kept."""


def sign(fleet: Fleet, folder: Path) -> Path:
    """Have the fleet sign agents' work; return the file of allowed signers."""
    key = folder / "training-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    fleet.settings(f"training: {{key: {key}}}")
    allowed = folder / "allowed"
    public = key.with_suffix(".pub").read_text().split()
    allowed.write_text(f"novaorch@localhost {public[0]} {public[1]}\n")
    return allowed


def branch(name: str, run: int = 1, project: str = "web") -> str:
    return f"training/{project}/{name}/{run}"


def tree(name: str, fleet: Fleet, project: str = "web") -> Path:
    """Return where an agent's own work tree is."""
    return Path(os.environ["XDG_DATA_HOME"]) / "novaorch/workspaces" / fleet.name / project / name


def commits(fleet: Fleet, name: str, run: int = 1) -> list[str]:
    """Return the commits of a run, oldest first."""
    said = fleet.repo.git("rev-list", "--reverse", f"main..{branch(name, run)}", ok=False)
    return said.split() if not said.startswith("fatal") else []


def trailers(fleet: Fleet, commit: str) -> dict[str, str]:
    """Return the trailers of a commit, as git itself reads them."""
    said = fleet.repo.git("show", "-s", "--format=%(trailers:only,unfold)", commit)
    return dict(line.split(": ", 1) for line in said.splitlines() if line)


def verified(fleet: Fleet, allowed: Path, commit: str) -> bool:
    """Whether git itself takes the signature of a commit."""
    words = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    done = subprocess.run(
        ["git", "-C", str(fleet.repo.path), *words, "verify-commit", commit],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def snapshot(fleet: Fleet) -> dict[str, str]:
    """Return everything of the user's: each file of the checkout with its mode, the index, HEAD,
    the configuration, and every ref that is not novaorch's own."""
    root, found = fleet.repo.path, {}
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] != ".git":
            mode = oct(path.lstat().st_mode)
            found[str(inside)] = f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    for name in ("index", "HEAD", "config"):
        body = (root / ".git" / name).read_bytes()
        found[f".git/{name}"] = hashlib.sha256(body).hexdigest()
    for line in fleet.repo.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines():
        if not line.startswith(KEPT):
            ref, oid = line.split()
            found[ref] = oid
    return found


def writing(path: str, content: str, said: str) -> str:
    """Return a prompt that has a file written, for the fake agent and the scripted model."""
    return f"CALL Write {json.dumps({'file_path': path, 'content': content})}\nSAY {said}"
