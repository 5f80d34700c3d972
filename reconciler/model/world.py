"""What is: one photograph of tmux with its hour, and the answers to what the plan had to ask."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.ids import Json, UnitId
from reconciler.model.workspace import SeenWorkspace, Unsaved

NOW = -1
"""Stands in a mark for the hour at which it is written."""


class Drain(enum.StrEnum):
    """Why a process was asked to end; written on its pane, so that it outlives the daemon.

    The polite ones come first: words were typed, and TERM follows when they did not help. ABSENT
    asks for nothing yet: since then nobody wants it.
    """

    NONE = "-"
    ABSENT = "absent"
    ASKED_STOP = "asked-stop"
    ASKED_RESTART = "asked-restart"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class PaneMark:
    """Our mark on a pane (`@novaorch_pane`): whose it is and what was last applied.

    `started` is the epoch second of the last start, `falls` counts the falls in a row,
    `drain_until` is the epoch second after which a drain presses harder. A `placeholder` keeps
    the place of a process that was not started yet. `burst` counts the falls since the epoch second
    `burst_since`. `protect` outlives the manifest that asked for it.
    """

    fleet: str
    unit: UnitId
    digest: str
    commit: str
    started: int = 0
    falls: int = 0
    drain: Drain = Drain.NONE
    drain_until: int = 0
    placeholder: bool = False
    burst: int = 0
    burst_since: int = 0
    protect: bool = False

    @property
    def asked(self) -> bool:
        """Whether the process was asked to end. Being wanted by nobody is no such asking."""
        return self.drain not in (Drain.NONE, Drain.ABSENT)


@dataclass(frozen=True, slots=True)
class FrameMark:
    """Our mark on a session (`@novaorch_frame`)."""

    fleet: str
    unit: UnitId
    digest: str
    commit: str


@dataclass(frozen=True, slots=True)
class SeenPane:
    """One live pane. `mark` is None on a pane that is not ours."""

    pane_id: str
    window_id: str
    session_id: str
    index: int
    pid: int
    dead: bool
    exit_status: int | None = None
    mark: PaneMark | None = None


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """One live window. `key` is our mark on it, '' on a window that is not ours.

    `index` is its place among the windows of its session, from 0.
    """

    window_id: str
    session_id: str
    index: int
    name: str
    key: str
    panes: tuple[SeenPane, ...]


@dataclass(frozen=True, slots=True)
class SeenSession:
    """One live session with its windows in index order."""

    session_id: str
    name: str
    mark: FrameMark | None
    windows: tuple[SeenWindow, ...]


class Engagement(enum.StrEnum):
    """What would be harmed if a process was disturbed now."""

    TYPING = "typing"
    BUSY = "busy"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Presence:
    """Who or what is at work in a pane. `detail` is for people.

    `until` is the epoch second at which it is over if nothing more happens, 0 when nobody knows.
    """

    kind: Engagement
    detail: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Answers to the questions a plan asked: see `core.inquire`.

    `applied` maps a unit to its last applied fields. `refusals` maps a process to why it cannot
    be started here (directory missing, command not found, secret not set), with how to mend it.
    `presence` maps a pane id to what would be harmed by disturbing it. `unsaved` maps a workspace
    that is to go to what would be lost with it.
    """

    applied: Mapping[UnitId, Mapping[str, Json]] = field(default_factory=dict)
    refusals: Mapping[UnitId, tuple[str, str]] = field(default_factory=dict)
    presence: Mapping[str, Presence] = field(default_factory=dict)
    unsaved: Mapping[UnitId, Unsaved] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """One photograph. `taken_at` is epoch seconds; `server` is '' when no server runs."""

    taken_at: float
    server: str
    sessions: tuple[SeenSession, ...]
    facts: Facts = Facts()
    workspaces: Mapping[UnitId, SeenWorkspace] = field(default_factory=dict)

    def renewed(self, fresh: Mapping[str, SeenSession]) -> World | None:
        """Return this world with these sessions (by id) as they are now, without its facts.

        None when one is not here, or not made of the very same windows and panes: then more than
        processes changed, and only a whole photograph tells what.
        """
        known = {session.session_id: session for session in self.sessions}
        for name, now in fresh.items():
            before = known.get(name)
            if before is None or _frame_of(before) != _frame_of(now):
                return None
        sessions = tuple(fresh.get(s.session_id, s) for s in self.sessions)
        return World(self.taken_at, self.server, sessions, workspaces=self.workspaces)


def _frame_of(session: SeenSession) -> object:
    panes = tuple((w.window_id, tuple(p.pane_id for p in w.panes)) for w in session.windows)
    return session.name, session.mark, panes
