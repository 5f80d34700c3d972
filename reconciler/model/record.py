"""What was done, as it is kept for ever: one record a pass that acted.

Values only: whoever forms a record masks what must not be kept, before it is formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class Kept:
    """What the journal says of one unit that is there: the digest and commit of its last start or
    update."""

    digest: str
    commit: str


Inventory = Mapping[UnitId, Kept]
"""Every unit that has a pane of ours which is no placeholder."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One action and what became of it. `changes` are masked fields: name, wanted, applied.

    `leaves` is what the deed did to the inventory: unit -> what it is now, None: gone.
    `error` is '' on success. `seconds` is how long the host took.
    """

    verb: str
    unit: UnitId
    reason: str
    detail: str = ""
    path: str = ""
    line: int = 0
    changes: tuple[tuple[str, Json, Json], ...] = ()
    leaves: tuple[tuple[UnitId, Kept | None], ...] = ()
    error: str = ""
    stale: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """One pass that did something. Hours are epoch seconds, `seq` counts from 1 without a gap.

    `commit`, `author` and `subject` are those of the wish; `epoch` is that of the lease. A record
    is `interrupted` when the controller died between its first deed and this line: then what
    became of the deeds is not known.
    """

    seq: int
    began: float
    ended: float
    fleet: str
    host: str
    epoch: int
    plan: str
    commit: str
    author: str
    subject: str
    deeds: tuple[Deed, ...]
    holds: tuple[tuple[UnitId, str, str], ...] = ()
    interrupted: bool = False
