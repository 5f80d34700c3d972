"""Commits made together: whoever comes while one batch is signed and written is in the next one.

Never makes half a commit: its objects are on the disk before a ref names it, and all of its refs
move in one transaction, each only from where it was read to be.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import object_id
from reconciler.adapters.git.loose import Write
from reconciler.adapters.git.record.packs import Packs
from reconciler.adapters.git.record.refmoves import RefMoves
from reconciler.adapters.git.seal import Seal, sealed
from reconciler.model.problems import NovaorchError

Moves = Callable[[str, Write], Sequence[str]]
"""Given the new commit and a writer of objects, returns the lines of the transaction of refs."""


PACE_S = 0.02
"""So long after one batch the next begins, at the earliest: a process signs many as fast as one."""


class UnmovedError(Exception):
    """The refs were not moved; the text is what git said."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit that is to be made: its content without a signature, the objects that it needs by
    id, and what is moved to it."""

    payload: bytes
    objects: Mapping[str, tuple[str, bytes]]
    moves: Moves


@dataclass(slots=True)
class _Ticket:
    """Somebody who waits: until it is done, or until it is theirs to print the next batch."""

    draft: Draft
    word: threading.Event = field(default_factory=threading.Event)
    oid: str = ""
    lines: tuple[str, ...] = ()
    failure: Exception | None = None
    done: bool = False


@dataclass(slots=True)
class Figures:
    """What a press did: for reports."""

    commits: int = 0
    batches: int = 0
    largest: int = field(default=0)


class Press:
    """Makes commits in one repository. Any thread; close it."""

    def __init__(self, room: CleanRoom, seal: Seal | None) -> None:
        self._format, self._seal = room.object_format, seal
        self._packs = Packs(room)
        self._refs = RefMoves(room.command().start)
        self._waiting: list[_Ticket] = []
        self._lock, self._idle = threading.Lock(), threading.Event()
        self._idle.set()
        self._ended = 0.0
        self.figures = Figures()

    def make(self, draft: Draft) -> str:
        """Make one commit and return its id when it is durable.

        UnmovedError: a ref was not where it should be, or is locked. SourceError: it cannot be
        signed or written. In either case nothing is visible of it.
        """
        ticket = _Ticket(draft)
        with self._lock:
            self._waiting.append(ticket)
            first = self._idle.is_set()
            self._idle.clear()
        if not first:
            ticket.word.wait()
        if not ticket.done:
            try:
                self._print(self._gathered())
            finally:
                self._hand_on()
        if ticket.failure is not None:
            raise ticket.failure
        return ticket.oid

    def close(self) -> None:
        """End the helpers."""
        while True:
            self._idle.wait()
            with self._lock:
                if self._idle.is_set():  # nobody came in between, and nobody can now
                    self._refs.close()
                    self._packs.close()
                    return

    def _hand_on(self) -> None:
        """Let one of those who came meanwhile print the next batch: only that one is woken."""
        with self._lock:
            if self._waiting:
                self._waiting[0].word.set()
            else:
                self._idle.set()

    def _gathered(self) -> list[_Ticket]:
        """Return everybody who waits; right after a batch, a moment later: then they are more."""
        left = self._ended + PACE_S - time.monotonic()
        if left > 0:
            time.sleep(left)
        with self._lock:
            batch, self._waiting = self._waiting, []
        return batch

    def _print(self, batch: list[_Ticket]) -> None:
        try:
            self._packs.add(self._objects(batch))
            self._move(batch)
        except Exception as error:  # the others wait for a word, whatever it is
            for ticket in batch:
                ticket.failure = ticket.failure or error
        finally:
            for ticket in batch:
                ticket.done = True
                ticket.word.set()
            self._ended = time.monotonic()
        with contextlib.suppress(NovaorchError, OSError):  # a pack more is nobody's harm
            self._packs.tidy()
            self._refs.rest()
        self.figures.commits += sum(ticket.failure is None for ticket in batch)
        self.figures.batches += 1
        self.figures.largest = max(self.figures.largest, len(batch))

    def _objects(self, batch: Sequence[_Ticket]) -> dict[str, tuple[str, bytes]]:
        objects: dict[str, tuple[str, bytes]] = {}

        def write(kind: str, body: bytes) -> str:
            oid = object_id(kind, body, self._format)
            objects[oid] = (kind, body)
            return oid

        for ticket, body in zip(batch, self._signed(batch), strict=True):
            objects.update(ticket.draft.objects)
            ticket.oid = write("commit", body)
            ticket.lines = tuple(ticket.draft.moves(ticket.oid, write))
        return objects

    def _signed(self, batch: Sequence[_Ticket]) -> list[bytes]:
        payloads = [ticket.draft.payload for ticket in batch]
        if self._seal is None:
            return payloads
        signatures = self._seal.sign_all(payloads)
        both = zip(payloads, signatures, strict=True)
        return [sealed(payload, signature, self._format) for payload, signature in both]

    def _move(self, batch: Sequence[_Ticket]) -> None:
        """Move all refs at once; when one of them cannot be, each commit's for themselves."""
        if not self._refs.move([line for ticket in batch for line in ticket.lines]):
            return
        for ticket in batch:
            said = self._refs.move(ticket.lines)
            if said:
                ticket.failure = UnmovedError(said)
