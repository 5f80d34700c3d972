"""Real keys that sign real commits: OpenSSH's and OpenPGP's, each in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.fleet import Principal
from tests.adapters.git.sandbox import Sandbox


def _run(*words: str, given: bytes = b"", **env: str) -> bytes:
    return subprocess.run(
        words, input=given, capture_output=True, check=True, env={**os.environ, **env}, timeout=60
    ).stdout


class Key:
    """An SSH key and whoever holds it."""

    def __init__(self, file: Path, kind: str = "ed25519") -> None:
        self.file = file
        _run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(file))
        self.public = file.with_suffix(".pub").read_text().strip()
        told = _run("ssh-keygen", "-l", "-f", str(file)).decode()
        self.fingerprint = told.split()[1]

    def principal(self, name: str) -> Principal:
        """Return somebody whose key this is."""
        return Principal(name, ssh=(self.public,))

    def sign(self, repo: Sandbox, *words: str, when: str = "") -> str:
        """Run a git command that signs with this key."""
        setup = ("gpg.format=ssh", f"user.signingkey={self.file}", "gpg.ssh.program=ssh-keygen")
        options = [word for pair in setup for word in ("-c", pair)]
        if when:
            return repo.git(*options, *words, GIT_COMMITTER_DATE=when)
        return repo.git(*options, *words)

    def commit(self, repo: Sandbox, message: str = "a change", when: str = "") -> str:
        """Commit everything, signed, and return the commit's id."""
        repo.git("add", "--all")
        self.sign(repo, "commit", "--quiet", "--allow-empty", "-S", "-m", message, when=when)
        return repo.git("rev-parse", "HEAD")

    def forge(self, repo: Sandbox, namespace: str) -> str:
        """Sign a commit's content for any use, put the signature in, and return its id."""
        body = self.body(repo, repo.commit())
        made = _run(
            "ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.file), given=body
        )
        head, _, rest = body.partition(b"\n\n")
        whole = head + b"\ngpgsig " + made.strip().replace(b"\n", b"\n ") + b"\n\n" + rest
        return repo.git("hash-object", "-t", "commit", "-w", "--stdin", given=whole)

    def body(self, repo: Sandbox, commit: str) -> bytes:
        """Return a commit object, byte by byte."""
        return _run("git", "-C", str(repo.path), "cat-file", "commit", commit)


@dataclass(frozen=True)
class PgpKey:
    """An OpenPGP key in a home of its own."""

    home: Path
    id: str
    public: str

    def commit(self, repo: Sandbox, at: str = "") -> str:
        """Commit everything, signed, and return the commit's id."""
        program = self.home / "sign"
        faked = f"--faked-system-time {at}" if at else ""
        program.write_text(f'#!/bin/sh\nexec gpg --homedir {self.home} {faked} "$@"\n')
        program.chmod(0o755)
        repo.git("add", "--all")
        repo.git(
            "-c", f"gpg.program={program}", "-c", f"user.signingkey={self.id}", "-c",
            "gpg.format=openpgp", "commit", "--quiet", "--allow-empty", "-S", "-m", "a change",
        )  # fmt: skip
        return repo.git("rev-parse", "HEAD")

    def body(self, repo: Sandbox, commit: str) -> bytes:
        """Return a commit object, byte by byte."""
        return _run("git", "-C", str(repo.path), "cat-file", "commit", commit)

    def prolong(self, at: str) -> None:
        """Let it expire never; whoever has the old public key does not know."""
        gpg = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--faked-system-time", at]
        _run(*gpg, "--quick-set-expire", self.id, "0")


@contextmanager
def gpg_home(home: Path, who: str, at: str = "", expires: str = "never") -> Iterator[PgpKey]:
    """Make a key; end the agent that gpg starts for it afterwards."""
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    if at:
        gpg += ["--faked-system-time", at]
    try:
        made = ["--passphrase", "", "--quick-gen-key", who, "ed25519", "sign", expires]
        _run(*gpg, "--pinentry-mode", "loopback", *made)
        listed = _run(*gpg, "--list-keys", "--with-colons").decode()
        name = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        yield PgpKey(home, name, _run(*gpg, "--armor", "--export", name).decode())
    finally:
        _run("gpgconf", "--homedir", str(home), "--kill", "all")
