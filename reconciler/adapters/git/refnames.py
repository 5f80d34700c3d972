"""How refs of ours are called. Imports nothing heavy."""

from __future__ import annotations

import re

from reconciler.model.ids import digest

_PLAIN = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)


def own_ref(kind: str, host: str) -> str:
    """Return the full name of one of our refs on a host; two hosts never share one."""
    word = host.lower()
    if not _PLAIN.fullmatch(word) or ".." in word or word.endswith(".lock"):
        plain = re.sub(r"[^a-z0-9-]+", "-", word).strip("-")[:40] or "host"
        word = f"{plain}-{digest(host.lower())}"
    return f"refs/novaorch/{kind}/{word}"
