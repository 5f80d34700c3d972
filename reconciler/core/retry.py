"""Moves that failed are tried again, later and later, and never in a hot loop. Times in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.plan import fingerprint
from reconciler.model.action import Action, Outcome

BASE_S = 1.0
MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """How often a move failed in a row, the epoch second before which it is not tried, and what was
    said of it last."""

    failures: int
    not_before: float
    error: str = ""


Attempts = Mapping[str, Attempt]


def due(moves: Iterable[Action], attempts: Attempts, now: float) -> list[Action]:
    """Return the moves that may be tried now; what needs a waiting one waits with it."""
    waiting: set[str] = set()
    found: list[Action] = []
    for action in moves:
        attempt = attempts.get(fingerprint(action))
        late = attempt is not None and now < attempt.not_before
        if late or not waiting.isdisjoint(action.needs):
            waiting.add(action.unit)
        else:
            found.append(action)
    return found


def remember(attempts: Attempts, outcomes: Iterable[Outcome], now: float) -> Attempts:
    """Return the attempts after these outcomes; a success, or a changed move, starts afresh.

    A stale move is no failure: the world moved on, and the next look makes a new one.
    """
    after = dict(attempts)
    for outcome in outcomes:
        name = fingerprint(outcome.action)
        if outcome.ok or outcome.stale:
            after.pop(name, None)
            continue
        failures = after[name].failures + 1 if name in after else 1
        wait_s = min(MAX_S, BASE_S * 2.0 ** min(failures - 1, 30))
        after[name] = Attempt(failures, now + wait_s, f"{outcome.error} {outcome.fix}".strip())
    return after


def next_due(attempts: Attempts, now: float) -> float:
    """Return the epoch second of the next try, or infinity."""
    later = [attempt.not_before for attempt in attempts.values() if attempt.not_before > now]
    return min(later, default=float("inf"))
