"""A keyboard at pretended panes, as strict as the real one, and the program that reads it.

The program has a composer between two rules, as agents draw it. Tests and the simulator make it
swallow, lose, or refuse what a real one may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.model.agent import Screen, Seat
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError

LINE_BYTES_MAX = 1_000
RULE = "─" * 40
PROMPT = "\u276f\u00a0"


@dataclass(slots=True)
class MemoryPane:
    """One pane and its program. `submit` is told each prompt, or each line that is read.

    `rows` stand above the composer, `dialog` in its place. A program with `lines` reads whole lines
    while it `reads`. `swallows` is how many Enters it loses. `mode` is that of a person who
    scrolls; `attended` the hour of their last key.
    """

    unit: UnitId
    pid: int
    submit: Callable[[str], None] = lambda _text: None
    rows: tuple[str, ...] = ("ready",)
    composer: str = ""
    dialog: tuple[str, ...] = ()
    lines: bool = False
    reads: bool = True
    swallows: int = 0
    mode: str = ""
    attended: float = 0.0
    dead: bool = False
    busy_with: str = ""
    unread: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def screen(self) -> Screen:
        """Return what it shows."""
        drawn = [*self.rows, *(self.dialog or self._composer())]
        if self.lines:
            drawn = list(self.rows)
        held = sum(len(line) + 1 for line in self.unread)
        rows = tuple(row.rstrip(" ") for row in drawn)
        cursor = (max(0, len(rows) - 2), 0)
        unread = held if self.lines else -1
        return Screen(rows, rows, cursor, self.mode, self.dead, self.attended, unread)

    def take(self, text: str) -> None:
        """Get a paste."""
        self.keys.append(f"paste:{text}")
        if not self.dialog:
            self.composer += text

    def enter(self) -> None:
        """Get the key Enter."""
        self.keys.append("Enter")
        if self.swallows:
            self.swallows -= 1
        elif not self.dialog and self.composer:
            text, self.composer = self.composer, ""
            self.submit(text)

    def type_line(self, line: str) -> None:
        """Get a line and Enter."""
        self.keys.append(f"line:{line}")
        self.unread.append(line)
        if self.reads:
            self.read()

    def read(self) -> None:
        """Read the lines that were typed."""
        while self.unread:
            self.submit(self.unread.pop(0))

    def _composer(self) -> list[str]:
        first, *others = self.composer.split("\n")
        return [RULE, f"{PROMPT}{first}", *(f"  {row}" for row in others), RULE]


class MemoryTypist:
    """`ports.agents.Typist` without a server: panes by id. `down` makes every call a BlindError."""

    def __init__(self, panes: Mapping[str, MemoryPane] | None = None) -> None:
        self.panes: dict[str, MemoryPane] = dict(panes or {})
        self.down = False

    def look(self, seats: Sequence[Seat]) -> Mapping[UnitId, Screen]:
        """See `Typist.look`."""
        self._answer()
        found = {seat.unit: self._same(seat) for seat in seats}
        return {unit: pane.screen() for unit, pane in found.items() if pane is not None}

    def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
        """See `Typist.paste`."""
        self._answer()
        pane = self._there(seat)
        if pane is None:
            return False
        pane.take(text)
        if enter:
            pane.enter()
        return True

    def line(self, seat: Seat, text: str) -> bool:
        """See `Typist.line`."""
        if len(text.encode()) > LINE_BYTES_MAX or not text.isprintable():
            raise NovaorchError(
                "a text cannot be typed as a line",
                why=f"it is longer than {LINE_BYTES_MAX} bytes, or holds more than printable text",
                fix="make it one short line",
            )
        self._answer()
        pane = self._there(seat)
        if pane is None or pane.unread:
            return False
        pane.type_line(text)
        return True

    def enter(self, seat: Seat) -> bool:
        """See `Typist.enter`."""
        self._answer()
        pane = self._there(seat)
        if pane is None:
            return False
        pane.enter()
        return True

    def mark(self, seat: Seat, busy: str) -> None:
        """See `Typist.mark`."""
        self._answer()
        pane = self._same(seat)
        if pane is not None:
            pane.busy_with = busy

    def close(self) -> None:
        """Nothing is open."""

    def _same(self, seat: Seat) -> MemoryPane | None:
        pane = self.panes.get(seat.pane)
        return pane if pane is not None and (pane.unit, pane.pid) == (seat.unit, seat.pid) else None

    def _there(self, seat: Seat) -> MemoryPane | None:
        pane = self._same(seat)
        return pane if pane is not None and not pane.dead and not pane.mode else None

    def _answer(self) -> None:
        if self.down:
            raise BlindError("tmux does not answer", why="it is down", fix="tmux list-sessions")
