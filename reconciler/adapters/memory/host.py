"""A pretended tmux server with pretended processes. Obeys orders exactly, and people too.

Keeps no hour: nothing here ends by itself unless a test says so.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from reconciler.adapters.memory.board import Board, Pane
from reconciler.adapters.memory.hands import Hands, MovedOnError, RefusedStepError
from reconciler.adapters.memory.people import Pretence
from reconciler.model.action import Expect
from reconciler.model.agent import Outfit
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.step import (
    NewPane,
    OpenPane,
    OpenSession,
    OpenWindow,
    Respawn,
    Signal,
    Step,
    TypeLines,
)
from reconciler.model.unit import Process
from reconciler.model.world import Presence, World
from reconciler.ports import Order, Receipt
from reconciler.ports.agents import Outfitter


class CrashError(BaseException):
    """Stands for `kill -9` of the reconciler: not to be caught by anything but the test."""


class MemoryHost(Pretence):
    """What tmux does with every step, and what people and processes do meanwhile (`ports.Host`).

    `fleet` is whose marks a `slot:` means; '' for anybody's. A placeholder ends at once.

    blind      nothing answers
    stubborn   units whose processes do not mind TERM or HUP (a shell never minds TERM)
    polite     units whose processes end when they are typed to, as after `/exit`
    doomed     units whose processes end at once with this status (None: tmux lost it, as it
               does now and then right after a respawn)
    refused    what `refusals` answers: unit -> (why, how to mend)
    engaged    who is at work: unit -> what would be harmed
    exit_empty whether the server ends with its last session (ours does not)
    steps_left after so many more steps `perform` raises CrashError (None: never)
    starts     how often each unit's process was started
    outfits    what each agent runtime was started with last
    log        every step that was carried out
    """

    def __init__(self, fleet: str = "", outfitter: Outfitter | None = None) -> None:
        super().__init__()
        self._fleet = fleet
        self._outfitter = outfitter
        self.outfits: dict[UnitId, Outfit] = {}
        self.blind = False
        self.closed = False
        self.stubborn: set[UnitId] = set()
        self.polite: set[UnitId] = set()
        self.doomed: dict[UnitId, int | None] = {}
        self.refused: dict[UnitId, tuple[str, str]] = {}
        self.engaged: dict[UnitId, Presence] = {}
        self.steps_left: int | None = None
        self.starts: Counter[UnitId] = Counter()
        self.log: list[Step] = []

    # -- the port ----------------------------------------------------------------------------

    def photograph(self, now: float) -> World:
        """Return everything there is."""
        self._look()
        self._slots.clear()
        if self._board is None:
            return World(now, "", ())
        for pane in self._board.panes.values():
            if pane.mark is not None and self._fleet in ("", pane.mark.fleet):
                self._slots[pane.mark.unit] = pane.id
        seen = tuple(session.seen() for session in self._board.sessions.values())
        return World(now, self._board.server, seen)

    def glance(self, world: World, sessions: Collection[str]) -> World | None:
        """Return `world` with these sessions as they are now."""
        now = self.photograph(world.taken_at)
        fresh = {s.session_id: s for s in now.sessions if s.session_id in sessions}
        if now.server != world.server or len(fresh) < len(sessions):
            return None
        return world.renewed(fresh)

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        """Return the last applied fields; what is gone or says nothing is an empty mapping."""
        self._look()
        return {unit: _fields(self._said(unit, target)) for unit, target in targets.items()}

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        """Return what `refused` says of these processes."""
        return {p.id: self.refused[p.id] for p in processes if p.id in self.refused}

    def presence(self, panes: Iterable[str], typing_s: float) -> Mapping[str, Presence]:  # noqa: ARG002
        """Return what `engaged` says of the units in these panes."""
        self._look()
        board = self._board.panes if self._board is not None else {}
        marks = {pane: board[pane].mark for pane in panes if pane in board}
        return {
            pane: self.engaged[mark.unit]
            for pane, mark in marks.items()
            if mark is not None and mark.unit in self.engaged
        }

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Carry out orders one after the other."""
        self._look()
        return [self._carry_out(order) for order in orders]

    def close(self) -> None:
        """Let go. Sessions stay; `reopen` with `closed = False`."""
        self.closed = True

    # -- inside --------------------------------------------------------------------------------

    def _look(self) -> None:
        if self.blind or self.closed:
            raise BlindError("tmux does not answer", why="it hangs", fix="tmux kill-server")

    def _dress(self, order: Order) -> None:
        """Outfit every agent runtime of an order before anything of it is done."""
        for pane in (pane for step in order.steps for pane in _started(step)):
            if pane.launch is None or pane.launch.persona is None:
                continue
            if self._outfitter is None:
                raise RefusedStepError("nobody here can outfit an agent runtime")
            unit = UnitId(pane.mark.unit)
            self.outfits[unit] = self._outfitter.outfit(unit, pane.launch)

    def _carry_out(self, order: Order) -> Receipt:
        board = self._board or Board("")
        broken = next((e for e in order.expects if not _holds(board, e)), None)
        if broken is not None:
            return Receipt(order.unit, f"pane {broken.pane_id} is not what it was", stale=True)
        hands = Hands(self._server(), self._begin, self._slots)
        try:
            self._dress(order)
            for step in order.steps:
                self._step(hands, step)
        except RefusedStepError as error:
            moved = isinstance(error, MovedOnError)
            return Receipt(order.unit, str(error), "look at `novaorch diff` again", stale=moved)
        except NovaorchError as refused:
            why = f": {refused.why}" if refused.why else ""
            return Receipt(order.unit, refused.what + why, refused.fix)
        finally:
            self._bury()
        return Receipt(order.unit)

    def _step(self, hands: Hands, step: Step) -> None:
        if self.steps_left is not None:
            if self.steps_left <= 0:
                raise CrashError
            self.steps_left -= 1
        hands.carry_out(step)
        self.log.append(step)
        if isinstance(step, Signal):
            self._signal(step)
        if isinstance(step, TypeLines):
            self._hear(step)
        self._settle(hands)

    def _signal(self, step: Signal) -> None:
        pane = self._server().panes.get(step.pane)
        if pane is not None and (step.name == "KILL" or not self._deaf(pane, step.name)):
            self._end(pane, 128 + signal.Signals[f"SIG{step.name}"])

    def _deaf(self, pane: Pane, name: str) -> bool:
        shell = pane.launch is not None and not pane.launch.argv
        stubborn = pane.mark is not None and pane.mark.unit in self.stubborn
        return stubborn or (shell and name == "TERM")

    def _hear(self, step: TypeLines) -> None:
        pane = self._server().panes.get(step.pane)
        if pane is not None and pane.mark is not None and pane.mark.unit in self.polite:
            self._end(pane, 0)

    def _settle(self, hands: Hands) -> None:
        """Count what was just started, and end at once what cannot live."""
        for pane in hands.started:
            if pane.launch is None:
                self._end(pane, 0)
            elif pane.mark is not None:
                self.starts[pane.mark.unit] += 1
                if pane.mark.unit in self.doomed:
                    self._end(pane, self.doomed[pane.mark.unit])
        hands.started.clear()

    def _said(self, unit: UnitId, target: str) -> str:
        if self._board is None:
            return ""
        if target in self._board.sessions:
            return self._board.sessions[target].applied
        pane = self._board.panes.get(target)
        return pane.window.session.fields.get(unit, "") if pane is not None else ""


def _holds(board: Board, expect: Expect) -> bool:
    """Whether a pane is still this very process in this very state."""
    pane = board.panes.get(expect.pane_id)
    if pane is None or (pane.pid, pane.dead) != (expect.pid, expect.dead):
        return False
    if pane.mark is None or not expect.unit:
        return pane.mark is None and not expect.unit
    return pane.mark.unit == expect.unit and expect.digest in ("", pane.mark.digest)


def _fields(text: str) -> Mapping[str, Json]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _started(step: Step) -> list[NewPane]:
    """Return the panes in which a step starts something."""
    if isinstance(step, OpenSession):
        return [pane for window in step.windows for pane in window.panes]
    if isinstance(step, OpenWindow):
        return list(step.window.panes)
    if isinstance(step, OpenPane):
        return [step.pane]
    return [step.new] if isinstance(step, Respawn) else []
