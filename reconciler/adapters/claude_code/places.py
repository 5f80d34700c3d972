"""Where Claude Code keeps its own files, for one agent's environment. Writes none of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.claude_code import files

SLUG_MAX = 200
"""A longer path gets a mark of its own behind so many characters."""
_OTHER = re.compile(r"[^a-zA-Z0-9]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of transcripts and sessions, and the file of what was accepted once for all."""

    folder: Path
    config: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Home:
        """Return the places that hold with an environment."""
        home = Path(environ.get("HOME") or "/")
        named = environ.get("CLAUDE_CONFIG_DIR")
        if named:
            return cls(Path(named), Path(named) / ".claude.json")
        return cls(home / ".claude", home / ".claude.json")

    @classmethod
    def kept(cls, folder: Path, environ: Mapping[str, str]) -> Home:
        """Return the places that an agent was started with; `folder` has its own files."""
        named = files.read_json(folder / "home.json").get("folder")
        if isinstance(named, str) and named.startswith("/"):
            return cls(Path(named), Path(named) / ".claude.json")
        return cls.of(environ)

    def keep(self, folder: Path) -> None:
        """Remember these places among an agent's own files."""
        files.write_json(folder / "home.json", {"folder": str(self.folder)})

    def conversations(self, directory: str) -> Path:
        """Return the folder of transcripts of what runs in a directory."""
        return self.folder / "projects" / slug(os.path.realpath(directory))

    def transcript(self, directory: str, conversation: str) -> Path:
        """Return the file of one conversation."""
        return self.conversations(directory) / f"{conversation}.jsonl"

    def session(self, pid: int) -> Path:
        """Return the file in which a running process says what it does."""
        return self.folder / "sessions" / f"{pid}.json"


def slug(directory: str) -> str:
    """Return how a directory's folder of transcripts is called."""
    # Counted as JavaScript does: a character beyond the first plane is two.
    units = directory.encode("utf-16-le", "surrogatepass")
    text = _OTHER.sub(lambda found: "-" * (1 + (found[0] > "\uffff")), directory)
    if len(text) <= SLUG_MAX:
        return text
    return f"{text[:SLUG_MAX]}-{_base36(abs(_mark(units)))}"


def is_conversation(text: object) -> bool:
    """Whether a text can be the id of a conversation, and so the name of a file."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def _mark(units: bytes) -> int:
    """Return the 32-bit mark that its names have."""
    mark = 0
    for at in range(0, len(units), 2):
        mark = (mark * 31 + int.from_bytes(units[at : at + 2], "little")) & 0xFFFFFFFF
    return mark - (1 << 32) if mark & 0x80000000 else mark


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text or "0"
