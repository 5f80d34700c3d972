"""`ssh-keygen` and `gpg`, which alone know whether a signature fits what was signed.

Both get a private folder with the principals' keys, an environment of a few lines, and nothing of
the user's or the repository's configuration. The folder is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.git.process import said
from reconciler.adapters.git.signed import SshSignature, key_line, ssh_key
from reconciler.model.fleet import Principal

TIMEOUT_S = 20.0
_OTHER_CONTENT = "its signature does not fit its content: it was made over something else"
_INSTALL = {
    "ssh-keygen": "install OpenSSH (apt-get install openssh-client)",
    "gpg": "install GnuPG (apt-get install gnupg)",
}


class UncheckedError(Exception):
    """Nobody could look at the signature this time; the text says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class OpenPgp:
    """What gpg said: the primary key, its owners' names, the hour of signing; `why` it is bad."""

    why: str
    key: str = ""
    owners: frozenset[str] = frozenset()
    hour: float = 0.0


@dataclass(slots=True)
class Checkers:
    """The two programs and their private folder, made when first used."""

    principals: Sequence[Principal]
    _folder: Path | None = None
    _owners: dict[str, set[str]] = field(default_factory=dict)

    def __enter__(self) -> Checkers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def ssh(self, payload: bytes, seen: SshSignature) -> str:
        """Return '' when this SSH signature is good and by a key that a principal has now."""
        folder = self._place()
        allowed, signature = folder / "allowed", folder / "signature"
        if not allowed.exists():
            _write(allowed, "".join(f'* namespaces="git" {k}\n' for k in self._lines(False)))
            _write(folder / "revoked", "".join(f"{k}\n" for k in self._lines(True)))
        signature.write_bytes(seen.armoured())
        words = ["-Y", "verify", "-q", "-n", "git", "-I", "principal"]
        files = ["-f", str(allowed), "-r", str(folder / "revoked"), "-s", str(signature)]
        done = self._run("ssh-keygen", [*words, *files], payload)
        if done.returncode == 0:
            return ""
        told = said((done.stderr + done.stdout).decode("utf-8", "replace"))
        # A key type that this ssh-keygen does not know (a hardware key, say) is another matter.
        return f"{_OTHER_CONTENT} (ssh-keygen: {told})" if told else _OTHER_CONTENT

    def gpg(self, payload: bytes, signature: bytes) -> OpenPgp:
        """Return what gpg says of an OpenPGP signature, with only the principals' keys at hand."""
        folder = self._place()
        if not (folder / "imported").exists():
            self._import()
        file = folder / "signature"
        file.write_bytes(signature)
        words = ["--status-fd", "1", "--verify", str(file), "-"]
        done = self._run("gpg", [*_GPG, *words], payload)
        return _understood(_status(done.stdout), self._owners)

    # -- inside ------------------------------------------------------------------------------

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="novaorch-keys-"))
        return self._folder

    def _lines(self, revoked: bool) -> list[str]:
        lines = []
        for text in (text for who in self.principals if who.revoked == revoked for text in who.ssh):
            with contextlib.suppress(ValueError):
                lines.append(key_line(ssh_key(text)))
        return lines

    def _import(self) -> None:
        """Import every principal's keys, and note whose they are."""
        for who in self.principals:
            if who.gpg:
                text = "\n".join(who.gpg).encode("utf-8", "replace")
                done = self._run("gpg", [*_GPG, "--status-fd", "1", "--import"], text)
                for words in _status(done.stdout).get("IMPORT_OK", ()):
                    self._owners.setdefault(words[-1], set()).add(who.name)
        _write(self._place() / "imported", "")

    def _run(
        self, program: str, words: list[str], given: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        found = shutil.which(program)
        if found is None:
            raise UncheckedError(
                f"{program}, which checks signatures, was not found: {_INSTALL[program]}"
            )
        place = str(self._place())
        environ = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": place,
            "GNUPGHOME": place,
        }
        try:
            return subprocess.run(
                [found, *words],
                input=given,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
                env=environ,
                cwd=place,
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UncheckedError(f"{program} could not check its signature: {error}") from error


# No agent, no network, no configuration file, no trust in anything but what was imported.
_GPG = (
    "--no-options", "--batch", "--no-tty", "--quiet", "--no-autostart", "--no-auto-key-retrieve",
    "--no-auto-check-trustdb", "--trust-model", "always", "--keyid-format", "long",
)  # fmt: skip


def _status(out: bytes) -> dict[str, list[list[str]]]:
    """Return gpg's status lines by keyword."""
    found: dict[str, list[list[str]]] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["[GNUPG:]"] and len(words) > 1:
            found.setdefault(words[1], []).append(words[2:])
    return found


_BAD = (
    ("BADSIG", _OTHER_CONTENT),
    ("REVKEYSIG", "its key was revoked by its owner"),
    ("EXPSIG", "its signature has expired"),
)


def _understood(status: Mapping[str, list[list[str]]], owners: Mapping[str, set[str]]) -> OpenPgp:
    for word, why in _BAD:
        if word in status:
            return OpenPgp(why)
    if "NO_PUBKEY" in status:
        key = status["NO_PUBKEY"][0][0]
        return OpenPgp(
            f"the key {key} is no principal's: it is not in fleet.yaml as it was followed last"
        )
    valid = status.get("VALIDSIG", [])
    good = "GOODSIG" in status or "EXPKEYSIG" in status
    if not good or len(valid) != 1 or len(valid[0]) < 10 or "ERRSIG" in status:
        return OpenPgp("its signature cannot be checked by gpg")
    primary, hour = valid[0][9], float(valid[0][2])
    ends = [float(words[0]) for words in status.get("KEYEXPIRED", ())]
    if "EXPKEYSIG" in status and not (ends and hour < min(ends)):
        return OpenPgp(f"the key {primary} had expired at the hour of signing")
    return OpenPgp("", primary, frozenset(owners.get(primary, ())), hour)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
