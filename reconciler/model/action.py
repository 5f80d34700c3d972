"""What is to be done and why: a plan is data, and a step not taken is also said."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.model.ids import Json, UnitId
from reconciler.model.step import Step
from reconciler.model.unit import Disruption, Source


class Verb(enum.StrEnum):
    """What happens to a unit."""

    START = "start"
    UPDATE = "update"
    RESTART = "restart"
    STOP = "stop"
    ADOPT = "adopt"
    HOLD = "hold"


class Reason(enum.StrEnum):
    """Why; a closed list for code. Prose for people is in `Action.detail`."""

    ABSENT = "absent"
    CHANGED = "changed"
    EXITED = "exited"
    REMOVED = "removed"
    STOPPED_BY_WISH = "stopped-by-wish"
    DRAINED = "drained"
    DRAIN_OVERDUE = "drain-overdue"
    MISPLACED = "misplaced"
    LEFTOVER = "leftover"
    EDITED = "edited-by-hand"
    FINISHED = "run-finished"
    # holds
    BROKEN = "broken-manifest"
    UNSETTLED = "tree-has-errors"
    CONFLICT = "name-taken"
    TOO_MANY_STOPS = "too-many-stops"
    PROJECT_GONE = "project-gone"
    EMPTY = "nothing-desired"
    BACKING_OFF = "backing-off"
    DRAINING = "draining"
    DEPENDENCY = "dependency-not-ready"
    CANNOT_START = "cannot-start"
    CRASHED = "crashed"
    CRASH_LOOP = "crash-loop"
    STORM = "many-fell-at-once"
    ABSENCE = "absent-for-a-moment"
    PROTECTED = "protected"
    ENGAGED = "engaged"
    SUSPENDED = "suspended"
    NO_LEASE = "lease-not-confirmed"
    WITHHELD = "commit-withheld"
    WINDOW_CLOSED = "window-closed"
    NO_CAPACITY = "account-closed"
    UNSAVED = "unsaved-work"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `applied` and `live` are None when unknown."""

    field: str
    wanted: Json
    applied: Json
    disruption: Disruption


@dataclass(frozen=True, slots=True)
class Expect:
    """What must still be true of one pane at the moment of acting, checked by the host itself.

    Pane ids are never used twice by one server, so id, pid, deadness and mark say: this very
    process, as it was seen. An empty `unit` says: a pane without a mark of ours. `digest` is what
    was applied last by its mark, '' for whatever was: who thinks it is something else would restart
    what is right by now.
    """

    pane_id: str
    pid: int
    dead: bool
    unit: UnitId
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One unit's next move, so specific that whoever carries it out has no choice left.

    `wanted` is the digest of the unit that is wished for, '' when it is to go.
    `until` is the epoch second at which a hold ends by itself (0: it does not).
    `fix` is the exact command, or advice, that lifts a hold.
    `continues` marks a move that finishes what an earlier plan began (a drain).
    """

    verb: Verb
    unit: UnitId
    reason: Reason
    wanted: str = ""
    detail: str = ""
    source: Source | None = None
    changes: tuple[Change, ...] = ()
    expects: tuple[Expect, ...] = ()
    steps: tuple[Step, ...] = ()
    needs: tuple[UnitId, ...] = ()
    until: int = 0
    fix: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one pass will do, in order. `id` names commit tree, actions and expectations."""

    id: str
    commit: str
    tree: str
    actions: tuple[Action, ...]
    notices: tuple[str, ...] = ()

    @property
    def moves(self) -> tuple[Action, ...]:
        """The actions that touch something."""
        return tuple(a for a in self.actions if a.verb is not Verb.HOLD)

    @property
    def holds(self) -> tuple[Action, ...]:
        """The steps not taken."""
        return tuple(a for a in self.actions if a.verb is Verb.HOLD)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one action went. `error` is '' on success; `stale` when the world had moved on."""

    action: Action
    error: str = ""
    fix: str = ""
    stale: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return not self.error
