"""What an agent is besides a process: how its runtime is started, and what it is doing.

A state is never known, it is judged from evidence; whoever shows one shows its age and its why.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId


@dataclass(frozen=True, slots=True)
class Rule:
    """One standing answer to permission prompts: `answer` is allow, deny or ask.

    `tool` and `match` are patterns with `*`; `match` is held against what the tool would do (a
    command, a path), '' against anything. The first rule that fits counts.
    """

    tool: str
    answer: str
    match: str = ""


@dataclass(frozen=True, slots=True)
class Persona:
    """How an agent runtime is to be started: everything that only the moment of starting adds to.

    `permission` is the runtime's own word, '' for its default. `tools` may be used without asking.
    With `fresh` each life begins a conversation of its own. `prompt` opens a new conversation.
    `account` names whose limits it shares.
    """

    runtime: str
    model: str = ""
    permission: str = ""
    tools: tuple[str, ...] = ()
    fresh: bool = False
    prompt: str = ""
    account: str = ""
    rules: tuple[Rule, ...] = ()
    usd_per_day: float = 0.0


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a runtime is started with at last; made when it starts, since only then is it known
    whether there is a conversation to resume. `env` may hold a token: never shown, never kept."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


class AgentState(enum.StrEnum):
    """What an agent is doing."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    WAITING = "waiting"
    LIMITED = "limited"
    AUTH_LOST = "auth-lost"
    DONE = "done"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class Waiting(enum.StrEnum):
    """What a waiting agent wants of a person."""

    PERMISSION = "permission"
    QUESTION = "question"
    TRUST = "trust"
    PLAN = "plan"


class Witness(enum.StrEnum):
    """Who says so, the most trustworthy first."""

    HOOK = "hook"
    SESSION_FILE = "session-file"
    SCREEN = "screen"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One witness's word. `at` is the epoch second at which it was true; `until` when it ends, 0
    when nobody knows. `pid` is that of the process it is about: word of a former life is none."""

    witness: Witness
    state: AgentState
    at: float
    detail: str = ""
    waiting: Waiting | None = None
    until: float = 0.0
    pid: int = 0


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What all evidence adds up to.

    `confidence` is between 0 and 1; `at` the epoch second of the word that counts; `why` names it.
    `conflicts` are the words that say otherwise and are young enough to matter. `since` is when
    this state was judged first, 0 when nobody kept that.
    """

    state: AgentState
    at: float
    confidence: float
    why: str
    waiting: Waiting | None = None
    until: float = 0.0
    conflicts: tuple[str, ...] = ()
    since: float = 0.0

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        return {
            "state": self.state.value,
            "waiting": self.waiting.value if self.waiting is not None else "",
            "why": self.why,
            "confidence": self.confidence,
            "at": self.at,
            "since": self.since,
            "until": self.until,
            "conflicts": list(self.conflicts),
        }


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an agent lives now: the pane and process that the last photograph showed.

    `pane` is '' and `pid` 0 while nothing runs. `mode` is auto, manual, training or stopped:
    nobody types to an agent in `manual`. `began` is the epoch second of its last start.
    """

    unit: UnitId
    persona: Persona | None
    mode: str
    pane: str = ""
    pid: int = 0
    began: float = 0.0
    directory: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """What a pane shows: its rows without trailing blanks, and what is drawn dim as blanks in
    `bright`. `cursor` is (row, column) from 0. `mode` is tmux's word while a person scrolls."""

    rows: tuple[str, ...]
    bright: tuple[str, ...]
    cursor: tuple[int, int]
    mode: str = ""
    dead: bool = False
    attended: float = 0.0
    """The epoch second of the last key of a person who looks at this window, 0 for nobody."""
    unread: int = -1
    """Bytes of typed lines that its program has not read; -1: it does not read lines, or nobody
    knows."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Every agent of a fleet as one pass saw it. Swapped whole: readers in any thread see one."""

    fleet: str = ""
    commit: str = ""
    seats: Mapping[UnitId, Seat] = field(default_factory=dict)
    charters: Mapping[str, str] = field(default_factory=dict)
    """The text of each project's charter."""
