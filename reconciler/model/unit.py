"""What must be: units fully decided, so that nobody below has a choice left.

Two nouns carry everything: a **Frame** is one tmux session with its windows and slots; a
**Process** unit is what runs in one slot. An agent without a `session` owns a frame of one slot.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.control import Withheld
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.problems import Problem


class Disruption(enum.IntEnum):
    """What a change of a field costs the thing that runs, least first."""

    HOT = 0
    BOUNDARY = 1
    RESTART = 2
    RECREATE = 3


class RestartPolicy(enum.StrEnum):
    """When a process that ended by itself is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Heal(enum.StrEnum):
    """What is done about a difference that no commit made."""

    HEAL = "heal"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a unit was declared."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field: dotted name, value, and what changing it costs."""

    name: str
    value: Json
    disruption: Disruption


def fields_digest(fields: tuple[Field, ...]) -> str:
    """Return the digest that decides on drift: declared names and values, nothing else."""
    return digest({f.name: f.value for f in fields})


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started: argv (empty: the user's shell), never a shell string.

    `directory` is absolute. `secrets` maps a variable to a reference (`env:NAME`); the value is
    looked up by the host at the moment of starting and is never part of a value here.
    `typed` lines are typed once, each followed by Enter, right after the start.
    """

    argv: tuple[str, ...]
    directory: str
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    typed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restart:
    """When and how fast a process that ended is started again. Times in seconds.

    `burst_count` falls within `burst_window_s` are a crash loop: said aloud, and from then on tried
    at the slowest pace only.
    """

    policy: RestartPolicy = RestartPolicy.ALWAYS
    base_s: float = 1.0
    max_s: float = 60.0
    burst_count: int = 5
    burst_window_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Healing:
    """What is done when a process falls (`crash`), and when a person changes things by hand
    (`edit`: a session renamed, a pane moved)."""

    crash: Heal = Heal.HEAL
    edit: Heal = Heal.WARN


@dataclass(frozen=True, slots=True)
class Process:
    """What runs in one slot of a frame: an agent, or a pane that a Session declares itself.

    `held` says that its file cannot be read: only its place is known, and whatever runs there is
    left as it is. `quit` lines are typed first when it is asked to end, each followed by Enter;
    then come `stop_grace_s`, TERM to its group, `kill_after_s`, KILL. Without `quit` lines TERM
    comes at once, and `stop_grace_s` is what follows it. `protect` outlives the manifest: what was
    protected when it was applied last is never stopped for being absent.
    """

    id: UnitId
    source: Source
    frame: UnitId
    launch: Launch
    fields: tuple[Field, ...]
    digest: str
    restart: Restart = Restart()
    stop_grace_s: float = 15.0
    after: tuple[UnitId, ...] = ()
    stopped: bool = False
    held: Problem | None = None
    quit: tuple[str, ...] = ()
    kill_after_s: float = 5.0
    healing: Healing = Healing()
    protect: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """One pane's place: the id of the process that belongs there."""

    process: UnitId
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """One window. `key` is unique in its frame; `layout` is a tmux layout name or string, or ''."""

    key: str
    name: str
    layout: str
    slots: tuple[Slot, ...]
    options: tuple[tuple[str, str], ...] = ()
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One tmux session. `id` is the Session's unit, or the agent's that lives alone in it.

    With `adopt`, a live session of this name that nobody owns is taken over as it is.
    """

    id: UnitId
    source: Source
    session: str
    columns: int
    rows: int
    windows: tuple[Window, ...]
    fields: tuple[Field, ...]
    digest: str
    options: tuple[tuple[str, str], ...] = ()
    adopt: bool = False
    healing: Healing = Healing()

    @property
    def lone(self) -> bool:
        """Whether this frame exists for one agent alone."""
        return self.id.kind == "agent"


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """Hours in which new commits are followed (`allow`) or not. Deny wins over allow.

    `cron` (five fields, in `timezone`, an IANA name) says when it opens, `duration_s` for how long.
    With `overrun`, what was begun before it closed is finished after it.
    """

    allow: bool
    cron: str
    duration_s: float
    timezone: str = "UTC"
    overrun: bool = True


@dataclass(frozen=True, slots=True)
class Canary:
    """A change to more than `above` running processes goes to some of them first.

    `count` or, when it is 0, `percent` of those that change; they are watched for `bake_s`.
    """

    count: int = 0
    percent: int = 0
    above: int = 1
    bake_s: float = 300.0


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """How a new commit becomes the wish. `follow_rewinds` lets a forced push through."""

    windows: tuple[SyncWindow, ...] = ()
    canary: Canary | None = None
    follow_rewinds: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose signature counts, by SSH keys (`type base64`) or armoured OpenPGP keys.

    `since` and `until` are dates (YYYY-MM-DD, UTC), "" for no limit; `revoked` takes all back.
    """

    name: str
    ssh: tuple[str, ...] = ()
    gpg: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether commits must be signed: `off`, `head`, or every one of the applied `range`."""

    commits: str = "off"
    principals: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What `fleet.yaml` decides for everything else. Times in seconds.

    `store_password` is a reference (`env:NAME`), never the password itself. `stops_delay_s` is how
    long a unit must have been absent before it is stopped. More than `restarts_count_max` falls
    mended within `restarts_window_s` are one cause, not many: the rest waits. A client that had a
    key pressed less than `typing_s` ago is a person at work. `journal_key` is the path of the SSH
    key that signs the journal, '' for none; `journal_keep` how many records stay. `gate_port` is
    0 for any free one.
    """

    name: str
    socket: str = "novaorch"
    tmux_config: str = ""
    columns: int = 200
    rows: int = 50
    history_lines: int = 10_000
    store_url: str = ""
    store_password: str = ""
    branch: str = ""
    poll_s: float = 5.0
    stops_count_max: int = 5
    stops_percent_max: int = 20
    stops_delay_s: float = 0.0
    roots: tuple[str, ...] = ()
    restarts_count_max: int = 50
    restarts_window_s: float = 10.0
    typing_s: float = 60.0
    sync: SyncPolicy = SyncPolicy()
    verify: Verification = Verification()
    journal_key: str = ""
    journal_keep: int = 10_000
    gate_port: int = 0


@dataclass(frozen=True, slots=True)
class CharterText:
    """A project's charter: its title, header fields, open and done checkboxes, and its text."""

    project: str
    source: Source
    oid: str
    title: str
    header: tuple[tuple[str, str], ...]
    tasks: tuple[tuple[str, bool], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one revision asks for.

    `broken` holds the ids that a file names by its path but that could not be read: they are
    held, never stopped. `settled` is true only when every file was read without an error; only
    then may anything be stopped for being absent. `withheld` names newer commits that are not
    followed, and why. `committed` is the committer's epoch second, 0 when not known.
    """

    commit: str
    tree: str
    fleet: FleetSettings
    frames: Mapping[UnitId, Frame]
    processes: Mapping[UnitId, Process]
    charters: tuple[CharterText, ...] = ()
    broken: Mapping[UnitId, Problem] | None = None
    problems: tuple[Problem, ...] = ()
    projects: frozenset[str] = frozenset()
    author: str = ""
    subject: str = ""
    withheld: tuple[Withheld, ...] = ()
    committed: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether absence from this tree is proof of anything."""
        return not any(p.severity == "error" for p in self.problems)
