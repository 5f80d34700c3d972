"""What an account lets through, after what its agents met. Pure: the hour is given.

A limit is never a crash, and never a failed task: it closes the account until an hour, everything
that would begin waits for it, and then goes one after another. Many agents meet one limit at once:
that counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.resets import reset_at
from reconciler.model.agent import Persona
from reconciler.model.capacity import Account, Flow

SHORTEST_S, LONGEST_S = 60.0, 6 * 3600.0
"""No hour that a runtime names is believed to be nearer, or further away, than this."""
GAP_S = 4.0
"""Between two starts or wakes of an account that was closed until lately."""
PACE_S = 300.0
"""For so long after it opened again."""
_RATE_S, _RATE_MAX_S = 60.0, 1800.0
_WINDOW_S = 1800.0
_LOAD_S, _LOAD_MAX_S = 15.0, 600.0
_UNPAID_S = 3600.0
_DRAINED_PERCENT, _PACED_PERCENT = 97.0, 85.0
_WINDOW_WORDS = ("usage limit", "session limit", "weekly", "5-hour", "hit your", "limit reached")


@dataclass(frozen=True, slots=True)
class Limited:
    """A runtime met the account's own limit. `until` is the hour it named, 0 if none."""

    text: str = ""
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Overloaded:
    """The service has too much to do; that is not about this account."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Unpaid:
    """The account has no credit, or its bill is not paid; a person has to mend that."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Strained:
    """A runtime had to try again, and got through."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a window is used up, in percent, and when the window begins anew (0: unknown)."""

    window: str
    percent: float
    resets: float = 0.0


@dataclass(frozen=True, slots=True)
class Served:
    """A turn ended well."""


Event = Limited | Overloaded | Unpaid | Strained | Used | Served


def account_of(persona: Persona | None) -> str:
    """Return whose limits an agent shares: the named account's, or those of all of its runtime
    that name none. '' for a command, which has none."""
    if persona is None or persona.runtime in ("", "command"):
        return ""
    return persona.account or persona.runtime


def after(account: Account, event: Event, now: float) -> Account:
    """Return how the account stands after an event."""
    standing = at(account, now)
    match event:
        case Served():
            return _served(standing)
        case Used():
            return _used(standing, event, now)
        case Strained():
            return _paced(standing, now + SHORTEST_S, f"had to try again: {_short(event.text)}")
        case _:
            return _closed(standing, event, now)


def at(account: Account, now: float) -> Account:
    """Return how an account stands at an hour: what was closed opens by itself, and is paced for a
    while. Nothing has to be written down for that. Of one that is closed until nobody knows when,
    a few are let through to find out."""
    if now < account.until or account.flow is Flow.OPEN:
        return account
    if not account.until:
        return replace(account, flow=Flow.PACE)
    if account.flow is Flow.CLOSED and now < account.until + PACE_S:
        why = f"open again since a while; before: {account.why}"
        return replace(account, flow=Flow.PACE, until=account.until + PACE_S, why=why)
    return replace(account, flow=Flow.OPEN, until=0.0, why="")


def admit(account: Account, now: float) -> float:
    """Return the hour from which one more start or wake is let through; at most `now`: at once."""
    standing = at(account, now)
    if standing.flow in (Flow.CLOSED, Flow.DRAIN):
        return standing.until or now + SHORTEST_S
    return max(now, standing.next_at) if standing.flow is Flow.PACE else now


def booked(account: Account, now: float) -> Account:
    """Return the account after a start or wake was let through now."""
    standing = at(account, now)
    if standing.flow is not Flow.PACE:
        return account
    return replace(account, next_at=max(now, account.next_at) + GAP_S)


# -- inside ---------------------------------------------------------------------------------------


def _closed(account: Account, event: Limited | Overloaded | Unpaid, now: float) -> Account:
    """Close it. What others meet while it is closed already only makes that longer, if at all."""
    again = account.flow is Flow.CLOSED
    strikes = max(1, account.strikes if again else account.strikes + 1)
    until = max(_until(event, strikes, now), account.until if account.flow is Flow.DRAIN else 0.0)
    if again and until <= account.until:
        return account
    return replace(
        account, flow=Flow.CLOSED, until=until, strikes=strikes, next_at=until, why=_why(event)
    )


def _until(event: Limited | Overloaded | Unpaid, strikes: int, now: float) -> float:
    doubled = 2.0 ** min(strikes - 1, 20)
    match event:
        case Overloaded():
            return now + min(_LOAD_MAX_S, _LOAD_S * doubled)
        case Unpaid():
            return now + min(LONGEST_S, _UNPAID_S * doubled)
    said = event.until or reset_at(event.text, now)
    if said is not None:
        return min(max(said, now + SHORTEST_S), now + LONGEST_S)
    if any(word in event.text.lower() for word in _WINDOW_WORDS):
        return now + min(LONGEST_S, _WINDOW_S * doubled)
    return now + min(_RATE_MAX_S, _RATE_S * doubled)


def _served(account: Account) -> Account:
    """A turn that ended well may have begun before the limit, so it opens nothing."""
    return account if account.flow is Flow.CLOSED else replace(account, strikes=0)


def _used(account: Account, event: Used, now: float) -> Account:
    until = min(max(event.resets or 0.0, now + SHORTEST_S), now + LONGEST_S)
    why = f"{event.percent:.0f} % of its {event.window} window are used"
    if account.flow is Flow.CLOSED:
        return account
    if event.percent >= _DRAINED_PERCENT:
        longer = account.flow is not Flow.DRAIN or until > account.until
        return replace(account, flow=Flow.DRAIN, until=until, why=why) if longer else account
    if event.percent >= _PACED_PERCENT:
        return _paced(account, until, why)
    return account


def _paced(account: Account, until: float, why: str) -> Account:
    if account.flow not in (Flow.OPEN, Flow.PACE) or account.until >= until:
        return account
    return replace(account, flow=Flow.PACE, until=until, why=why)


def _why(event: Limited | Overloaded | Unpaid) -> str:
    words = {
        Limited: "its limit is reached",
        Overloaded: "the service is overloaded",
        Unpaid: "it has no credit; a person has to see to that",
    }[type(event)]
    return f"{words}: {_short(event.text)}" if event.text else words


def _short(text: str) -> str:
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= 160 else flat[:159] + "…"
