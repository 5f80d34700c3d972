"""A host in memory that remembers when it was asked what, and lets people and bad luck do more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.adapters.memory import MemoryClock, MemoryHost, MemoryOutfitter
from reconciler.adapters.memory.board import Pane
from reconciler.adapters.memory.hands import Hands, RefusedStepError
from reconciler.model.ids import UnitId
from reconciler.model.step import Signal, Step, TypeLines
from reconciler.model.world import SeenSession, World
from reconciler.ports import Order, Receipt


class WatchedHost(MemoryHost):
    """`signals` has the hour, the unit and the name of each signal; `asks` the hour, the pid and
    the name of each, and `words` for lines that were typed.

    `fail_in` refuses the step after so many more; `grouped` shows every session twice, as a
    session group does.
    """

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__("f", MemoryOutfitter())
        self.clock = clock
        self.signals: list[tuple[float, UnitId, str]] = []
        self.asks: list[tuple[float, int, str]] = []
        self.orders: list[Order] = []
        self.fail_in: int | None = None
        self.grouped = False

    def photograph(self, now: float) -> World:
        world = super().photograph(now)
        if not self.grouped:
            return world
        copies = tuple(_copy(session, number) for number, session in enumerate(world.sessions))
        return replace(world, sessions=(*copies, *world.sessions))

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        self.orders += orders
        return super().perform(orders)

    def _step(self, hands: Hands, step: Step) -> None:
        if self.fail_in is not None:
            self.fail_in -= 1
            if self.fail_in < 0:
                self.fail_in = None
                raise RefusedStepError("no space for new pane")
        if isinstance(step, Signal):
            pane = self._server().panes.get(step.pane)
            unit = pane.mark.unit if pane is not None and pane.mark is not None else UnitId("")
            self.signals.append((self.clock.now(), unit, step.name))
        if isinstance(step, Signal | TypeLines):
            name = step.name if isinstance(step, Signal) else "words"
            self.asks.append((self.clock.now(), step.pid, name))
        super()._step(hands, step)

    # -- people --------------------------------------------------------------------------------

    def everything(self) -> list[Pane]:
        """Every pane there is, blind or not."""
        return list(self._board.panes.values()) if self._board is not None else []

    def human_move(self, pane_id: str, window_id: str) -> None:
        """Let a person join a pane to another window; its old window goes when it was the last."""
        board = self._server()
        pane, window = board.panes[pane_id], board.windows[window_id]
        home = pane.window
        if home is window:
            return
        home.panes.remove(pane)
        window.panes.append(pane)
        pane.window = window
        if not home.panes:
            del board.windows[home.id]
            home.session.windows.remove(home)
        if not home.session.windows:
            del board.sessions[home.session.id]
        home.session.touch()
        window.session.touch()

    def human_swap(self, first: str, second: str) -> None:
        """Let a person exchange two panes."""
        board = self._server()
        one, two = board.panes[first], board.panes[second]
        here, there = one.window, two.window
        i, j = here.panes.index(one), there.panes.index(two)
        here.panes[i], there.panes[j] = two, one
        one.window, two.window = there, here
        here.session.touch()
        there.session.touch()


def _copy(session: SeenSession, number: int) -> SeenSession:
    unit = f"${900 + number}"
    windows = tuple(
        replace(w, session_id=unit, panes=tuple(replace(p, session_id=unit) for p in w.panes))
        for w in session.windows
    )
    return SeenSession(unit, f"{session.name}-{number}", None, windows)
