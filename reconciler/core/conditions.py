"""The four conditions of a unit: Ready, Reconciling, Stalled, Healthy. Touches nothing.

Their reasons are the words that plans use, so that one search finds a unit's whole life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter

from reconciler.model.action import Action, Outcome, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.status import Condition, Ready, Status
from reconciler.model.unit import Process
from reconciler.model.world import Drain, PaneMark, SeenPane

READY, RECONCILING, STALLED, HEALTHY = "Ready", "Reconciling", "Stalled", "Healthy"
AS_WISHED, FAILED, NOT_SEEN = "as-wished", "failed", "not-seen"
TRIES_MAX = 3
"""A move that failed this often in a row is more than a hiccup: somebody should look."""
STEADY_S = 10.0
"""A process that fell has to run at least this long before it counts as healthy again."""

LASTING = frozenset(
    {
        Reason.BROKEN,
        Reason.UNSETTLED,
        Reason.CONFLICT,
        Reason.TOO_MANY_STOPS,
        Reason.PROJECT_GONE,
        Reason.EMPTY,
        Reason.CANNOT_START,
        Reason.CRASHED,
        Reason.CRASH_LOOP,
        Reason.PROTECTED,
        Reason.EDITED,
        Reason.UNSAVED,
    }
)
"""Holds that only a person or a new commit ends, whatever hour they name for another try."""
PASSING = frozenset(
    {
        Reason.BACKING_OFF,
        Reason.DRAINING,
        Reason.DEPENDENCY,
        Reason.STORM,
        Reason.ABSENCE,
        Reason.ENGAGED,
        Reason.NO_LEASE,
        Reason.WINDOW_CLOSED,
        Reason.NO_CAPACITY,
    }
)
"""Holds that end by themselves, even when nobody can name the hour. Any other hold lasts unless
it names one."""


@dataclass(frozen=True, slots=True)
class News:
    """What is still to be done for a unit, what failed just now, and how often it failed in a row.

    `error` is what was said of the failure. `waits_in_vain`: what it waits for is stalled.
    """

    action: Action | None = None
    outcome: Outcome | None = None
    failures: int = 0
    error: str = ""
    waits_in_vain: bool = False

    @property
    def none(self) -> bool:
        """Whether there is nothing to say."""
        return self.action is None and self.outcome is None

    @property
    def stalled(self) -> bool:
        """Whether only a person or a new commit can mend it."""
        if self.failures >= TRIES_MAX or self.waits_in_vain:
            return True
        return self.action is not None and lasts(self.action)


NOTHING = News()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether something is well in itself, wished for or not."""

    value: Ready
    reason: str


def lasts(action: Action) -> bool:
    """Return whether an action is a hold that does not end by itself."""
    if action.verb is not Verb.HOLD or action.reason in PASSING:
        return False
    return action.reason in LASTING or not action.until


def in_vain(waiting: Iterable[Action], stalled: Iterable[UnitId]) -> frozenset[UnitId]:
    """Return the units that wait for one that is stalled, or for one that waits so itself."""
    waiting, stuck = tuple(waiting), set(stalled)
    found: set[UnitId] = set()
    while True:
        more = {a.unit for a in waiting if not stuck.isdisjoint(a.needs)} - found
        if not more:
            return frozenset(found)
        found |= more
        stuck |= more


def health(process: Process, pane: SeenPane | None, state: str, now: float) -> Health:
    """Return how a process is. Only one that runs, rests as wished, or is done is well."""
    if pane is None or pane.mark is None:
        if process.stopped:
            return _health(Ready.TRUE, "stopped")
        if process.held is not None:
            return _health(Ready.UNKNOWN, Reason.BROKEN.value)
        return _health(Ready.FALSE, Reason.ABSENT.value)
    if pane.dead:
        return _health(Ready.TRUE if state in ("stopped", "ended") else Ready.FALSE, state)
    if pane.mark.drain is Drain.NONE and is_falling(process, pane.mark, now):
        return _health(Ready.FALSE, "falling")
    return _health(Ready.TRUE, state)


def is_falling(process: Process, mark: PaneMark, now: float) -> bool:
    """Return whether a process that runs fell so lately that it may fall again.

    It has to run as long as its next wait could be; an hour in the future proves nothing.
    """
    if mark.falls <= 0:
        return False
    restart = process.restart
    wait_s = min(restart.max_s, restart.base_s * 2.0 ** min(mark.falls, 60))
    return 0 <= now - mark.started < max(STEADY_S, wait_s)


@lru_cache(maxsize=64)
def _health(value: Ready, reason: str) -> Health:
    return Health(value, reason)


OPEN = Health(Ready.TRUE, "open")
ABSENT = Health(Ready.FALSE, Reason.ABSENT.value)
TROUBLED = Health(Ready.FALSE, "troubled")
NOT_WISHED = Health(Ready.UNKNOWN, "not-wished")
"""Of what is left over nobody says how it should be."""


@lru_cache(maxsize=4096)
def conditions(
    ready: Ready, reason: str, message: str, stalled: bool, well: Health
) -> tuple[Condition, ...]:
    """Return the four conditions. What is not ready is either on its way or stalled, never both.

    Equal arguments give the very same tuple, so that comparing a thousand of them is cheap.
    """
    off = ready is not Ready.TRUE
    moving = off and not stalled
    idle = "stalled" if off else "nothing-due"
    return (
        Condition(READY, ready, reason, message),
        Condition(RECONCILING, _truth(moving), reason if moving else idle),
        Condition(
            STALLED,
            _truth(off and stalled),
            reason if off and stalled else "not-stalled",
            message if off and stalled else "",
        ),
        Condition(HEALTHY, well.value, well.reason),
    )


def _truth(value: bool) -> Ready:
    return Ready.TRUE if value else Ready.FALSE


# -- hours ----------------------------------------------------------------------------------------


def dated(
    before: Mapping[UnitId, Status], statuses: Iterable[Status], now: float
) -> tuple[Status, ...]:
    """Return the statuses with the hour of each condition's last change.

    `before` are the dated statuses of the look before. A condition that was not known then began
    now, as far as anybody can tell. Nothing changed: the very same value comes back.
    """
    return tuple(_dated(before.get(status.unit), status, now) for status in statuses)


def _dated(old: Status | None, status: Status, now: float) -> Status:
    if old is None:
        fresh = tuple(_since(c, now) for c in status.conditions)
        return replace(status, conditions=fresh)
    if _REST(old) == _REST(status) and _goes_on(old.conditions, status.conditions, now):
        return old
    hours = {c.name: c for c in old.conditions}
    found = tuple(_carried(hours.get(c.name), c, now) for c in status.conditions)
    return replace(status, conditions=found)


_REST = attrgetter(*(field.name for field in fields(Status) if field.name != "conditions"))
"""Everything of a status but its conditions."""


def _goes_on(old: tuple[Condition, ...], new: tuple[Condition, ...], now: float) -> bool:
    """Whether nothing but the hours differs, and those can be. Nearly always so: this is quick."""
    if len(old) != len(new):
        return False
    for a, b in zip(old, new, strict=True):
        if a.value is not b.value or a.reason != b.reason or a.message != b.message:
            return False
        if a.name != b.name or not 0 < a.since <= now:
            return False
    return True


def _carried(old: Condition | None, new: Condition, now: float) -> Condition:
    if old is None or old.value is not new.value:
        return _since(new, now)
    return _since(new, old.since if 0 < old.since <= now else now)


def _since(condition: Condition, hour: float) -> Condition:
    return Condition(condition.name, condition.value, condition.reason, condition.message, hour)


def began(status: Status, name: str, value: Ready) -> float | None:
    """Return since when a condition has this value; None when it has another."""
    for condition in status.conditions:
        if condition.name == name:
            return condition.since if condition.value is value else None
    return None


def holds(status: Status, name: str) -> bool:
    """Return whether a condition is true."""
    return any(c.name == name and c.value is Ready.TRUE for c in status.conditions)


# -- nobody looks ---------------------------------------------------------------------------------


def unknown(statuses: Iterable[Status], why: str) -> tuple[Status, ...]:
    """Return what is known of units that nobody can see, or that nobody has looked at for long."""
    return tuple(_unknown(status, why) for status in statuses)


def _unknown(status: Status, why: str) -> Status:
    blind = tuple(
        Condition(name, Ready.UNKNOWN, NOT_SEEN, why)
        for name in (READY, RECONCILING, STALLED, HEALTHY)
    )
    return replace(
        status, ready=Ready.UNKNOWN, reason=NOT_SEEN, message=why, conditions=blind, pid=0
    )
