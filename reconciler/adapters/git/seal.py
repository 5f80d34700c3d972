"""SSH signatures as git writes and checks them, by `ssh-keygen`.

Never asks for a passphrase: nobody is there to answer.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reconciler.model.problems import BlindError, SourceError

WHO = "novaorch"
TIMEOUT_S = 10.0


def key_path(text: str, home: str, root: Path) -> Path | None:
    """Return where the key is that `fleet.yaml` names: from the home, /, or the repository on."""
    if text.startswith("~/"):
        return Path(home, text[2:])
    return root / text if text else None


class Seal:
    """Signs with the key at a path, or with its like in the user's agent."""

    def __init__(self, key: Path) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """Return the armoured signature of a commit's content. SourceError: it cannot be made."""
        done = _keygen(["-Y", "sign", "-n", "git", "-f", str(self._key)], payload)
        text = done.stdout.decode("ascii", "replace")
        if done.returncode or "BEGIN SSH SIGNATURE" not in text:
            raise self._refusal(done.stderr)
        return text.strip()

    def sign_all(self, payloads: Sequence[bytes]) -> list[str]:
        """Return the signature of each content, made by one process. SourceError as in `sign`."""
        if len(payloads) == 1:
            return [self.sign(payloads[0])]
        with tempfile.TemporaryDirectory(prefix="novaorch-", dir=_quick_folder()) as folder:
            files = [Path(folder, str(place)) for place in range(len(payloads))]
            for file, payload in zip(files, payloads, strict=True):
                file.write_bytes(payload)
            words = ["-Y", "sign", "-n", "git", "-f", str(self._key), *map(str, files)]
            done = _keygen(words, b"")
            try:
                made = [file.with_suffix(".sig").read_text("ascii").strip() for file in files]
            except (OSError, ValueError):
                raise self._refusal(done.stderr) from None
        if done.returncode or not all("BEGIN SSH SIGNATURE" in text for text in made):
            raise self._refusal(done.stderr)
        return made

    def public(self) -> str:
        """Return the public half, as an allowed-signers file names it."""
        beside = self._key.with_name(f"{self._key.name}.pub")
        for path in (beside, self._key):
            try:
                words = path.read_text("ascii").split()
            except (OSError, ValueError):
                continue
            if len(words) > 1 and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                return f"{words[0]} {words[1]}"
        done = _keygen(["-y", "-f", str(self._key)], b"")
        if done.returncode:
            raise self._refusal(done.stderr)
        return " ".join(done.stdout.decode("ascii", "replace").split()[:2])

    def _refusal(self, said: bytes) -> SourceError:
        why = " ".join(said.decode("utf-8", "replace").split())[:300]
        return SourceError(
            f"the journal cannot be signed with {self._key}",
            why=why or "ssh-keygen refused",
            fix="name a key without a passphrase, or one that ssh-agent holds, in fleet.yaml",
        )


class Signers:
    """Knows whose signatures count: lines of an allowed-signers file for `novaorch`."""

    def __init__(self, lines: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="novaorch-")
        self._allowed = Path(self._folder.name, "allowed")
        self._signature = Path(self._folder.name, "signature")
        self._allowed.write_text(lines)

    def trust(self, payload: bytes, signature: str) -> bool:
        """Return whether one of them made this signature of this content."""
        self._signature.write_text(signature + "\n")
        words = ["-Y", "verify", "-n", "git", "-I", WHO, "-f", str(self._allowed)]
        done = _keygen([*words, "-s", str(self._signature)], payload)
        return done.returncode == 0

    def close(self) -> None:
        """Take the files away."""
        self._folder.cleanup()


def _quick_folder() -> str | None:
    """Return a folder in memory for files that live for a moment; None where there is none.

    On some disks it takes longer to make a file than to sign what is in it.
    """
    # What is made below is a folder for us alone.
    for folder in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def _keygen(words: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["ssh-keygen", *words],
            input=given,
            capture_output=True,
            env=environ,
            timeout=TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SourceError(
            "ssh-keygen was not found",
            why="fleet.yaml asks for a signed journal, and PATH holds no ssh-keygen",
            fix="install OpenSSH, or take the journal's key out of fleet.yaml",
        ) from None
    except subprocess.TimeoutExpired:
        raise BlindError("ssh-keygen did not answer", fix="try it by hand") from None


def split(commit: bytes) -> tuple[bytes, str]:
    """Return a commit's content without its signature, and the signature ('': none)."""
    head, gap, message = commit.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name in (b"gpgsig", b"gpgsig-sha256"):
            inside = True
            signature.append(value)
        elif inside and line.startswith(b" "):
            signature.append(line[1:])
        else:
            inside = False
            kept.append(line)
    return b"\n".join(kept) + gap + message, b"\n".join(signature).decode("ascii", "replace")


def sealed(payload: bytes, signature: str, object_format: str) -> bytes:
    """Return a commit's content with its signature where git looks for it."""
    name = "gpgsig" if object_format == "sha1" else "gpgsig-sha256"
    head, gap, message = payload.partition(b"\n\n")
    return head + f"\n{name} ".encode() + signature.replace("\n", "\n ").encode() + gap + message
