"""One controller a fleet: who may have the lease, and what a controller may believe of its own.

Rules only. A book (`ports.LeaseBook`) keeps what `Page` says, by its own clock; the tenure of a
controller keeps what `Term` says. Every hour is epoch seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

TTL_S = 3.0
"""How long a lease lasts that nobody renews."""
RENEW_S = 1.0
"""Between two renewals."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease as it stands. `holder` says who has it; `epoch` rises with every change of holder."""

    holder: str
    epoch: int
    until: float


class Standing(enum.StrEnum):
    """What a controller knows of its own lease.

    HELD: nobody else can be at work. UNCONFIRMED: for longer than a lease lasts, nobody could say.
    LOST: another one was given it; nothing may be done any more.
    """

    HELD = "held"
    UNCONFIRMED = "unconfirmed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Page:
    """What a book says of one fleet: the last epoch that was given, to whom, and until when.

    `until` is an hour of the book's own clock.
    """

    epoch: int = 0
    holder: str = ""
    until: float = 0.0


def claimed(page: Page, holder: str, floor: int, now: float, ttl_s: float) -> Page:
    """Return the page after `holder` asked for the lease at `now`: the same if another has it.

    Who had the last epoch gets the same one again, however late: nobody was at work in between.
    """
    if page.holder == holder:
        return replace(page, until=now + ttl_s)
    if page.holder and now < page.until:
        return page
    return Page(max(page.epoch, floor) + 1, holder, now + ttl_s)


def released(page: Page, holder: str, epoch: int) -> Page:
    """Return the page after the lease was given back; another's lease stays as it is.

    The epoch stays too: the next holder's is larger.
    """
    if (page.holder, page.epoch) != (holder, epoch):
        return page
    return Page(page.epoch)


@dataclass(frozen=True, slots=True)
class Term:
    """What one controller believes of its lease. `asked` is when it asked for what it was given
    last; None: it never got an answer. `other` is the grant to another one that ended this term."""

    holder: str
    epoch: int
    ttl_s: float = TTL_S
    asked: float | None = None
    other: Grant | None = None

    @property
    def floor(self) -> int:
        """What to claim with: a book that lost its memory gives this very epoch again."""
        return self.epoch - 1


def judged(term: Term, grant: Grant, asked: float) -> Term:
    """Return the term after an answer to a claim that was sent at the hour `asked`.

    A larger epoch than ours means that another had the lease meanwhile; only a term that was never
    confirmed takes it on. What is lost stays lost.
    """
    if term.other is not None:
        return term
    if grant.holder != term.holder or (term.asked is not None and grant.epoch != term.epoch):
        return replace(term, other=grant)
    return replace(term, epoch=grant.epoch, asked=asked)


def standing(term: Term, now: float) -> Standing:
    """Return what may be believed at this hour; a clock that was set back confirms nothing."""
    if term.other is not None:
        return Standing.LOST
    if term.asked is not None and term.asked <= now < term.asked + term.ttl_s:
        return Standing.HELD
    return Standing.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks for a lease: a host, a process on it, and one tenure of that process.

    `machine` tells this boot of this host, and its view of processes, from any other; `born` tells
    the process from an earlier one with its id.
    """

    host: str
    pid: int
    born: str
    machine: str
    tenure: str

    @property
    def text(self) -> str:
        """One line, for a book."""
        words = (self.host, str(self.pid), self.born, self.machine, self.tenure)
        return " ".join("_".join(word.split()) or "-" for word in words)

    def __str__(self) -> str:
        return f"host {self.host}, pid {self.pid}"


def holder_of(text: str) -> Holder | None:
    """Return the holder that a book names; None when it is none of our making."""
    words = text.split(" ")
    if len(words) != 5 or not all(words) or not words[1].isdecimal():
        return None
    host, pid, born, machine, tenure = words
    return Holder(host, int(pid), born, machine, tenure)
