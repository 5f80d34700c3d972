"""The pages of the gate: metrics, whether the daemon lives, whether it does its work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.core.conditions import unknown
from reconciler.core.exposition import CONTENT_TYPE, Family, exposition
from reconciler.core.metrics import Measured, families
from reconciler.core.tally import tally
from reconciler.gate.page import Page, Pages
from reconciler.gate.process import use
from reconciler.model.status import Status

MISSED_MAX = 3
"""So many passes may be late before the daemon counts as stuck."""
LIMIT_S = 30.0
"""A daemon is never called stuck sooner."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the daemon knows at the moment of asking. `now` is the hour of asking; `every_s` how
    soon, at the latest, one pass follows another."""

    fleet: str
    commit: str
    statuses: tuple[Status, ...]
    measured: Measured
    now: float
    every_s: float


def pages(
    known: Callable[[], Known],
    version: str,
    more: Callable[[], tuple[Family, ...]] = tuple,
) -> Pages:
    """Return what makes each page; `more` are metrics of the gate's own."""
    return {
        "/metrics": lambda: metrics(known(), version, more()),
        "/healthz": lambda: Page("alive\n"),
        "/readyz": lambda: readiness(known()),
    }


def metrics(known: Known, version: str, more: tuple[Family, ...] = ()) -> Page:
    """Return every metric, as Prometheus reads them."""
    measured = known.measured
    statuses = unknown(known.statuses, "no pass for too long") if _late(known) else known.statuses
    fleet = tally(known.fleet, known.commit, statuses, measured.withheld, known.now)
    found = families(version, measured, fleet, statuses, use())
    return Page(exposition((*found, *more)), kind=CONTENT_TYPE)


def readiness(known: Known) -> Page:
    """Return 200 when the last pass is young and the lease is held, else 503 and why."""
    measured = known.measured
    if not measured.last_pass:
        return Page("no pass was made yet\n", 503)
    if _late(known):
        age_s, limit_s = known.now - measured.last_pass, _limit_s(known)
        return Page(f"the last pass ended {age_s:.0f} s ago, more than {limit_s:.0f}\n", 503)
    if not measured.leased:
        return Page("another controller may be at work: the lease is not held\n", 503)
    return Page("ready\n")


def _late(known: Known) -> bool:
    """Whether what was seen last is too old to be told as true."""
    return known.now - known.measured.last_pass > _limit_s(known)


def _limit_s(known: Known) -> float:
    return max(LIMIT_S, MISSED_MAX * known.every_s)
