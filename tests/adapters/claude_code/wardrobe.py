"""An outfitter of one's own: a home, a state folder, a clock that stands, counted tokens."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.adapters.claude_code import Outfits
from reconciler.model.agent import Outfit, Persona
from reconciler.model.unit import Launch

FLEET, UNIT = "demo", "web/agent/torch"
GATE = "http://127.0.0.1:4711"


def program(folder: Path, version: str = "2.1.330", name: str = "claude") -> Path:
    """Write a program that says its version, and counts how often it was asked."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\necho x >> "$0.asked"\necho "{version} (Claude Code)"\n')
    path.chmod(0o755)
    return path


def begin(folder: Path, conversation: str) -> None:
    """Leave the note that a life's first hook leaves."""
    (folder / "began.json").write_text(json.dumps({"session_id": conversation, "source": "x"}))


def tree(folder: Path) -> dict[str, int]:
    """Return every file and folder with its permissions."""
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


@dataclass
class Wardrobe:
    """Everything that an outfitter touches, below one folder."""

    root: Path
    now: float = 1_800_000_000.0
    minted: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    charter: str = "# Torch\n\nKeep it lit.\n"

    def __post_init__(self) -> None:
        (self.root / "home").mkdir()
        (self.root / "work").mkdir()
        program(self.root / "bin")
        self.environ = {"HOME": str(self.root / "home"), "PATH": f"{self.root}/bin:/usr/bin:/bin"}
        self.outfits = Outfits(
            fleet=FLEET,
            folder=self.folder,
            mint=self._mint,
            gate=lambda: GATE,
            charter=lambda project: self.charter if project == "web" else "",
            reveal=self.secrets.__getitem__,
            environ=self.environ,
            say=self.said.append,
            now=lambda: self.now,
        )

    def folder(self, unit: str = UNIT) -> Path:
        project, _, name = unit.split("/")
        return self.root / "state" / "agents" / project / name

    def _mint(self, unit: str) -> str:
        self.minted.append(unit)
        return f"token-{len(self.minted)}"

    def dress(self, unit: str = UNIT, launch: Launch | None = None, **persona: Any) -> Outfit:
        """Outfit an agent ten seconds after the last one."""
        self.now += 10
        return self.outfits.outfit(unit, launch or self.launch(**persona))

    def launch(self, **persona: Any) -> Launch:
        told = Persona(**({"runtime": "claude-code"} | persona))
        return Launch(("claude",), str(self.root / "work"), persona=told)

    def talk(self, conversation: str, *lines: dict[str, object]) -> Path:
        """Write a transcript with at least one word in it."""
        home = self.root / "home" / ".claude" / "projects"
        slug = "".join(c if c.isalnum() else "-" for c in str((self.root / "work").resolve()))
        path = home / slug / f"{conversation}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = lines or ({"type": "user", "message": {"role": "user", "content": "hello"}},)
        with path.open("a") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in told)
        return path

    def json(self, name: str, unit: str = UNIT) -> Any:
        return json.loads((self.folder(unit) / name).read_text())


def after(argv: tuple[str, ...], flag: str) -> str:
    """Return the word behind a flag."""
    return argv[argv.index(flag) + 1]


def env(outfit: Outfit) -> dict[str, str]:
    return dict(outfit.env)
