"""Under which id a unit talks to a model: the same one in each of its lives. Pure."""

from __future__ import annotations

import hashlib

_URLS = bytes.fromhex("6ba7b8119dad11d180b400c04fd430c8")
"""The name space of RFC 9562 for what is named by a URL."""


def conversation(fleet: str, unit: str) -> str:
    """Return the id, a UUID made of the names alone: it is the same on this server and any later
    one."""
    mark = bytearray(hashlib.sha1(_URLS + f"novaorch:{fleet}/{unit}".encode()).digest()[:16])  # noqa: S324
    mark[6] = mark[6] & 0x0F | 0x50
    mark[8] = mark[8] & 0x3F | 0x80
    word = mark.hex()
    return f"{word[:8]}-{word[8:12]}-{word[12:16]}-{word[16:20]}-{word[20:]}"
