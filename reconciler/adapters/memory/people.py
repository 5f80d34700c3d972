"""What lives on a pretended tmux server: its sessions, and what processes and people do to them.

Knows no orders; `host` obeys those.
"""

from __future__ import annotations

from reconciler.adapters.memory.board import Board, Pane, Session
from reconciler.model.ids import UnitId
from reconciler.model.unit import Launch
from reconciler.model.world import SeenSession


class Pretence:
    """One server and its processes, as they go on by themselves and by people's hands."""

    def __init__(self) -> None:
        self.alive: dict[int, Launch | None] = {}
        self.exit_empty = False
        self._slots: dict[UnitId, str] = {}
        self._board: Board | None = None
        self._servers = 0
        self._pids = 1000

    def exit(self, unit: str, status: int | None = 0) -> None:
        """Let the process of a unit end by itself; None: killed by a signal."""
        for pane in self.panes_of(unit):
            self._end(pane, status)

    def kill_server(self) -> None:
        """Lose everything; the next server counts its ids from zero again."""
        self._board = None
        self._slots.clear()
        self.alive.clear()

    def foreign_session(self, name: str) -> str:
        """Let somebody else make a session, and return its id."""
        board = self._server()
        session = board.add_session(name, (80, 24))
        window = board.add_window(session, "bash")
        board.add_pane(window, 0, self._begin(None), None)
        return session.id

    def human_split(self, session: str) -> str:
        """Let a person split the first window of a session (name or id); the pane's id."""
        window = self.session(session).windows[0]
        return self._server().add_pane(window, len(window.panes), self._begin(None), None).id

    def human_window(self, session: str, name: str = "bash") -> str:
        """Let a person open a window in a session, and return its id."""
        board = self._server()
        window = board.add_window(self.session(session), name)
        board.add_pane(window, 0, self._begin(None), None)
        return window.id

    def human_rename(self, session: str, name: str) -> None:
        """Let a person rename a session."""
        found = self.session(session)
        found.name = name
        found.touch()

    def human_close(self, target: str) -> None:
        """Let a person kill a session, a window or a pane by its id."""
        board = self._server()
        doomed = (
            [board.panes[target]] if target in board.panes
            else list(board.windows[target].panes) if target in board.windows
            else list(self.session(target).panes())
        )  # fmt: skip
        for pane in doomed:
            board.drop_pane(pane)
        self._bury()

    def panes_of(self, unit: str) -> list[Pane]:
        """Return the panes that carry a unit's mark."""
        panes = self._board.panes.values() if self._board else ()
        return [pane for pane in panes if pane.mark is not None and pane.mark.unit == unit]

    def session(self, target: str) -> Session:
        """Return a session by id or name; KeyError when there is none."""
        board = self._server()
        found = board.sessions.get(target) or board.session_named(target)
        if found is None:
            raise KeyError(target)
        return found

    @property
    def sessions(self) -> tuple[SeenSession, ...]:
        """Everything there is, blind or not: for a test's own eyes."""
        return tuple(s.seen() for s in self._board.sessions.values()) if self._board else ()

    # -- inside --------------------------------------------------------------------------------

    def _server(self) -> Board:
        if self._board is None:
            self._servers += 1
            self._board = Board(f"memory-{self._servers}")
        return self._board

    def _begin(self, launch: Launch | None) -> int:
        self._pids += 1
        self.alive[self._pids] = launch
        return self._pids

    def _end(self, pane: Pane, status: int | None) -> None:
        if not pane.dead:
            pane.dead, pane.status = True, status
            self.alive.pop(pane.pid, None)
            pane.window.session.touch()

    def _bury(self) -> None:
        """Forget processes whose pane is gone, and a server that has nothing left."""
        board = self._board
        if board is None:
            return
        if not board.sessions and self.exit_empty:
            self._board = None
        for pid in board.gone:
            self.alive.pop(pid, None)
        board.gone.clear()
