"""The right to act: one controller a fleet, on this host by locks, among hosts by a lease.

The locks are the ground truth here: the system itself takes them back from the dead. A lease is
for fleets whose store several hosts share. Every tenure has a number, its epoch, larger than any
before it; hosts refuse what carries a smaller one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.core.lease import (
    RENEW_S,
    TTL_S,
    Grant,
    Holder,
    Standing,
    Term,
    holder_of,
    judged,
    standing,
)
from reconciler.loop.stakes import Ground, Stakes
from reconciler.model.problems import BlindError, LeaseHeldError, NovaorchError
from reconciler.ports import Clock, LeaseBook

PATIENCE_S, TRIES = 0.02, 10
"""A lock may be somebody's for the moment in which they find the other one taken."""


class Tenure:
    """One process's right to be the controller of one fleet. Begin it, ask it, end it.

    `changed` is called when the standing becomes another one, perhaps from another thread. `gone`
    says of a holder whether it is known to be dead. `trouble` is why the lease is not confirmed,
    `lost` why the right to act is lost.
    """

    def __init__(
        self,
        stakes: Stakes,
        holder: Holder,
        clock: Clock,
        gone: Callable[[Holder], bool] = lambda _holder: False,
        renew_s: float = RENEW_S,
    ) -> None:
        self._renew_s = renew_s
        self._stakes, self._holder, self._clock, self._gone = stakes, holder, clock, gone
        self.changed: Callable[[], None] = lambda: None
        self.trouble = ""
        self.lost: LeaseHeldError | None = None
        self._term: Term | None = None
        self._told = Standing.HELD
        self._turn = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def began(self) -> bool:
        """Whether it began, and did not end yet."""
        return self._term is not None

    @property
    def epoch(self) -> int:
        """The number of this tenure, 0 before it begins."""
        return self._term.epoch if self._term is not None else 0

    def begin(self) -> bool:
        """Take every lock, then the lease. False: another process has the lock of this folder.

        LeaseHeldError: another controller has this fleet, elsewhere. A store that does not answer
        keeps nobody from beginning: the standing says so.
        """
        try:
            return self._begin()
        except BaseException:
            self.end()
            raise

    def number(self) -> int:
        """Return the epoch that a write carries; LeaseHeldError when there is no right to write."""
        self.check()
        return self.epoch

    def check(self) -> None:
        """Take locks anew whose files were deleted. LeaseHeldError: the right to act is lost."""
        if self.lost is None:
            if not self.began:
                raise _held_by("this one has not begun, or has ended")
            for ground in self._stakes.grounds:
                if not self._held(ground):
                    self._lose(f"a lock of this one was deleted; {ground.holder()}")
        if self.lost is not None:
            raise self.lost

    def standing(self, now: float) -> Standing:
        """Return what is known of the right to act at this hour."""
        if self.lost is not None:
            return Standing.LOST
        term = self._term
        if term is None or self._stakes.book is None:
            return Standing.HELD
        return standing(term, now)

    def overtaken(self) -> None:
        """Take note that a host obeys a larger epoch."""
        self._lose("the host takes orders of a later one")

    def move(self, stakes: Stakes) -> None:
        """Stand on what other settings of this fleet ask for: a new tenure, without a gap.

        LeaseHeldError, and the right is lost, when another controller is there.
        """
        held = {ground.place: ground for ground in self._stakes.grounds}
        grounds = tuple(held.pop(ground.place, ground) for ground in stakes.grounds)
        self._rest()
        self._stakes = replace(stakes, grounds=grounds)
        try:
            if not self._begin():
                self._lose(grounds[-1].holder())
        except LeaseHeldError as other:
            self._lose(other.why)
        for ground in held.values():
            ground.release()
        self.check()

    def end(self) -> None:
        """Give back the lease and the locks, for good; a second call does nothing."""
        self._rest()
        self._term = None
        for ground in self._stakes.grounds:
            ground.release()

    def beat(self) -> None:
        """Renew the lease once; the thread of a tenure does so each second."""
        with self._turn:
            term, book, asked = self._term, self._stakes.book, self._clock.now()
            if term is None or book is None or self.lost is not None:
                return
            try:
                self._judge(term, book.claim(term.holder, term.floor, asked, term.ttl_s), asked)
                self.trouble = ""
            except NovaorchError as error:
                self.trouble = f"{error.what} ({error.why})"
        self._tell()

    # -- inside ------------------------------------------------------------------------------

    def _begin(self) -> bool:
        here = self._stakes.grounds[-1]
        for ground in self._stakes.grounds:
            if not self._held(ground, unless=here.holder):
                if ground is here or here.holder():
                    self.end()
                    return False
                raise _held_by(ground.holder())
        term = Term(self._holder.text, 1 + self._seen())
        if self._stakes.book is not None:
            term = self._first(term, self._stakes.book)
        for milestone in self._stakes.milestones:
            with contextlib.suppress(BlindError):
                milestone.keep(term.epoch)
        self._term = term
        self._told = self.standing(self._clock.now())
        if self._stakes.book is not None:
            self._end.clear()
            self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
            self._thread.start()
        return True

    def _first(self, term: Term, book: LeaseBook) -> Term:
        """Ask for the lease; what a dead process of this machine left is no hindrance."""
        asked = self._clock.now()
        try:
            grant = book.claim(term.holder, term.floor, asked, term.ttl_s)
            other = holder_of(grant.holder)
            if grant.holder != term.holder and other is not None and self._gone(other):
                book.release(grant.holder, grant.epoch)
                grant = book.claim(term.holder, term.floor, asked, term.ttl_s)
        except NovaorchError as error:
            self.trouble = f"{error.what} ({error.why})"
            return term
        if grant.holder != term.holder:
            raise _held_by(_named(grant))
        return judged(term, grant, asked)

    def _judge(self, term: Term, grant: Grant, asked: float) -> None:
        """Believe an answer."""
        self._term = judged(term, grant, asked)
        if self._term.other is not None:
            mine = grant.holder == term.holder
            self._lose("its lease ran out, and another had it meanwhile" if mine else _named(grant))
        elif self._term.epoch != term.epoch:
            for milestone in self._stakes.milestones:
                with contextlib.suppress(NovaorchError):
                    milestone.keep(self._term.epoch)

    def _renew(self) -> None:
        while not self._end.wait(self._renew_s):
            self.beat()

    def _rest(self) -> None:
        """Stop renewing and give the lease back."""
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(TTL_S)
        term, book = self._term, self._stakes.book
        if book is None or (thread is not None and thread.is_alive()):
            return
        with contextlib.suppress(NovaorchError):
            if term is not None and term.asked is not None:
                book.release(term.holder, self._given(term))
        book.close()

    def _given(self, term: Term) -> int:
        """Return the epoch of the last grant to us, also of one that came too late."""
        other = term.other
        return other.epoch if other is not None and other.holder == term.holder else term.epoch

    def _seen(self) -> int:
        """Return the largest epoch that this host knows of; what does not answer will say later."""
        seen = 0
        for milestone in self._stakes.milestones:
            with contextlib.suppress(BlindError):
                seen = max(seen, milestone.seen())
        return seen

    def _held(self, ground: Ground, unless: Callable[[], str] = str) -> bool:
        """Hold a lock; give up soon, and at once when somebody is known to have what is `unless`.

        Who begins takes one lock after the other: for a moment, the next one names nobody yet.
        """
        for _ in range(TRIES):
            if ground.hold():
                return True
            if unless():
                return False
            self._clock.sleep(PATIENCE_S)
        return False

    def _lose(self, why: str) -> None:
        if self.lost is None:
            self.lost = LeaseHeldError(
                "another controller keeps this fleet true by now",
                why=why,
                fix="nothing: this one ends",
            )
            self._tell()

    def _tell(self) -> None:
        now = self.standing(self._clock.now())
        if now is not self._told:
            self._told = now
            self.changed()


def _held_by(whom: str) -> LeaseHeldError:
    return LeaseHeldError(
        "another controller keeps this fleet true already",
        why=whom,
        fix="look at it: novaorch status; or end it where it runs: novaorch down",
    )


def _named(grant: Grant) -> str:
    """Say who has the lease, and until when."""
    holder = holder_of(grant.holder)
    who = str(holder) if holder is not None else f"{grant.holder[:80]!r}"
    with contextlib.suppress(OverflowError, ValueError, OSError):
        until = datetime.fromtimestamp(grant.until, UTC)
        return f"{who} has the lease of epoch {grant.epoch} until {until:%Y-%m-%d %H:%M:%S} UTC"
    return f"{who} has the lease of epoch {grant.epoch}"
