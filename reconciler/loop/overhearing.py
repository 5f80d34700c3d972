"""Two who listen at the courier's: every word that it gives to a model is part of what a turn was
asked. Passes everything on as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.agent import Screen, Seat
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.ports.agents import Desk, Typist


@dataclass(frozen=True, slots=True)
class Overheard:
    """The courier, whose every word to a model is part of what a turn was asked."""

    courier: Desk
    given: Callable[[UnitId, str], None]

    def hear(self, event: HookEvent) -> HookAnswer:
        """See `Courier.hear`."""
        said = self.courier.hear(event)
        self.given(event.unit, said.context or said.go_on)
        return said


@dataclass(frozen=True, slots=True)
class Overread:
    """A typist, whose every message to a runtime is part of what a turn was asked."""

    typist: Typist
    typed: Callable[[Seat, str], None]

    def look(self, seats: Sequence[Seat]) -> Mapping[UnitId, Screen]:
        """See `Typist.look`."""
        return self.typist.look(seats)

    def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
        """See `Typist.paste`."""
        return self._noted(seat, text, done=self.typist.paste(seat, text, enter=enter))

    def line(self, seat: Seat, text: str) -> bool:
        """See `Typist.line`."""
        return self._noted(seat, text, done=self.typist.line(seat, text))

    def enter(self, seat: Seat) -> bool:
        """See `Typist.enter`."""
        return self.typist.enter(seat)

    def mark(self, seat: Seat, busy: str) -> None:
        """See `Typist.mark`."""
        self.typist.mark(seat, busy)

    def _noted(self, seat: Seat, text: str, *, done: bool) -> bool:
        if done:
            self.typed(seat, text)
        return done
