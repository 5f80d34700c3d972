"""Carries out many orders over one way to the server: all lines at once, one receipt each.

An order whose answer did not come is never sent again: its receipt says that its fate is unknown.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.tmux.steps import (
    DONE,
    STALE,
    Known,
    checked,
    commands,
    made_by,
    panes_of,
    seen_pid,
)
from reconciler.adapters.tmux.talk import BIRTH, NoServerError, Reply, SilentError, Talk
from reconciler.model import step as s
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.ports import Order, Receipt

UNKNOWN_FIX = "nothing: the next pass looks again"


@dataclass(slots=True)
class _Work:
    """One order on its way: the steps still to do, and what became of it."""

    order: Order
    left: list[s.Step]
    first: bool = True
    born: list[UnitId] = field(default_factory=list)
    signal: s.Signal | None = None
    receipt: Receipt | None = None
    seconds: float = 0.0

    def fail(self, error: str, fix: str = "", *, stale: bool = False) -> None:
        """Close this order without success."""
        self.receipt = Receipt(self.order.unit, error, fix, stale, self.seconds)


@dataclass(slots=True)
class Batch:
    """Orders, what is known of the server, and the panes that are learnt on the way."""

    known: Known
    slots: dict[UnitId, str]
    timeout_s: float
    broken: bool = False

    def perform(self, orders: Sequence[Order], talk: Talk) -> list[Receipt]:
        """Return one receipt an order. SilentError only when nothing at all was sent."""
        works = [_Work(order, list(order.steps)) for order in orders]
        while open_works := [work for work in works if work.receipt is None]:
            self._round(open_works, talk)
        return [work.receipt for work in works if work.receipt is not None]

    def _round(self, works: Sequence[_Work], talk: Talk) -> None:
        sent: list[_Work] = []
        lines: list[str] = []
        for work in works:
            try:
                lines.append(self._segment(work))
                sent.append(work)
            except NovaorchError as refused:
                why = f": {refused.why}" if refused.why else ""
                work.fail(refused.what + why, refused.fix)
            except ValueError as odd:
                work.fail(str(odd))
        if not lines:
            return
        start = time.monotonic()
        replies = self._replies(lines, sent, talk)
        shares = _shares(start, [reply.at for reply in replies])
        for work, reply, seconds in zip(sent, replies, shares, strict=False):
            work.seconds += seconds
            self._learn(work, reply)

    def _replies(self, lines: list[str], sent: Sequence[_Work], talk: Talk) -> list[Reply]:
        try:
            if self.known.setting.messages and any(_secret(work.order) for work in sent):
                return _hushed(lines, talk, self.known.setting.messages, self.timeout_s)
            return talk.run(lines, self.timeout_s)
        except (SilentError, NoServerError) as gone:
            replies = list(gone.replies) if isinstance(gone, SilentError) else []
            reached = gone.sent if isinstance(gone, SilentError) else 0
            if not reached and all(work.first for work in sent):
                raise
            self.broken = True
            for number, work in enumerate(sent[len(replies) :], len(replies)):
                if number < reached:
                    work.fail(f"fate unknown: {gone}", UNKNOWN_FIX)
                else:
                    work.fail(f"not sent: {gone}", UNKNOWN_FIX)
            return replies

    def _segment(self, work: _Work) -> str:
        """Return the next line of an order: as many steps as can be written down now."""
        body: list[str] = []
        work.born, work.signal = [], None
        while work.left:
            step = work.left[0]
            if work.born and _refers(step):
                break
            body += commands(step, self.known)
            work.born += made_by(step)
            work.left.pop(0)
            if isinstance(step, s.Signal):
                work.signal = step
                body.append(seen_pid(step.pane))
                break
        expects = work.order.expects if work.first else ()
        return checked(body, expects, self.known.setting.fleet)

    def _learn(self, work: _Work, reply: Reply) -> None:
        self.slots.update(zip(work.born, _births(reply), strict=False))
        if STALE in reply.output:
            work.fail("the world has moved on", "nothing: the next pass plans anew", stale=True)
        elif reply.error or DONE not in reply.output:
            work.fail(*_said(reply.error or "tmux did not finish the order"))
        elif work.signal is not None and not _signalled(work, reply):
            return
        elif not work.left:
            work.receipt = Receipt(work.order.unit, seconds=work.seconds)
        work.first = False


def _hushed(lines: Sequence[str], talk: Talk, limit: int, timeout_s: float) -> list[Reply]:
    """Run lines that hold secrets: tmux logs every command, so its log stays empty meanwhile."""
    quiet, loud = (f"set-option -s message-limit {size}" for size in (0, limit))
    try:
        return talk.run([quiet, *lines, loud], timeout_s)[1:-1]
    except SilentError as gone:
        replies = gone.replies[1 : len(lines) + 1]
        raise SilentError(gone.why, replies, min(max(gone.sent - 1, 0), len(lines))) from gone


def _secret(order: Order) -> bool:
    return any(
        pane.launch and pane.launch.secrets for step in order.steps for pane in panes_of(step)
    )


def _shares(start: float, stamps: Sequence[float]) -> Iterator[float]:
    """Answers that came together share the time since those before them."""
    for stamp, group in itertools.groupby(stamps):
        size = len(list(group))
        yield from itertools.repeat(max(0.0, stamp - start) / size, size)
        start = stamp


def _refers(step: s.Step) -> bool:
    match step:
        case s.OpenPane(beside=target) | s.Respawn(pane=target) | s.MarkPane(pane=target):
            return target.startswith("slot:")
        case s.SwapPanes(first=first, second=second):
            return first.startswith("slot:") or second.startswith("slot:")
        case s.Close(target=target):
            return target.startswith("slot:")
        case _:
            return False


def _births(reply: Reply) -> Iterator[str]:
    return (row[len(BIRTH) :] for row in reply.output if row.startswith(BIRTH))


def _signalled(work: _Work, reply: Reply) -> bool:
    """Send the signal if the pane still runs that very process. Gone already is success."""
    wanted = work.signal
    if wanted is None or wanted.pid <= 1 or wanted.name not in ("TERM", "KILL", "INT", "HUP"):
        work.fail("not a signal that may be sent")
        return False
    row = next((row.split(" ") for row in reply.output if row.startswith("pid ")), None)
    if row is not None and row[3] == "0":
        if row[2] != str(wanted.pid):
            work.fail("the world has moved on", "nothing: the next pass plans anew", stale=True)
            return False
        try:
            _send(wanted.pid, getattr(signal, f"SIG{wanted.name}"))
        except PermissionError:
            work.fail(
                f"process {wanted.pid} may not be signalled",
                f"it runs as another user: sudo kill -{wanted.name} -- -{wanted.pid}",
            )
            return False
    return True


def _send(pid: int, number: int) -> None:
    """Signal the group, or the process alone while it is too young to lead one."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _said(error: str) -> tuple[str, str]:
    """Turn tmux's words into what is wrong and how to mend it."""
    if error.startswith("duplicate session"):
        name = error.partition(": ")[2]
        return (
            f"name taken: a session {name} is there that this fleet did not make",
            f"rename it (tmux rename-session -t '={name}' …) or give the session another name",
        )
    if "no space for" in error:
        return error, "give the session more columns and rows, or the window fewer panes"
    return error, UNKNOWN_FIX
