"""What we say of a unit: rebuilt from observation at every pass, never remembered."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.model.agent import AgentReport
from reconciler.model.control import Withheld
from reconciler.model.ids import Json, UnitId


class Ready(enum.StrEnum):
    """Whether a unit is as it was wished; the three values that any condition has."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One aspect of a unit: Ready, Reconciling, Stalled or Healthy, as the field names them.

    `since` is the epoch second of the last change of `value`, 0 when not known.
    """

    name: str
    value: Ready
    reason: str
    message: str = ""
    since: float = 0.0

    def as_json(self) -> dict[str, Json]:
        """Return the condition as plain JSON."""
        return {
            "type": self.name,
            "status": self.value.value,
            "reason": self.reason,
            "message": self.message,
            "since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """One unit's state in one line. `since` is the epoch second of its last start, 0 if none.

    `commit` is that of its last start or update; `observed` is the commit that this status is
    about. `suspended` says why hands are kept off it, '' when they are not. `agent` is what an
    agent runtime does, None for anything else and where nobody looked.
    """

    unit: UnitId
    ready: Ready
    state: str
    reason: str
    message: str
    commit: str
    session: str = ""
    pane: str = ""
    pid: int = 0
    since: int = 0
    falls: int = 0
    observed: str = ""
    suspended: str = ""
    conditions: tuple[Condition, ...] = ()
    agent: AgentReport | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the status as plain JSON, field by field."""
        return {
            "unit": str(self.unit),
            "ready": self.ready.value,
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "commit": self.commit,
            "session": self.session,
            "pane": self.pane,
            "pid": self.pid,
            "since": self.since,
            "falls": self.falls,
            "observed": self.observed,
            "suspended": self.suspended,
            "conditions": [condition.as_json() for condition in self.conditions],
            "agent": self.agent.as_json() if self.agent is not None else None,
        }


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Every unit at a glance.

    `observed` is the commit that the units are compared with, `newest` the last one that is
    withheld, or the same. `drift_s` tells how long the oldest unit has not been as wished, in
    seconds. A unit may be both `suspended` and `ready`.
    """

    fleet: str
    observed: str
    newest: str
    units: int
    ready: int
    reconciling: int
    stalled: int
    unknown: int
    unhealthy: int
    suspended: int
    drift_s: float = 0.0
    withheld: tuple[Withheld, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def well(self) -> bool:
        """Whether everything is as the newest commit wishes."""
        return self.ready == self.units and not self.withheld

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON, field by field."""
        return {
            "fleet": self.fleet,
            "observed": self.observed,
            "newest": self.newest,
            "units": self.units,
            "ready": self.ready,
            "reconciling": self.reconciling,
            "stalled": self.stalled,
            "unknown": self.unknown,
            "unhealthy": self.unhealthy,
            "suspended": self.suspended,
            "drift_seconds": self.drift_s,
            "withheld": [_withheld(commit) for commit in self.withheld],
            "conditions": [condition.as_json() for condition in self.conditions],
        }


def _withheld(commit: Withheld) -> Json:
    return {
        "commit": commit.commit,
        "why": commit.why.value,
        "detail": commit.detail,
        "fix": commit.fix,
        "until": commit.until,
    }
