"""One training run as a report tells it: its turns with their diffs, the verdict, the sums."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.provenance import Landing, Story


@dataclass(frozen=True, slots=True)
class FilePart:
    """What a turn did to one file. Lines are safe to print; -1 added: it is no text.

    `left_out` is how many lines of the diff are not here; `before` its name before, if another.
    """

    path: str
    added: int
    deleted: int
    lines: tuple[str, ...] = ()
    left_out: int = 0
    before: str = ""


@dataclass(frozen=True, slots=True)
class TurnPart:
    """One commit of a run. `body` is its message without subject and trailers; `held_back` is
    what was not committed; `left_out` says why a diff is missing altogether."""

    story: Story
    body: str = ""
    held_back: tuple[str, ...] = ()
    files: tuple[FilePart, ...] = ()
    left_out: str = ""

    @property
    def added(self) -> int:
        """How many lines came."""
        return sum(max(0, file.added) for file in self.files)

    @property
    def deleted(self) -> int:
        """How many lines went."""
        return sum(max(0, file.deleted) for file in self.files)


@dataclass(frozen=True, slots=True)
class Report:
    """A run, told from its beginning. Ids are full, hours are epoch seconds, '' and 0: unknown.

    `state` is how it stands, `gate_tail` the last words of the gate, `untold` how many commits
    came before those that are here.
    """

    name: str
    agent: str
    state: str
    target: str
    base: str
    tip: str
    turns: tuple[TurnPart, ...]
    landing: Landing | None = None
    gate_tail: str = ""
    untold: int = 0

    @property
    def files(self) -> int:
        """How many files were touched at all."""
        return len({file.path for turn in self.turns for file in turn.files})

    @property
    def began(self) -> float:
        """The hour of its first commit."""
        return self.turns[0].story.work.at if self.turns else 0.0

    @property
    def ended(self) -> float:
        """The hour of its last commit."""
        return self.turns[-1].story.work.at if self.turns else 0.0
