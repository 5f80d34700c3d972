"""Knows what every agent does: hears its hooks, and where those are silent, looks.

Remembers nothing that matters: whoever starts anew finds the same in session files and on screens.
Looks rarely at who rests, not at all at what is no agent; types nothing but a mark on the pane.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.evidence import reconfirmed
from reconciler.core.screen import read
from reconciler.core.told import background, told
from reconciler.loop.vigil import (
    MARK_S,
    REST_S,
    ROUND_S,
    TRUSTED_S,
    Known,
    busy,
    end,
    interval,
    is_agent,
    key,
    limit,
    runtime,
)
from reconciler.model.agent import AgentReport, AgentState, Roster, Screen, Seat
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.ports import Clock
from reconciler.ports.agents import Records, Typist

__all__ = ["MARK_S", "REST_S", "TRUSTED_S", "Watch", "is_agent"]


@dataclass(slots=True)
class Watch:
    """The state of every agent. Any thread may ask; one of its own looks.

    `roster` gives the newest roster; `changed` is told of every agent whose state is another one
    now, from whichever thread found out.
    """

    typist: Typist
    records: Records
    roster: Callable[[], Roster]
    clock: Clock
    log: Callable[[str], None]
    changed: Callable[[UnitId], None]
    _known: dict[UnitId, Known] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _bell: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False
    _thread: threading.Thread | None = None
    _trouble: str = ""

    # -- asked ------------------------------------------------------------------------------------

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take note of what a runtime tells. Says nothing itself, and never waits."""
        word = told(event)
        seat = self.roster().seats.get(event.unit)
        if word is None or seat is None:
            return SILENCE
        with self._lock:
            known = self._of(seat)
            if known.hook is None or word.at >= known.hook.at:
                known.hook = word
                known.background = background(event)
                known.due = event.at + TRUSTED_S
                known.same = 0
        self._judge([event.unit], event.at)
        return SILENCE

    def report(self, unit: UnitId, now: float) -> AgentReport:
        """Return what is known of an agent at this hour."""
        seat = self.roster().seats.get(unit)
        if seat is None:
            return AgentReport(AgentState.UNKNOWN, now, 0.0, "there is no such agent")
        with self._lock:
            return self._of(seat).judged(now)

    def reports(self) -> Mapping[UnitId, AgentReport]:
        """Return what is known of every agent that is more than a command."""
        now = self.clock.now()
        seats = self.roster().seats.values()
        return {seat.unit: self.report(seat.unit, now) for seat in seats if is_agent(seat)}

    def canaries(self) -> Mapping[UnitId, Sequence[str]]:
        """Return the screens with a menu that nobody knows: a runtime has changed."""
        with self._lock:
            return {unit: known.canary for unit, known in self._known.items() if known.canary}

    # -- looking ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more. Marks on panes stay until they are over."""
        self._ended = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def round(self) -> float:
        """Look at everybody whose turn it is; return for how long nobody's is, in seconds."""
        now = self.clock.now()
        seats = self._present()
        due = [seat for seat in seats if self._known[seat.unit].due <= now]
        try:
            if due:
                self._look(due, now)
            self._judge([seat.unit for seat in due], now)
            self._mark(seats, self.clock.now())
            self._note("")
        except NovaorchError as error:
            self._note(f"agents are not looked at: {error.what} ({error.why})")
        with self._lock:
            soonest = min((k.due for k in self._known.values()), default=now + ROUND_S)
        return max(0.05, min(ROUND_S, soonest - now))

    def _run(self) -> None:
        while not self._ended:
            wait_s = self.round()
            self._bell.wait(wait_s)
            self._bell.clear()

    def _present(self) -> list[Seat]:
        """Return who can be looked at, and forget who is gone from the wish."""
        roster = self.roster()
        with self._lock:
            for unit in self._known.keys() - roster.seats.keys():
                del self._known[unit]
            seats = [seat for seat in roster.seats.values() if is_agent(seat)]
            gone = [seat.unit for seat in seats if self._of(seat).seat.pane and not seat.pane]
        self._judge(gone, self.clock.now())
        return [seat for seat in seats if seat.pane]

    def _look(self, seats: Sequence[Seat], now: float) -> None:
        files = {seat.unit: self.records.session(seat) for seat in seats}
        screens = self.typist.look(seats)
        with self._lock:
            for seat in seats:
                known = self._of(seat)
                file = files[seat.unit]
                known.file = None if file is None else reconfirmed(file, known.hook, now)
                screen = screens.get(seat.unit)
                if screen is not None:
                    self._seen(known, screen, now)
                known.looked = now
                known.due = now + interval(known, now)

    def _seen(self, known: Known, screen: Screen, now: float) -> None:
        reading = read(screen, runtime(known.seat).looks)
        word = limit(reading, now) if reading.state is AgentState.LIMITED else None
        word = word or reading.evidence(now, known.seat.pid)
        last = known.screens[-1] if known.screens else None
        unchanged = last is not None and (last.state, last.detail) == (word.state, word.detail)
        known.same = known.same + 1 if unchanged else 0
        known.screens = known.kept(word)
        if reading.canary and reading.canary != known.canary:
            self.log(f"{known.seat.unit}: {reading.detail}: {' / '.join(reading.canary)[:400]}")
        known.canary = reading.canary

    # -- telling ----------------------------------------------------------------------------------

    def _judge(self, units: Iterable[UnitId], now: float) -> None:
        """Judge anew, and tell of everyone whose state is another one now."""
        told_of = []
        with self._lock:
            for unit in units:
                known = self._known.get(unit)
                if known is None:
                    continue
                before, known.said = known.said, known.judged(now)
                if before is None or key(before) != key(known.said):
                    told_of.append(unit)
        if told_of:
            self._bell.set()
        for unit in told_of:
            self.changed(unit)

    def _mark(self, seats: Sequence[Seat], now: float) -> None:
        """Say on panes who is at work, so that nobody ends a turn; renew it before it is over."""
        for seat in seats:
            with self._lock:
                known = self._of(seat)
                words = busy(known)
                fresh = not words or now - known.marked_at < MARK_S / 2
                if known.said is None or (words == known.marked and fresh):
                    continue
            self.typist.mark(seat, f"{int(now + MARK_S)} {words}" if words else "")
            with self._lock:
                known.marked, known.marked_at = words, now

    def _of(self, seat: Seat) -> Known:
        """Return what is known of an agent; of a new life of it, nothing but how the last ended."""
        known = self._known.get(seat.unit)
        if known is None:
            known = self._known[seat.unit] = Known(seat)
        elif (known.seat.pane, known.seat.pid) != (seat.pane, seat.pid):
            hook = known.hook if known.hook is not None and known.hook.at >= seat.began else None
            ended = end(known, self.clock.now()) if not seat.pane else None
            hook = known.hook if not seat.pane else hook
            known = self._known[seat.unit] = Known(seat, hook=hook, process=ended)
        else:
            known.seat = seat
        return known

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self.log(trouble or "agents are looked at again")
