"""Every unit at a glance: how many are as wished, what is on its way, what needs a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.conditions import (
    AS_WISHED,
    HEALTHY,
    NOT_SEEN,
    READY,
    RECONCILING,
    STALLED,
    began,
    holds,
)
from reconciler.model.action import Reason
from reconciler.model.control import Withheld
from reconciler.model.status import Condition, FleetStatus, Ready, Status


def tally(
    fleet: str,
    observed: str,
    statuses: Iterable[Status],
    withheld: tuple[Withheld, ...] = (),
    now: float = 0.0,
) -> FleetStatus:
    """Return what the units come to. `drift_s` needs dated statuses, and their hour `now`."""
    statuses = tuple(statuses)
    made = FleetStatus(
        fleet=fleet,
        observed=observed,
        newest=withheld[-1].commit if withheld else observed,
        units=len(statuses),
        ready=_count(statuses, Ready.TRUE),
        reconciling=sum(holds(s, RECONCILING) for s in statuses),
        stalled=sum(holds(s, STALLED) for s in statuses),
        unknown=_count(statuses, Ready.UNKNOWN),
        unhealthy=sum(began(s, HEALTHY, Ready.FALSE) is not None for s in statuses),
        suspended=sum(bool(s.suspended) for s in statuses),
        drift_s=drift_s(statuses, now),
        withheld=withheld,
    )
    return replace(made, conditions=_conditions(made))


def drift_s(statuses: Iterable[Status], now: float) -> float:
    """Return how long, in seconds, the oldest unit has not been as wished; 0 when all are."""
    hours = [hour for s in statuses if (hour := began(s, READY, Ready.FALSE))]
    return max(0.0, now - min(hours)) if hours else 0.0


def _count(statuses: Iterable[Status], value: Ready) -> int:
    return sum(status.ready is value for status in statuses)


def _conditions(made: FleetStatus) -> tuple[Condition, ...]:
    """Return the four conditions of the whole. Never both on its way and stalled."""
    stalled = bool(made.stalled) or any(not w.until for w in made.withheld)
    moving = not made.well and not stalled and not made.unknown
    ready = f"{made.ready} of {made.units} units are as wished"
    return (
        Condition(READY, _ready(made), _why(made), ready),
        Condition(RECONCILING, _truth(moving, made.unknown), "on-its-way" if moving else "idle"),
        Condition(STALLED, _truth(stalled, made.unknown), "stalled" if stalled else "not-stalled"),
        Condition(
            HEALTHY,
            _truth(not made.unhealthy, made.unknown),
            "unhealthy" if made.unhealthy else "healthy",
            f"{made.unhealthy} of {made.units} units are unwell" if made.unhealthy else "",
        ),
    )


def _ready(made: FleetStatus) -> Ready:
    if made.unknown:
        return Ready.UNKNOWN
    return Ready.TRUE if made.well else Ready.FALSE


def _why(made: FleetStatus) -> str:
    if made.unknown:
        return NOT_SEEN
    if made.ready < made.units:
        return "units-not-ready"
    return Reason.WITHHELD.value if made.withheld else AS_WISHED


def _truth(value: bool, unknown: int) -> Ready:
    if unknown:
        return Ready.UNKNOWN
    return Ready.TRUE if value else Ready.FALSE
