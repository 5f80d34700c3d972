"""Public keys as people paste them: is it one, of a kind that may be trusted, and whole.

Looks at shape only: whose key it is, and what it signed, is git's business. Shows no key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

SSH_KINDS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_PUBLIC_KEY_PACKET = 6


def is_private(text: str) -> bool:
    """Whether somebody pasted what must never be shown to anyone."""
    return "PRIVATE KEY" in text


def ssh_fault(text: str) -> str:
    """Return what is wrong with `TYPE BASE64 [COMMENT]`, '' when nothing is."""
    words = text.split(" ", 2)
    if not text.isprintable() or len(words) < 2:
        return "it is not one line of a type and a key"
    if words[0] not in SSH_KINDS:
        return "it does not start with a type of key that is known"
    blob = _decoded(words[1])
    if blob is None:
        return "what follows its type is not base64"
    parts = _parts(blob)
    if not parts or parts[0] != words[0].encode():
        return "the key itself is of another type, or cut short"
    return _material_fault(words[0], parts[1:])


def ssh_key(text: str) -> str:
    """Return a key that has no fault without its comment: `TYPE BASE64`."""
    return " ".join(text.split(" ", 2)[:2])


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _parts(blob: bytes) -> list[bytes]:
    """Return the strings that a key is made of, none when their lengths do not add up."""
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob) or len(found) > 5:
            return []
        found.append(blob[at + 4 : end])
        at = end
    return found


def _material_fault(kind: str, parts: list[bytes]) -> str:
    sizes = [len(part) for part in parts]
    if kind == "ssh-rsa":
        if len(parts) != 2:
            return "the key is not whole"
        bits = int.from_bytes(parts[1], "big").bit_length()
        return "" if 2048 <= bits <= 16384 else f"it has {bits} bits; 2048 to 16384 are safe"
    wanted = 2 if "ecdsa" in kind else 1
    if len(parts) != wanted + kind.startswith("sk-"):
        return "the key is not whole"
    if "ecdsa" not in kind:
        return "" if sizes[0] == 32 else "the key is not whole"
    curve = kind.partition("@")[0].rpartition("-")[2]
    whole = parts[0] == curve.encode() and sizes[1] == _POINTS[curve] and parts[1][:1] == b"\x04"
    return "" if whole else "the key is not whole"


def gpg_fault(text: str) -> str:
    """Return what is wrong with an armoured OpenPGP public key, '' when nothing is."""
    lines = [line.rstrip() for line in text.strip().split("\n")]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END or lines.count(_BEGIN) > 1:
        return f"it does not start with {_BEGIN} and end with {_END}"
    blob = _decoded("".join(_body(lines[1:-1])))
    if not blob:
        return "what stands between is not base64"
    first = blob[0]
    tag = first & 0x3F if first & 0x40 else (first & 0x3C) >> 2
    if not first & 0x80 or tag != _PUBLIC_KEY_PACKET:
        return "it holds no public key"
    return ""


def _body(lines: list[str]) -> Iterator[str]:
    """Yield the lines of base64: without the headers above, and the check sum below."""
    if "" in lines:
        lines = lines[lines.index("") + 1 :]
    for line in lines:
        if line and not re.match("=[A-Za-z0-9+/]{4}$", line):
            yield line
