"""What people told the controller beside the wish: suspensions, quarantine, a canary on its way.

Kept in git, so each word has an author and a past. All hours are epoch seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.capacity import Account
from reconciler.model.ids import UnitId


class Withholding(enum.StrEnum):
    """Why a commit is not followed."""

    REWOUND = "rewound"
    UNVERIFIED = "unverified"
    QUARANTINED = "quarantined"
    WINDOW = "window-closed"
    CANARY = "canary"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A commit that is not followed, and why; what it asks for is left undone.

    `until` is the hour at which this ends by itself, 0 when it does not. `fix` is the exact command
    that lifts it.
    """

    commit: str
    why: Withholding
    detail: str
    fix: str = ""
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Suspension:
    """Nothing is done to `scope` until the hour `until`, because of `reason`.

    `scope` is a unit id, a project, or '' for the whole fleet.
    """

    scope: str
    reason: str
    by: str
    since: float
    until: float

    def covers(self, unit: UnitId, now: float) -> bool:
        """Whether this keeps hands off a unit at this hour. A Session covers its own panes, and an
        agent its work tree."""
        if now >= self.until:
            return False
        if self.scope in ("", unit) or unit.startswith(f"{self.scope}/"):
            return True
        agent = UnitId.of(unit.project, "agent", unit.name) if unit.kind == "workspace" else ""
        return self.scope == agent


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A commit that was rolled back. Its very content (`tree`) is not followed again."""

    commit: str
    tree: str
    reason: str
    by: str
    since: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A commit on trial: `units` run what it asks for, all others what `base` asked for.

    `began` is the hour of its start. `tree` is the content on trial: another commit that asks for
    the same goes on with it.
    """

    commit: str
    base: str
    units: tuple[UnitId, ...]
    began: float
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Controls:
    """Everything that was said, as of one hour. `accepted` is the commit followed last, '' if none.

    `version` names this state: a change of it is refused when another came first.
    """

    accepted: str = ""
    suspensions: tuple[Suspension, ...] = ()
    quarantined: tuple[Quarantine, ...] = ()
    trial: Trial | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person said on the command line: the word that lifts a guard, and that nobody's
    presence is to be waited for (`now`)."""

    word: str = ""
    now: bool = False


@dataclass(frozen=True, slots=True)
class Restraints:
    """What keeps moves from being made, beside the wish and the world.

    `leased` says that no other controller can be at work; `overrun` that what a commit asks for may
    be done at this hour, and otherwise `opens` when that is over, 0 if nobody knows. `accounts` are
    the model accounts that do not let everything through.
    """

    suspensions: tuple[Suspension, ...] = ()
    leased: bool = True
    overrun: bool = True
    opens: float = 0.0
    accounts: Mapping[str, Account] = field(default_factory=dict)


FREE, SILENT = Restraints(), Consent()
"""Nothing holds a move back; nobody said anything."""
