"""What an import gives back: a manifest, and a note for everything that came along otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.kinds.names import visible
from reconciler.model.ids import Json

Manifest = dict[str, Json]


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One thing to know. `lost` says that it was left out, not only said in another way."""

    path: str
    line: int
    what: str
    lost: bool = False

    @property
    def text(self) -> str:
        """Return `file:line: what`, safe to print."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{visible(place)}: {visible(self.what)}"


@dataclass(frozen=True, slots=True)
class Imported:
    """A manifest in plain data, and its notes from top to bottom. `name` is the unit's."""

    name: str
    manifest: Manifest
    notes: tuple[Note, ...]


@dataclass(slots=True)
class Notes:
    """Collects notes; the same thing at the same place is said once."""

    path: str
    found: dict[Note, None] = field(default_factory=dict)

    def lost(self, line: int, what: str) -> None:
        """Say that something is left out, and why."""
        self.found[Note(self.path, line, what, lost=True)] = None

    def changed(self, line: int, what: str) -> None:
        """Say that something is there, but not as it was."""
        self.found[Note(self.path, line, what)] = None

    def all(self) -> tuple[Note, ...]:
        """Return every note, by place."""
        return tuple(sorted(self.found))
