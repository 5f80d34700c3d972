"""A commit object taken apart: what was signed, and the signature. An SSH signature, likewise.

Never touches a repository and never says whether a signature is good: bytes in, values out. What
is malformed is a ValueError.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from reconciler.adapters.git.formats import parse_commit

_HEADERS = {"sha1": b"gpgsig", "sha256": b"gpgsig-sha256"}
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, by which signature (b'': none), at which epoch second."""

    payload: bytes
    signature: bytes
    hour: float

    @property
    def kind(self) -> str:
        """`ssh`, `gpg`, '' when it is not signed, or `other`."""
        if not self.signature:
            return ""
        for head, kind in ((b"-----BEGIN SSH SIG", "ssh"), (b"-----BEGIN PGP ", "gpg")):
            if self.signature.startswith(head):
                return kind
        return "other"


@dataclass(frozen=True, slots=True)
class SshSignature:
    """An SSH signature: the key that made it, and for what use."""

    key: bytes
    namespace: str
    blob: bytes

    def armoured(self) -> bytes:
        """Return it in the one form that `ssh-keygen` reads, written by us and not by others."""
        text = base64.b64encode(self.blob)
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return b"\n".join([_BEGIN, *lines, _END, b""])


def take_apart(oid: str, body: bytes, object_format: str) -> Signed:
    """Return the signed content of a commit object, as git itself cuts it out, and its signature.

    Two signatures in one commit are a ValueError: nobody could say which one was meant.
    """
    wanted = _HEADERS[object_format]
    head, gap, message = body.partition(b"\n\n")
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    inside: list[bytes] | None = None
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if inside is not None and line.startswith(b" "):
            inside.append(line[1:])
        elif name in _HEADERS.values():
            inside = [value]
            if name == wanted:
                signatures.append(inside)
        else:
            inside = None
            kept.append(line)
    if len(signatures) > 1:
        raise ValueError("it holds more than one signature")
    signature = b"\n".join([*signatures[0], b""]) if signatures else b""
    return Signed(b"\n".join(kept) + gap + message, signature, parse_commit(oid, body).committed)


def read_ssh(signature: bytes) -> SshSignature:
    """Return what an armoured SSH signature holds."""
    lines = signature.strip().split(b"\n")
    if lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError("it is cut short")
    try:
        blob = base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
    if not blob.startswith(_MAGIC + b"\0\0\0\1"):
        raise ValueError("it is of an unknown version")
    fields, at = [], len(_MAGIC) + 4
    for _ in ("key", "namespace", "reserved", "hash", "signature"):
        size = int.from_bytes(blob[at : at + 4], "big")
        field = blob[at + 4 : at + 4 + size]
        if len(field) != size:
            raise ValueError("it is cut short")
        fields.append(field)
        at += 4 + size
    if at != len(blob):
        raise ValueError("something follows it")
    return SshSignature(fields[0], fields[1].decode("utf-8", "replace"), blob)


def ssh_key(text: str) -> bytes:
    """Return the key of a line `type base64 [comment]`."""
    parts = text.split()
    try:
        key = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, IndexError, ValueError) as error:
        raise ValueError("it is no SSH key") from error
    if not key.startswith(len(parts[0]).to_bytes(4, "big") + parts[0].encode()):
        raise ValueError("it is no SSH key of that type")
    return key


def key_line(key: bytes) -> str:
    """Return a key as `type base64`."""
    kind = key[4 : 4 + int.from_bytes(key[:4], "big")].decode("ascii", "replace")
    return f"{kind} {base64.b64encode(key).decode('ascii')}"


def fingerprint(key: bytes) -> str:
    """Return the name of an SSH key, as `ssh-keygen -l` shows it."""
    found = base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{found}"
