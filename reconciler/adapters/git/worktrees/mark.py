"""Our mark on a work tree: `novaorch.json` in its git admin folder, and what it says.

Never believed further than its own words: who finds no whole mark finds none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from reconciler.adapters.git.raw import plainfiles
from reconciler.model.ids import Json, UnitId
from reconciler.model.unit import Workspace

NAME = "novaorch.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a work tree is, and what was applied to it last. Without a digest: not finished."""

    fleet: str
    unit: UnitId
    path: str
    digest: str = ""
    protect: bool = False
    applied: dict[str, Json] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return it as it is written."""
        said = {
            "fleet": self.fleet,
            "unit": str(self.unit),
            "path": self.path,
            "digest": self.digest,
            "protect": self.protect,
            "applied": self.applied,
        }
        return json.dumps(said, indent=1, sort_keys=True).encode("utf-8", "surrogatepass") + b"\n"


def begun(fleet: str, workspace: Workspace) -> Mark:
    """Return the mark of a tree that is being made."""
    return Mark(fleet, workspace.id, workspace.path)


def whole(fleet: str, workspace: Workspace) -> Mark:
    """Return the mark of a tree that is as `workspace` wants it."""
    applied = {one.name: one.value for one in workspace.fields}
    return Mark(fleet, workspace.id, workspace.path, workspace.digest, workspace.protect, applied)


def read(admin: Path) -> Mark | None:
    """Return the mark in an admin folder, None when there is none that can be understood."""
    try:
        body = plainfiles.read(admin / NAME)
        said = json.loads(body) if body else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    words = [said.get(name) for name in ("fleet", "unit", "path", "digest")]
    if not all(isinstance(word, str) for word in words) or str(words[1]).count("/") < 2:
        return None
    fleet, unit, path, digest = cast("list[str]", words)
    applied = said.get("applied")
    return Mark(
        fleet,
        UnitId(unit),
        path,
        digest,
        said.get("protect") is True,
        applied if isinstance(applied, dict) else {},
    )


def write(admin: Path, mark: Mark) -> None:
    """Write the mark, whole or not at all. OSError: it cannot be."""
    plainfiles.put(admin / NAME, mark.body())
