"""The keyboard at panes: `ports.agents.Typist` over a real server, through a client of its own.

Each act asks the server, in the same command sequence, whether the pane still runs that very
process and has the mark of that agent, and whether nobody scrolls in it; otherwise nothing is done.
No act is ever repeated here: whether one that got no answer happened, the screen has to say.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from reconciler.adapters.tmux import presence
from reconciler.adapters.tmux.composer import blanked
from reconciler.adapters.tmux.link import Link
from reconciler.adapters.tmux.photo import PANE
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.quote import quote, sequence
from reconciler.adapters.tmux.reading import Tty, unread
from reconciler.adapters.tmux.render import live
from reconciler.adapters.tmux.server import Server
from reconciler.adapters.tmux.talk import NoServerError, Reply, SilentError
from reconciler.model.agent import Screen, Seat
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError

LINE_BYTES_MAX = 1_000
"""Some systems drop a longer line that is read whole."""
DONE, ELSEWHERE = "done", "elsewhere"
_UNIT = re.compile(r"[A-Za-z0-9_./-]{1,300}", re.ASCII)
_THERE = "#{pane_id} #{pane_pid} #{?pane_dead,1,0} #{?pane_in_mode,1,0} #{?pane_input_off,1,0}"
_SEEN = (
    "#{cursor_y}",
    "#{cursor_x}",
    "#{?pane_dead,1,0}",
    "#{window_id}",
    "#{pane_tty}",
    "#{pane_mode}",
)


class TmuxTypist:
    """A keyboard on the server at `socket`, a name (`-L`) or a path (`-S`). Any thread.

    `mode` plain takes a client process a call. Every call ends within about `call_timeout_s`.
    """

    def __init__(
        self,
        socket: str,
        *,
        environ: Mapping[str, str] | None = None,
        mode: Literal["auto", "plain"] = "auto",
        call_timeout_s: float = 5.0,
        binary: str = "tmux",
    ) -> None:
        own = dict(os.environ if environ is None else environ)
        server = Server(Plain(binary, socket, own), "", call_timeout_s)
        self._socket, self._timeout_s = socket, call_timeout_s
        self._link = Link(server, own, plain_only=mode == "plain", notify=lambda _word: None)
        self._turn = threading.Lock()
        self._bar = f"|{secrets.token_hex(2)}|"

    def look(self, seats: Sequence[Seat]) -> Mapping[UnitId, Screen]:
        """See `Typist.look`. One round trip for all."""
        if not seats:
            return {}
        lines = [presence.ask_clients(self._bar), *(self._ask(seat) for seat in seats)]
        try:
            clients, *panes = self._told(lambda: self._link.read(lines, connect=True))
        except NoServerError:
            return {}
        people = presence.people(clients, self._bar)
        seen = (self._screen(reply, people) for reply in panes)
        return {seat.unit: it for seat, it in zip(seats, seen, strict=True) if it is not None}

    def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
        """See `Typist.paste`. Any text of UTF-8 without NUL, as one paste; its line breaks stay."""
        at = live(seat.pane, "%")
        buffer = f"novaorch-{secrets.token_hex(8)}"
        acts = [f"paste-buffer -p -d -b {buffer} -t {at}", f"display-message -p {DONE}"]
        acts += [_alone([f"send-keys -t {at} Enter"], at)] if enter else []
        drop = f"delete-buffer -b {buffer}"
        filling = f"set-buffer -b {buffer} -- {quote(text)}"
        replies = self._write([filling, self._guarded(seat, acts, otherwise=[drop])])
        done = DONE in replies[-1].output if replies else False
        if replies and not done and ELSEWHERE not in replies[-1].output:
            self._write([drop])  # the pane is gone: nobody emptied it
        return done

    def line(self, seat: Seat, text: str) -> bool:
        """See `Typist.line`. At most `LINE_BYTES_MAX` printable bytes, and only if its program has
        read everything that was typed before."""
        if len(text.encode()) > LINE_BYTES_MAX or not text.isprintable():
            raise NovaorchError(
                "a text cannot be typed as a line",
                why=f"it is longer than {LINE_BYTES_MAX} bytes, or holds more than printable text",
                fix="make it one short line",
            )
        at = live(seat.pane, "%")
        asked = self._write([self._guarded(seat, [f"display-message -p -t {at} 'T#{{pane_tty}}'"])])
        ttys = [row[1:] for reply in asked for row in reply.output if row.startswith("T")]
        if not ttys or unread(ttys[0]).waiting > 0:
            return False
        keys = [f"send-keys -t {at} -l -- {quote(text)}", f"send-keys -t {at} Enter"]
        return self._act(seat, [_alone(keys, at), f"display-message -p {DONE}"])

    def enter(self, seat: Seat) -> bool:
        """See `Typist.enter`."""
        at = live(seat.pane, "%")
        return self._act(
            seat, [_alone([f"send-keys -t {at} Enter"], at), f"display-message -p {DONE}"]
        )

    def mark(self, seat: Seat, busy: str) -> None:
        """See `Typist.mark`."""
        at = live(seat.pane, "%")
        flag = f"set-option -p -t {at} {presence.BUSY} {quote(busy)}"
        gone = f"set-option -p -u -t {at} {presence.BUSY}"
        condition = quote(_same(seat))
        self._write([f"if-shell -F -t {at} {condition} {quote(flag if busy else gone)}"])

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        with self._turn:
            self._link.drop(wedged=False)

    # -- inside ------------------------------------------------------------------------------------

    def _act(self, seat: Seat, acts: Sequence[str]) -> bool:
        return any(DONE in reply.output for reply in self._write([self._guarded(seat, acts)]))

    def _guarded(self, seat: Seat, acts: Sequence[str], otherwise: Sequence[str] = ()) -> str:
        """Return the line that does `acts` if its agent is there and nobody scrolls."""
        there = f"#{{==:{_THERE},{seat.pane} {int(seat.pid)} 0 0 0}}"
        condition = f"#{{&&:{there},{_marked(seat)}}}"
        other = quote(sequence([*otherwise, f"display-message -p {ELSEWHERE}"]))
        at = live(seat.pane, "%")
        return f"if-shell -F -t {at} {quote(condition)} {quote(sequence(acts))} {other}"

    def _ask(self, seat: Seat) -> str:
        at = live(seat.pane, "%")
        told = f"display-message -p -t {at} 'W{self._bar}{self._bar.join(_SEEN)}'"
        body = sequence([told, f"capture-pane -e -p -t {at}"])
        return f"if-shell -F -t {at} {quote(_same(seat))} {quote(body)}"

    def _screen(self, reply: Reply, people: Sequence[presence.Person]) -> Screen | None:
        first, *lines = reply.output or ("",)
        cells = first.split(self._bar)
        if len(cells) != len(_SEEN) + 1 or cells[0] != "W":
            return None
        _, row, column, dead, window, tty, mode = cells
        drawn = blanked(lines)
        known = Tty() if dead == "1" else unread(tty)
        return Screen(
            rows=tuple(text for text, _ in drawn),
            bright=tuple(bright for _, bright in drawn),
            cursor=(_number(row), _number(column)),
            mode=mode,
            dead=dead == "1",
            attended=max((p.last_key for p in people if p.window == window), default=0.0),
            unread=known.waiting if known.lines else -1,
        )

    def _write(self, lines: Sequence[str]) -> list[Reply]:
        """Carry out lines once; no server, no replies."""
        try:
            return self._told(lambda: self._link.talk(start=False)[0].run(lines, self._timeout_s))
        except NoServerError:
            return []

    def _told(self, work: Callable[[], list[Reply]]) -> list[Reply]:
        with self._turn:
            try:
                return work()
            except SilentError as silent:
                self._link.drop(wedged=bool(self._link.control_pid))
                raise BlindError(
                    f"the tmux server at {self._socket} does not answer",
                    why=silent.why,
                    fix="see whether it hangs: tmux list-sessions",
                ) from silent


def _alone(keys: Sequence[str], at: str) -> str:
    """Return what presses keys in this pane alone, though its window may share its keys."""
    shared = [
        f"set-option -p -t {at} synchronize-panes off",
        *keys,
        f"set-option -p -u -t {at} synchronize-panes",
    ]
    return (
        f"if-shell -F -t {at} '#{{pane_synchronized}}' "
        f"{quote(sequence(shared))} {quote(sequence(keys))}"
    )


def _same(seat: Seat) -> str:
    """Return the format that is true while the pane is that agent's, with that very process."""
    there = f"#{{==:#{{pane_id}} #{{pane_pid}},{seat.pane} {int(seat.pid)}}}"
    return f"#{{&&:{there},{_marked(seat)}}}"


def _marked(seat: Seat) -> str:
    if not _UNIT.fullmatch(seat.unit):
        raise NovaorchError(
            f"no agent can be called {seat.unit[:80]!r}",
            why="its name holds what tmux would read as something else",
            fix="name it with letters, digits and hyphens",
        )
    return f"#{{m:v1 * {seat.unit} *,#{{{PANE}}}}}"


def _number(cell: str) -> int:
    return int(cell) if cell.isdecimal() else 0
