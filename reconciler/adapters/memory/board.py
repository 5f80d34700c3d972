"""The things on a pretended tmux server: sessions, windows, panes, and how they are photographed.

Knows no orders; whoever changes a thing here keeps its session's photograph honest with `touch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.model.unit import Launch
from reconciler.model.world import FrameMark, PaneMark, SeenPane, SeenSession, SeenWindow


@dataclass(slots=True, eq=False)
class Pane:
    """A place for one process. Stays, dead, when the process ends (remain-on-exit)."""

    id: str
    window: Window
    pid: int
    launch: Launch | None
    mark: PaneMark | None = None
    dead: bool = False
    status: int | None = None


@dataclass(slots=True, eq=False)
class Window:
    """A window and its panes in order."""

    id: str
    session: Session
    index: int
    name: str
    key: str = ""
    layout: str = ""
    panes: list[Pane] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Session:
    """A session and its windows in index order.

    `fields` holds the last applied fields of each unit. They are the session's, not the pane's:
    they outlive a pane, and do not follow one that moves to another session.
    """

    id: str
    name: str
    size: tuple[int, int]
    mark: FrameMark | None = None
    applied: str = ""
    windows: list[Window] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    photo: SeenSession | None = None

    def touch(self) -> None:
        """Say that something in it changed."""
        self.photo = None

    def panes(self) -> Iterator[Pane]:
        """Yield every pane, in the order of the photograph."""
        for window in self.windows:
            yield from window.panes

    def seen(self) -> SeenSession:
        """Return what a photograph shows of it."""
        if self.photo is None:
            windows = tuple(_seen_window(n, window) for n, window in enumerate(self.windows))
            self.photo = SeenSession(self.id, self.name, self.mark, windows)
        return self.photo


def _seen_window(place: int, window: Window) -> SeenWindow:
    session = window.session.id
    panes = tuple(
        SeenPane(p.id, window.id, session, index, p.pid, p.dead, p.status, p.mark)
        for index, p in enumerate(window.panes)
    )
    return SeenWindow(window.id, session, place, window.name, window.key, panes)


@dataclass(slots=True, eq=False)
class Board:
    """One server's life: everything on it, and the counters that never go back.

    `gone` collects the pids that lost their pane, for whoever keeps the process table.
    """

    server: str
    sessions: dict[str, Session] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    panes: dict[str, Pane] = field(default_factory=dict)
    made_sessions: int = 0
    made_windows: int = 0
    made_panes: int = 0
    gone: list[int] = field(default_factory=list)

    def add_session(self, name: str, size: tuple[int, int]) -> Session:
        """Put an empty session there; it needs a window at once."""
        session = Session(f"${self.made_sessions}", name, size)
        self.made_sessions += 1
        self.sessions[session.id] = session
        return session

    def add_window(self, session: Session, name: str) -> Window:
        """Put an empty window at the end of a session; it needs a pane at once."""
        index = session.windows[-1].index + 1 if session.windows else 0
        window = Window(f"@{self.made_windows}", session, index, name)
        self.made_windows += 1
        session.windows.append(window)
        self.windows[window.id] = window
        session.touch()
        return window

    def add_pane(self, window: Window, place: int, pid: int, launch: Launch | None) -> Pane:
        """Put a pane with a living process at `place` in a window."""
        pane = Pane(f"%{self.made_panes}", window, pid, launch)
        self.made_panes += 1
        window.panes.insert(place, pane)
        self.panes[pane.id] = pane
        window.session.touch()
        return pane

    def drop_pane(self, pane: Pane) -> None:
        """Take a pane away; an empty window goes with it, and an empty session with that."""
        window, session = pane.window, pane.window.session
        del self.panes[pane.id]
        self.gone.append(pane.pid)
        window.panes.remove(pane)
        if not window.panes:
            del self.windows[window.id]
            session.windows.remove(window)
        if not session.windows:
            del self.sessions[session.id]
        session.touch()

    def session_named(self, name: str) -> Session | None:
        """Return the session of exactly this name."""
        return next((s for s in self.sessions.values() if s.name == name), None)
