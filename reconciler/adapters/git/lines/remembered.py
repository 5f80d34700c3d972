"""What is remembered between two asks: small files in a folder of ours. Losing them loses nothing.

Never fails: what cannot be read is not known, what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

FILES_MAX = 400
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def recall(path: Path) -> bytes:
    """Return what is in a file, b'' for nothing."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def remember(path: Path, body: bytes) -> None:
    """Write a file, whole; the oldest of its kind go when there are very many."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda one: one.stat().st_mtime)
        for old in kept[: max(0, len(kept) - FILES_MAX)]:
            old.unlink()
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_bytes(body)
        draft.replace(path)


def word(*parts: str) -> str:
    """Return a name for a file that stands for these words."""
    raw = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(raw).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class ManifestMemory:
    """The commits that changed a manifest last and first, seen from a commit: always the same."""

    folder: Path

    def load(self, commit: str, path: str) -> list[str]:
        """Return what is remembered, [] for nothing."""
        oids = recall(self._file(commit, path)).decode("ascii", "replace").split()
        return oids if len(oids) == 2 and all(_ID.fullmatch(oid) for oid in oids) else []

    def save(self, commit: str, path: str, oids: list[str]) -> None:
        """Remember the last and the first of a manifest's commits, newest first."""
        if oids:
            remember(self._file(commit, path), f"{oids[0]} {oids[-1]}".encode())

    def _file(self, commit: str, path: str) -> Path:
        return self.folder / f"{word(commit, path)}.manifest"
