"""What a person wrote, once it has passed the door: plain data with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit: its path below `desired-state/`, its git blob id, its git mode."""

    path: str
    oid: str
    mode: str = "100644"
    size: int = 0


@dataclass(frozen=True, slots=True)
class Tree:
    """Every entry below `desired-state/` at one revision.

    `commit` is the full id, or a word such as `worktree` or `staged` when the files are not
    committed. `oid` names the content: equal ids mean equal files. `committed` is the committer's
    epoch second, 0 when there is none.
    """

    commit: str
    oid: str
    blobs: tuple[Blob, ...]
    author: str = ""
    subject: str = ""
    exists: bool = True
    committed: float = 0.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that passed its schema: defaults filled in, every value plain JSON.

    `lines` maps a dotted field (`spec.command`) to its 1-based (line, column). `id` is the unit
    that the manifest names.
    """

    path: str
    oid: str
    kind: str
    project: str
    name: str
    labels: Mapping[str, str]
    spec: Mapping[str, Json]
    lines: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    id: UnitId = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", UnitId.of(self.project, self.kind.lower(), self.name))

    def place(self, name: str) -> tuple[int, int]:
        """Return where `name` stands, or the nearest field above it, or (0, 0)."""
        while name:
            if name in self.lines:
                return self.lines[name]
            name = name.rpartition(".")[0]
        return self.lines.get("", (0, 0))
