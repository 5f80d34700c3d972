"""A place elsewhere with which a fleet's repository shares its wishes and its work."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Remote:
    """What `fleet.yaml` says of the remote. Times in seconds.

    `url` holds no secret. `protocols` may be spoken, and no other. `credentials` is a reference
    (`env:NAME`, `file:/path`) to a token for https, `key` the path of an SSH key; '' for what ssh
    itself finds. `push` has `training` and/or `desired`. `webhook` is a reference to the secret
    with which a nudge must be signed, '' for no such door.
    """

    url: str
    branch: str = "main"
    interval_s: float = 30.0
    protocols: tuple[str, ...] = ("https", "ssh")
    credentials: str = ""
    key: str = ""
    push: tuple[str, ...] = ("training",)
    webhook: str = ""


class Relation(enum.StrEnum):
    """How the commit here stands to the one that was fetched."""

    NONE = "none"
    SAME = "same"
    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tips:
    """The commit of the branch here and that of the branch there, as it was fetched last.

    `theirs` is '' before anything was fetched. `doubt` says why their relation is unknown.
    """

    ours: str = ""
    theirs: str = ""
    relation: Relation = Relation.NONE
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought: the branch's commit there, and the one that was known `before`.

    `lost` is that one when the branch there does not contain it any more: it was set back, or
    rewritten by force.
    """

    tip: str
    before: str = ""
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A commit for a ref of the remote; both by their full names."""

    commit: str
    ref: str


class Answer(enum.StrEnum):
    """What became of an offer."""

    NEW = "new"
    MOVED = "moved"
    SAME = "same"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a remote answered to an offer; `why` and `fix` when it was rejected."""

    offer: Offer
    answer: Answer
    why: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Whether the remote has the commit at that ref now."""
        return self.answer is not Answer.REJECTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ref that a remote does not take at this commit; `at` is the epoch second it said so."""

    ref: str
    commit: str
    why: str
    fix: str
    at: float


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What is known of speaking with a remote. All hours are epoch seconds, 0 for never.

    `fetched` is the hour of the last fetch that went well, `since` when fetches began to fail,
    `trouble` why, and `fix` how to mend it. `next` is the hour of the next try. `ahead` and
    `behind` count commits between the branch here and there. `held` says why the branch is not
    pushed. `pushed` is the hour of the last push that went well.
    """

    url: str = ""
    branch: str = ""
    tip: str = ""
    fetched: float = 0.0
    since: float = 0.0
    failures: int = 0
    trouble: str = ""
    fix: str = ""
    next: float = 0.0
    ahead: int = 0
    behind: int = 0
    pushed: float = 0.0
    push_trouble: str = ""
    held: str = ""
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a remote since the process began, by result; `took_s` is how long the
    last fetch took."""

    fetches: Mapping[str, int] = field(default_factory=dict)
    pushes: Mapping[str, int] = field(default_factory=dict)
    took_s: float = 0.0
