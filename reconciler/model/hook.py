"""What an agent's runtime tells the gate as it happens, and what it is told back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One event of one agent, proved by its token to be that agent's. `at` is when it arrived.

    `name` is the runtime's own word (`UserPromptSubmit`, `Stop`); `payload` its own JSON.
    """

    unit: UnitId
    name: str
    at: float
    payload: Mapping[str, Json] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """Return a text of the payload, '' when it is none."""
        found = self.payload.get(key)
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What goes back. `context` is added to what the model reads; `go_on` keeps a turn that would
    end going, with this text; `refuse` stops a prompt or a tool call, with this reason; `decision`
    is `allow` or `deny` for a permission, '' to let the person at the pane decide."""

    context: str = ""
    go_on: str = ""
    refuse: str = ""
    decision: str = ""
    because: str = ""


SILENCE = HookAnswer()
"""Nothing to say."""
