"""What one life of the courier remembers of one agent's mail."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

from reconciler.core.errand import Pursuit

RECHECK_S = 30.0
"""So long at most nobody is visited for whom something waits, whatever was or was not heard."""


@dataclass(slots=True)
class Post:
    """What one life remembers of one agent's mail. Whoever touches it holds `turn`.

    `due` is the epoch second of the next visit, `asked` the one that somebody asked for. `unread`
    were submitted and not answered yet, None: not asked for in this life. `prompted` were in a
    prompt of the process `pid`, told by a hook and not written down yet, with the hour of the hook.
    `go_ons` counts the turns in a row that went on with messages. `stopped` is the epoch second at
    which a turn was last heard to end.
    """

    turn: threading.RLock = field(default_factory=threading.RLock)
    due: float = math.inf
    asked: float = math.inf
    why: str = ""
    waiting: bool = True
    pursuit: Pursuit = field(default_factory=Pursuit)
    unread: set[str] | None = None
    prompted: dict[str, float] = field(default_factory=dict)
    pid: int = 0
    go_ons: int = 0
    stopped: float = 0.0

    @property
    def next_visit(self) -> float:
        """The epoch second of the next visit."""
        return min(self.due, self.asked)

    def is_due(self, now: float) -> bool:
        """Whether a visit is to be made. An hour too far off was set by another clock."""
        return self.next_visit <= now or now + 2 * RECHECK_S < self.next_visit < math.inf
