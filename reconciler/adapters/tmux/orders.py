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

from reconciler.adapters.tmux import groups
from reconciler.adapters.tmux.steps import (
    DONE,
    Check,
    Known,
    checked,
    checks,
    commands,
    made_by,
    panes_of,
    refused,
    seen_pid,
    typing,
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
    checks: list[Check] = field(default_factory=list)
    receipt: Receipt | None = None
    seconds: float = 0.0

    def fail(self, error: str, fix: str = "", *, stale: bool = False) -> None:
        """Close this order without success."""
        self.receipt = Receipt(self.order.unit, error, fix, stale, self.seconds)

    def refuse(self, refused: NovaorchError) -> None:
        """Close this order: it cannot be written down."""
        self.fail(refused.what + (f": {refused.why}" if refused.why else ""), refused.fix)


Shared = tuple[_Work, list[str]]
"""An order and its commands, in a line that it shares with others."""
Parcel = tuple[list[Shared], str]
"""One line, and the orders that it carries out."""


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
        parcels = self._parcels(works, together=talk.ordered)
        if not parcels:
            return
        start = time.monotonic()
        replies = self._replies(parcels, talk)
        answered: list[tuple[_Work, Reply]] = []
        undone: list[Parcel] = []
        for (sent, _), reply in zip(parcels, replies, strict=False):
            if len(sent) == 1:
                answered.append((sent[0][0], reply))
            else:
                answered += self._shared(sent, reply, undone)
        if undone:
            singly = self._replies(undone, talk)
            answered += [(s[0][0], r) for (s, _), r in zip(undone, singly, strict=False)]
        shares = _shares(start, [reply.at for _, reply in answered])
        for (work, reply), seconds in zip(answered, shares, strict=True):
            work.seconds += seconds
            self._learn(work, reply)

    def _shared(
        self, sent: list[Shared], reply: Reply, undone: list[Parcel]
    ) -> Iterator[tuple[_Work, Reply]]:
        """Yield what a shared line finished; add what is left to do one by one to `undone`."""
        parts = groups.split(reply, len(sent))
        if parts is not None:
            yield from zip((work for work, _ in sent), parts, strict=True)
            return
        births, setting = groups.born(reply), self.known.setting
        for number, (work, body) in enumerate(sent):
            if number < len(births):
                self.slots.update(zip(work.born, [births[number][len(BIRTH) :]], strict=False))
                undone.append(([(work, body)], groups.rest((work.order, body), setting)))
            else:
                undone.append(([(work, body)], checked(body, (), setting)))

    def _parcels(self, works: Sequence[_Work], *, together: bool) -> list[Parcel]:
        """Return the lines to send, each with the orders it carries out."""
        parcels: list[Parcel] = []
        waiting: list[Shared] = []
        for work in works:
            body = self._body(work)
            if body is None:
                continue
            if together and work.first and groups.fits(work.order, self.known.setting):
                waiting.append((work, body))
                continue
            parcels.append(([(work, body)], checked(body, work.checks, self.known.setting)))
        for n in range(0, len(waiting), groups.SIZE):
            group = waiting[n : n + groups.SIZE]
            bodies = [(work.order, body) for work, body in group]
            parcels.append((group, groups.line(bodies, self.known.setting)))
        return parcels

    def _replies(self, parcels: Sequence[Parcel], talk: Talk) -> list[Reply]:
        lines = [line for _, line in parcels]
        works = [work for sent, _ in parcels for work, _ in sent]
        try:
            if self.known.setting.messages and any(_secret(work.order) for work in works):
                return _hushed(lines, talk, self.known.setting.messages, self.timeout_s)
            return talk.run(lines, self.timeout_s)
        except (SilentError, NoServerError) as gone:
            replies = list(gone.replies) if isinstance(gone, SilentError) else []
            reached = gone.sent if isinstance(gone, SilentError) else 0
            if not reached and all(work.first for work in works):
                raise
            self.broken = True
            for number, (sent, _) in enumerate(parcels[len(replies) :], len(replies)):
                what = "fate unknown" if number < reached else "not sent"
                for work, _ in sent:
                    work.fail(f"{what}: {gone}", UNKNOWN_FIX)
            return replies

    def _body(self, work: _Work) -> list[str] | None:
        """Return an order's next commands, as far as they are known by now; None: refused."""
        try:
            work.checks = checks(work.order.expects, self.known.setting.fleet) if work.first else []
            return self._segment(work)
        except NovaorchError as unfit:
            work.refuse(unfit)
        except ValueError as odd:
            work.fail(str(odd))
        return None

    def _segment(self, work: _Work) -> list[str]:
        body: list[str] = []
        work.born, work.signal = [], None
        while work.left:
            step = work.left[0]
            if work.born and _refers(step):
                break
            body += commands(step, self.known)
            work.checks += typing(step, self.known)
            work.born += made_by(step)
            work.left.pop(0)
            if isinstance(step, s.Signal):
                work.signal = step
                body.append(seen_pid(step.pane))
                break
        return body

    def _learn(self, work: _Work, reply: Reply) -> None:
        self.slots.update(zip(work.born, _births(reply), strict=False))
        if (why := refused(reply.output, self.known.setting)) is not None:
            work.fail(*why, stale=True)
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
        pane.launch and (pane.launch.secrets or pane.launch.persona)
        for step in order.steps
        for pane in panes_of(step)
    )


def _shares(start: float, stamps: Sequence[float]) -> Iterator[float]:
    """Answers that came together share the time since those before them."""
    for stamp, group in itertools.groupby(stamps):
        size = len(list(group))
        yield from itertools.repeat(max(0.0, stamp - start) / size, size)
        start = stamp


def _refers(step: s.Step) -> bool:
    match step:
        case (
            s.OpenPane(beside=target)
            | s.Respawn(pane=target)
            | s.MarkPane(pane=target)
            | s.TypeLines(pane=target)
        ):
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
