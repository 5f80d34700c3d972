"""What we say of a unit: rebuilt from observation at every pass, never remembered."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.model.ids import Json, UnitId


class Ready(enum.StrEnum):
    """Whether a unit is as it was wished."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """One unit's state in one line. `since` is the epoch second of its last start, 0 if none."""

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
        }
