"""Carries out one step on the pretended server, or refuses it as tmux would.

Never looks at expectations: that is the host's part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from reconciler.adapters.memory.board import Board, Pane, Session, Window
from reconciler.model import step as do
from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_mark, pane_mark, pane_text
from reconciler.model.unit import Launch
from reconciler.model.world import PaneMark

LAYOUTS = frozenset(
    ("even-horizontal", "even-vertical", "main-horizontal", "main-vertical", "tiled")
)
SIGNALS = frozenset(("TERM", "KILL", "INT", "HUP"))
_DRAWN = re.compile(r"[0-9a-f]{4},\d+x\d+,.+")
_LIVE = re.compile(r"[$@%]\d{1,10}")
_CELL = re.compile(r"\d+x\d+,\d+,\d+,\d+")


class RefusedStepError(Exception):
    """tmux would have said no, in these words."""


class MovedOnError(RefusedStepError):
    """The step meant a process that is another one now."""


class Hands:
    """The steps, one method each. `begin` starts a process and returns its pid.

    `slots` is where units were seen or made last; `started` collects the panes just started.
    """

    def __init__(
        self, board: Board, begin: Callable[[Launch | None], int], slots: dict[UnitId, str]
    ) -> None:
        self.board = board
        self._begin = begin
        self._slots = slots
        self.started: list[Pane] = []

    def carry_out(self, step: do.Step) -> None:
        """Carry out one step; RefusedStepError says why not."""
        method: Callable[[Any], None] = getattr(self, _METHODS[type(step)])
        method(step)

    # -- what is meant ---------------------------------------------------------------------

    def pane(self, target: str) -> Pane:
        """Return the pane that `%1` or `slot:<unit>` means."""
        known = target
        if target.startswith("slot:"):
            known = self._slots.get(UnitId(target.removeprefix("slot:")), "")
        if known not in self.board.panes:
            raise RefusedStepError(f"can't find pane: {target}")
        return self.board.panes[known]

    def window(self, target: str) -> Window:
        """Return the window that `@1` or `window:slot:<unit>` means."""
        if target.startswith("window:slot:"):
            return self.pane(target.removeprefix("window:")).window
        if target not in self.board.windows:
            raise RefusedStepError(f"can't find window: {target}")
        return self.board.windows[target]

    def session(self, target: str) -> Session:
        """Return the session that `$1` means; a name is not a target."""
        if target not in self.board.sessions:
            raise RefusedStepError(f"can't find session: {target}")
        return self.board.sessions[target]

    # -- making ----------------------------------------------------------------------------

    def _open_session(self, step: do.OpenSession) -> None:
        name = _title(step.name, ":.'\"")
        if self.board.session_named(name) is not None:
            raise RefusedStepError(f"duplicate session: {name}")
        if not step.windows or not all(window.panes for window in step.windows):
            raise RefusedStepError("a session has at least one window with one pane")
        _check_size(step.columns, step.rows)
        for window in step.windows:
            _check_marks(window)
        session = self.board.add_session(name, (step.columns, step.rows))
        session.mark, session.applied = frame_mark(step.mark), step.applied
        session.options.update(step.options)
        for window in step.windows:
            self._add_window(session, window)

    def _open_window(self, step: do.OpenWindow) -> None:
        session = self.session(step.session)
        if not step.window.panes:
            raise RefusedStepError("a window has at least one pane")
        _check_marks(step.window)
        self._add_window(session, step.window)

    def _add_window(self, session: Session, new: do.NewWindow) -> None:
        window = self.board.add_window(session, new.name or new.key)
        window.key, window.options = new.key, dict(new.options)
        for place, pane in enumerate(new.panes):
            self._add_pane(window, place, pane)
        if new.layout:
            self._lay_out(window, new.layout)

    def _open_pane(self, step: do.OpenPane) -> None:
        beside = self.pane(step.beside)
        place = beside.window.panes.index(beside) + (0 if step.before else 1)
        self._add_pane(beside.window, place, step.pane)

    def _add_pane(self, window: Window, place: int, new: do.NewPane) -> None:
        mark = _mark(new.mark)
        pane = self.board.add_pane(window, place, 0, new.launch)
        self._start(pane, mark, new)

    def _respawn(self, step: do.Respawn) -> None:
        pane, mark = self.pane(step.pane), _mark(step.new.mark)
        self.board.gone.append(pane.pid)
        self._start(pane, mark, step.new)

    def _start(self, pane: Pane, mark: PaneMark, new: do.NewPane) -> None:
        pane.pid, pane.launch = self._begin(new.launch), new.launch
        pane.dead, pane.status = False, None
        self._mark(pane, mark, new.applied)
        self._slots[mark.unit] = pane.id
        self.started.append(pane)

    def _mark(self, pane: Pane, mark: PaneMark, applied: str) -> None:
        session = pane.window.session
        pane.mark = mark
        if applied:
            session.fields[mark.unit] = applied
        session.touch()

    # -- ending ----------------------------------------------------------------------------

    def _signal(self, step: do.Signal) -> None:
        """The process decides; see `MemoryHost`. Gone already is as good as ended."""
        if step.name not in SIGNALS or step.pid <= 1:
            raise RefusedStepError("not a signal that may be sent")
        pane = self.board.panes.get(step.pane)
        if pane is not None and not pane.dead and pane.pid != step.pid:
            raise MovedOnError("the world has moved on")

    def _type_lines(self, step: do.TypeLines) -> None:
        """The process decides; see `MemoryHost`."""
        pane = self.board.panes.get(step.pane)
        if pane is not None and not pane.dead and pane.pid != step.pid:
            raise MovedOnError("the world has moved on")

    def _close(self, step: do.Close) -> None:
        """Gone already is as good as closed."""
        target = step.target
        if target.startswith("slot:"):
            target = self.pane(target).id
        if not _LIVE.fullmatch(target):
            raise RefusedStepError(f"not a live target: {target}")
        doomed: list[Pane] = []
        if target in self.board.sessions:
            doomed = list(self.board.sessions[target].panes())
        elif target in self.board.windows:
            doomed = list(self.board.windows[target].panes)
        elif target in self.board.panes:
            doomed = [self.board.panes[target]]
        for pane in doomed:
            self.board.drop_pane(pane)

    # -- marking and moving ----------------------------------------------------------------

    def _mark_pane(self, step: do.MarkPane) -> None:
        pane = self.pane(step.pane)
        self._mark(pane, _mark(step.mark), step.applied)

    def _mark_frame(self, step: do.MarkFrame) -> None:
        session = self.session(step.session)
        session.mark, session.applied = frame_mark(step.mark), step.applied or session.applied
        session.touch()

    def _mark_window(self, step: do.MarkWindow) -> None:
        window = self.window(step.window)
        window.key = step.key
        window.session.touch()

    def _rename(self, step: do.Rename) -> None:
        if not step.target.startswith("$"):
            window = self.window(step.target)
            window.name = _title(step.name, "")
            window.session.touch()
            return
        session, name = self.session(step.target), _title(step.name, ":.'\"")
        if self.board.session_named(name) not in (None, session):
            raise RefusedStepError(f"duplicate session: {name}")
        session.name = name
        session.touch()

    def _resize(self, step: do.Resize) -> None:
        _check_size(step.columns, step.rows)
        self.session(step.session).size = (step.columns, step.rows)

    def _arrange(self, step: do.Arrange) -> None:
        window = self.window(step.window)
        if step.layout:
            self._lay_out(window, step.layout)

    def _lay_out(self, window: Window, layout: str) -> None:
        if layout not in LAYOUTS:
            if not _DRAWN.fullmatch(layout):
                raise RefusedStepError(f"invalid layout: {layout}")
            cells = len(_CELL.findall(layout))
            if len(window.panes) > cells:
                raise RefusedStepError(f"have {len(window.panes)} panes but need {cells}")
        window.layout = layout

    def _set_options(self, step: do.SetOptions) -> None:
        thing = self.session(step.target) if step.target[:1] == "$" else self.window(step.target)
        thing.options.update(step.options)
        for name in step.unset:
            thing.options.pop(name, None)

    def _swap_panes(self, step: do.SwapPanes) -> None:
        first, second = self.pane(step.first), self.pane(step.second)
        here, there = first.window, second.window
        i, j = here.panes.index(first), there.panes.index(second)
        here.panes[i], there.panes[j] = second, first
        first.window, second.window = there, here
        here.session.touch()
        there.session.touch()

    def _order_windows(self, step: do.OrderWindows) -> None:
        """The listed windows come last, in this order; then the gaps are closed."""
        session = self.session(step.session)
        for target in step.windows:
            window = self.window(target)
            if window.session is not session:
                raise RefusedStepError(f"can't find window: {target}")
            session.windows.remove(window)
            session.windows.append(window)
        for index, window in enumerate(session.windows):
            window.index = index
        session.touch()


_METHODS: dict[type, str] = {
    do.OpenSession: "_open_session",
    do.OpenWindow: "_open_window",
    do.OpenPane: "_open_pane",
    do.Respawn: "_respawn",
    do.Signal: "_signal",
    do.TypeLines: "_type_lines",
    do.Close: "_close",
    do.MarkPane: "_mark_pane",
    do.MarkFrame: "_mark_frame",
    do.MarkWindow: "_mark_window",
    do.Rename: "_rename",
    do.Resize: "_resize",
    do.Arrange: "_arrange",
    do.SetOptions: "_set_options",
    do.SwapPanes: "_swap_panes",
    do.OrderWindows: "_order_windows",
}


def _mark(mark: PaneMark) -> PaneMark:
    """Return the mark as it reads back; one that cannot be written is refused."""
    try:
        read = pane_mark(pane_text(mark))
    except ValueError as error:
        raise RefusedStepError(str(error)) from error
    if read is None:
        raise RefusedStepError(f"the mark of {mark.unit} does not read back")
    return read


def _check_marks(window: do.NewWindow) -> None:
    """Refuse before anything is made."""
    for pane in window.panes:
        _mark(pane.mark)


def _title(name: str, strange: str) -> str:
    """Return a name that tmux keeps as it stands; `strange` only counts for sessions."""
    odd = set(name) & set("#\\" + strange) or (strange and name[:1] in "=$@%!{+-")
    if odd or not name or not name.isprintable():
        raise RefusedStepError(f"not a name for tmux: {name!r}")
    return name


def _check_size(columns: int, rows: int) -> None:
    if not (1 <= columns <= 10_000 and 1 <= rows <= 10_000):
        raise RefusedStepError(f"size {columns}x{rows} is out of range")
