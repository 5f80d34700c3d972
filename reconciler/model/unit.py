"""What must be: units fully decided, so that nobody below has a choice left.

Two nouns carry everything: a **Frame** is one tmux session with its windows and slots; a
**Process** unit is what runs in one slot. An agent without a `session` owns a frame of one slot.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.agent import Persona
from reconciler.model.control import Withheld
from reconciler.model.fleet import FleetSettings
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
    `typed` lines are typed once, each followed by Enter, right after the start. With a `persona`
    an agent runtime is started: `argv` then is its program alone, and the host asks an outfitter
    for the rest at the moment of starting.
    """

    argv: tuple[str, ...]
    directory: str
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    typed: tuple[str, ...] = ()
    persona: Persona | None = None


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
    protected when it was applied last is never stopped for being absent. `mode` is auto, manual,
    training or stopped; `labels` are what messages to many are addressed by. With a `workspace` it
    runs in that work tree, and starts after it is there.
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
    mode: str = "auto"
    labels: tuple[tuple[str, str], ...] = ()
    workspace: UnitId | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """What becomes of the work in a workspace.

    `merge` is `squash`, `merge` or `ff`: how a run comes into the base branch. `gate` are the
    commands (argv each) that must end well before; `gate_timeout_s` is for each of them.
    `keep_out` are patterns of paths that are never committed, beside those that never are; a file
    of more than `file_max` bytes is none either. `prompts` is `excerpt`, `hash` or `none`: what is
    kept of the prompt that led to a commit. A tree that did not change for `settle_s` is settled.
    """

    merge: str = "squash"
    gate: tuple[tuple[str, ...], ...] = ()
    gate_timeout_s: float = 900.0
    keep_out: tuple[str, ...] = ()
    file_max: int = 50 * 2**20
    prompts: str = "excerpt"
    settle_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """The work tree that an agent has for itself: `project/workspace/name`, a unit like any other.

    `repository` is absolute: a work tree or a bare repository. `path` is where its own tree is to
    be, absolute. `base` is the branch that runs begin at and are merged into, '' for the one that
    the repository is on.
    """

    id: UnitId
    agent: UnitId
    source: Source
    repository: str
    path: str
    base: str
    fields: tuple[Field, ...]
    digest: str
    training: Training = Training()
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
    workspaces: Mapping[UnitId, Workspace] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether absence from this tree is proof of anything."""
        return not any(p.severity == "error" for p in self.problems)
