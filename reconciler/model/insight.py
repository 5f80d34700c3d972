"""What agents tell each other without writing to anybody: insights, and a line about themselves."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class Insight:
    """One thing that is worth knowing. `id` names its content: the same said twice is one.

    `author` is who said it first, `at` the epoch second of that; `labels` are words of its own.
    """

    id: str
    author: UnitId
    at: float
    text: str
    labels: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        return {
            "id": self.id,
            "author": str(self.author),
            "at": self.at,
            "text": self.text,
            "labels": list(self.labels),
        }


@dataclass(frozen=True, slots=True)
class StatusLine:
    """What an agent says that it does, and the epoch second at which it said so. Its own word,
    never taken for evidence."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change to desired state that an agent would like: one file. `path` is below the folder.

    `content` None takes the file away. `number` continues a proposal of the same agent, 0 begins
    one. `title` is one line; `why` is for whoever decides.
    """

    author: UnitId
    path: str
    content: str | None
    title: str
    why: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Proposed:
    """Where a proposal lies: a branch that nothing follows, and its newest commit."""

    branch: str
    commit: str
    number: int
    base: str
