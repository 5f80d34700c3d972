"""Where a line comes from: the commit, the agent and its turn, what was asked, who wanted it so."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.training import Noted


class Standing(enum.StrEnum):
    """How sure it is that an agent wrote something.

    `verified`: signed with the fleet's key. `recorded`: there is no such key, and the commit is in
    novaorch's own record of the run. `claimed`: the commit says so itself, and nothing else does.
    `person`: no agent is named at all. `uncommitted`: nobody has committed it yet.
    """

    VERIFIED = "verified"
    RECORDED = "recorded"
    CLAIMED = "claimed"
    PERSON = "person"
    UNCOMMITTED = "uncommitted"


class SealState(enum.StrEnum):
    """What is known of a signature. `unknown-key`: good or not, nobody here knows whose it is."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN_KEY = "unknown-key"
    UNSIGNED = "unsigned"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Seal:
    """A commit's signature: whose key it is (`by`), its fingerprint, and why it does not count."""

    state: SealState = SealState.UNSIGNED
    by: str = ""
    key: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """A commit in words, safe to print. `at` is the epoch second of its author's hour.

    `missing`: only its id is known, since it is not in the repository that was looked at.
    """

    oid: str
    author: str = ""
    committer: str = ""
    at: float = 0.0
    subject: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an agent was asked. `text` is an excerpt without secrets, '' when `absent` says why."""

    hash: str = ""
    text: str = ""
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Lines that one commit wrote: `count` lines from `first` on, from `origin` on in its `path`.

    Lines count from 1. `path` may hold bytes that are no text, as surrogates.
    """

    first: int
    count: int
    commit: str
    path: str
    origin: int

    @property
    def end(self) -> int:
        """The first line that is not in it."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Hunk:
    """Where two texts differ: `old_count` lines from `old` on became `new_count` from `new` on."""

    old: int
    old_count: int
    new: int
    new_count: int


@dataclass(frozen=True, slots=True)
class Landing:
    """How a run came into a branch: the verdict on it. `by` is who said so, `at` when."""

    verdict: str
    target: str = ""
    result: str = ""
    by: str = ""
    why: str = ""
    gate: str = ""
    at: float = 0.0
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What desired state had to do with it, as far as the fleet's repository could be read.

    `followed` is the commit that was followed then, `placed` the one by which the agent came to
    be, `changed` the one that last changed it before that, `path` its manifest; `charter` the
    commit that last changed its project's charter. `absent` says why there is nothing more.
    """

    repository: str = ""
    followed: Deed | None = None
    placed: Deed | None = None
    changed: Deed | None = None
    charter: Deed | None = None
    path: str = ""
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of a commit as the origin of lines.

    `deed` is the commit that git names; `work` the one in which the agent did it: the same, or the
    one in its run that was squashed or copied into it. `notes` are for people.
    """

    deed: Deed
    work: Deed
    standing: Standing
    seal: Seal = Seal()
    noted: Noted | None = None
    prompt: Prompt | None = None
    landing: Landing | None = None
    wish: Wish | None = None
    doubt: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line and its story. `line` is its number where it was asked for, `at` that in `rev`.

    `text` is what it says, safe to print and cut short. Without a story nobody has committed it.
    `origin` and `origin_path` are where it stands in the commit that git names.
    """

    path: str
    line: int
    rev: str
    text: str
    at: int = 0
    origin: int = 0
    origin_path: str = ""
    story: Story | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A few lines with one story, as `blame` shows them. `texts` are safe to print."""

    first: int
    texts: tuple[str, ...]
    story: Story
    origin: int = 0
    extra: dict[str, str] = field(default_factory=dict)
