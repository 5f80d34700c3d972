"""Which agents the gate cannot hear, because it has another port than they were told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model.status import Condition, Ready, Status

HEARD = "Heard"
"""Whether the gate hears an agent: False when it was started with a port that is another's now."""
_DEAF = Condition(
    HEARD,
    Ready.FALSE,
    "gate-moved",
    "its hooks lead to a port that the gate does not have any more: restart it, so that messages "
    "reach it in the middle of a turn, and its permissions are asked here",
)


def heard(statuses: Iterable[Status], moved: float) -> tuple[Status, ...]:
    """Return the statuses, with a condition where an agent is older than the port of the gate.

    `moved` is the epoch second since which the gate has its port, 0 when it always had it.
    """
    return tuple(_told(status, moved) for status in statuses)


def _told(status: Status, moved: float) -> Status:
    if status.agent is None or not status.pid or status.since >= moved:
        return status
    return replace(status, conditions=(*status.conditions, _DEAF))
