"""Decisions that an agent waits for: permissions that its runtime asks, and questions of its own.

Answered by a rule or a person. Never by a key pressed blindly.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class Decision:
    """One open or answered decision. `kind` is permission or question.

    `held_until` is the epoch second until which it can be answered here; after that only at the
    agent's pane (permission), or not at all. `answer` is '' while it is open.
    """

    id: str
    unit: UnitId
    kind: str
    asks: str
    detail: str
    at: float
    held_until: float = 0.0
    options: tuple[str, ...] = ("allow", "deny")
    answer: str = ""
    by: str = ""
    because: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        return {
            "id": self.id,
            "unit": str(self.unit),
            "kind": self.kind,
            "asks": self.asks,
            "detail": self.detail,
            "at": self.at,
            "held_until": self.held_until,
            "options": list(self.options),
            "answer": self.answer,
            "by": self.by,
            "because": self.because,
        }
