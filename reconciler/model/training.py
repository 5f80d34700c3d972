"""The work of agents as commits: a turn, what was recorded of it, a run, and what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.ids import UnitId

if TYPE_CHECKING:  # whoever reads what a commit says of itself is in a hurry
    from reconciler.model.agent import Seat
    from reconciler.model.unit import Training
    from reconciler.model.workspace import SeenWorkspace


@dataclass(frozen=True, slots=True)
class Trainee:
    """An agent that has a work tree of its own, as one pass saw both.

    `seen` is None while the tree is not there. `desired` is the commit that was followed. `secrets`
    are references (`env:NAME`) to what its process was given, and what no commit may say.
    """

    seat: Seat
    policy: Training
    seen: SeenWorkspace | None = None
    desired: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a runtime itself wrote down of the work after some hour; unknown is '' or 0.

    `prompts` are what people and messages asked, oldest first, `said` is the last answer. `at` is
    the epoch second of the last answer that is counted here.
    """

    prompts: tuple[str, ...] = ()
    said: str = ""
    conversation: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of an agent: what led to work, and what is known of it. Unknown is '' or 0.

    `at` is the epoch second of its end. `summary` is the agent's own last word, `prompt` what it
    was asked, in full: only an excerpt without secrets is ever kept. `desired` is the commit of
    desired state that was followed, `charter` the one that last changed its project's charter.
    `cost_usd` and the tokens are those of this turn. `cause` says why it is recorded: `turn`,
    `settled`, or `asked` (by `by`, a person or an agent).
    """

    unit: UnitId
    at: float
    summary: str = ""
    prompt: str = ""
    conversation: str = ""
    runtime: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    desired: str = ""
    charter: str = ""
    cause: str = "turn"
    by: str = ""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A path that was not committed, and why; `rule` is `policy`, `secret`, `size` or `kind`."""

    path: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """One commit of an agent's work. `number` counts the commits of its run from 1.

    `trouble` says what is not as it should be beside it, and how to mend that: a lock left behind.
    """

    unit: UnitId
    commit: str
    branch: str
    run: int
    number: int
    files: int
    held_back: tuple[HeldBack, ...] = ()
    seconds: float = 0.0
    trouble: str = ""


class Verdict(enum.StrEnum):
    """What became of a run."""

    OPEN = "open"
    PROMOTED = "promoted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Run:
    """One training run: a branch, or what is archived of one. `commits` are those beyond `base`.

    `result` is the commit in the base branch that a promoted run became.
    """

    unit: UnitId
    number: int
    tip: str
    base: str = ""
    commits: int = 0
    verdict: Verdict = Verdict.OPEN
    result: str = ""
    by: str = ""
    why: str = ""
    began: float = 0.0
    ended: float = 0.0

    @property
    def branch(self) -> str:
        """The branch of this run."""
        return f"training/{self.unit.project}/{self.unit.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Noted:
    """What a commit of a run says of itself in its trailers; '' or 0 where it says nothing.

    `prompt` is the prompt's hash. `recorded` is the commit as it was first made, when this one is
    its copy (rebased, or squashed).
    """

    unit: UnitId
    run: int = 0
    number: int = 0
    conversation: str = ""
    prompt: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    desired: str = ""
    charter: str = ""
    cause: str = ""
    recorded: str = ""
    extra: dict[str, str] = field(default_factory=dict)
