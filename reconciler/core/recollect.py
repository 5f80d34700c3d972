"""What a controller published, read back and believed only as far as it is fresh.

Trusts nothing: anybody who reaches the store may have written there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.agents import forgotten
from reconciler.core.conditions import unknown
from reconciler.model.agent import AgentReport, AgentState, Waiting
from reconciler.model.ids import Json, UnitId
from reconciler.model.status import Condition, Ready, Status

MISSED_MAX = 3
"""So many words of a controller may be missed before what it said is known no more."""
EVERY_S = 30.0
"""How often a controller speaks that does not say how often."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was published last. `heartbeat` is the epoch second of it, 0 when there is none;
    `every_s` says how soon, at the latest, the next was to come."""

    commit: str
    host: str
    heartbeat: float
    every_s: float
    statuses: tuple[Status, ...]

    @property
    def limit_s(self) -> float:
        """How old it may be."""
        return MISSED_MAX * (self.every_s if self.every_s > 0 else EVERY_S)

    def stale(self, now: float) -> bool:
        """Whether it is too old to be believed, or from an hour that has yet to come."""
        return not self.heartbeat or abs(now - self.heartbeat) > self.limit_s


def recollect(said: Mapping[str, Json]) -> Recalled:
    """Return what `Store.recall` gave as values; what is not of its type is left out."""
    controller = said.get("controller")
    told = controller if isinstance(controller, dict) else {}
    units = said.get("statuses")
    found = [_status(unit) for unit in units] if isinstance(units, list) else []
    return Recalled(
        commit=_text(told, "commit"),
        host=_text(told, "host"),
        heartbeat=_number(told, "heartbeat"),
        every_s=_number(told, "every"),
        statuses=tuple(status for status in found if status is not None),
    )


def believed(recalled: Recalled, now: float) -> tuple[Status, ...]:
    """Return the statuses; Unknown every one when nobody has looked for too long."""
    if not recalled.stale(now):
        return recalled.statuses
    age_s = now - recalled.heartbeat
    ahead = "its controller's clock is ahead of this one"
    old = f"nobody has looked for {round(age_s)} s, and every {recalled.limit_s / 3:.0f} s was said"
    statuses = [forgotten(status) for status in recalled.statuses]
    return unknown(statuses, old if age_s > 0 else ahead)


def _status(said: Json) -> Status | None:
    if not isinstance(said, dict) or not _text(said, "unit"):
        return None
    ready = _value(said.get("ready"))
    listed = said.get("conditions")
    found = [_condition(c) for c in listed] if isinstance(listed, list) else []
    return Status(
        unit=UnitId(_text(said, "unit")),
        ready=ready,
        state=_text(said, "state"),
        reason=_text(said, "reason"),
        message=_text(said, "message"),
        commit=_text(said, "commit"),
        session=_text(said, "session"),
        pane=_text(said, "pane"),
        pid=int(_number(said, "pid")),
        since=int(_number(said, "since")),
        falls=int(_number(said, "falls")),
        observed=_text(said, "observed"),
        suspended=_text(said, "suspended"),
        conditions=tuple(c for c in found if c is not None),
        agent=agent_report(said.get("agent")),
    )


def agent_report(said: Json) -> AgentReport | None:
    """Return what was told of an agent; None when it is no such thing."""
    if not isinstance(said, dict):
        return None
    listed = said.get("conflicts")
    conflicts = listed if isinstance(listed, list) else []
    state, waiting = _text(said, "state"), _text(said, "waiting")
    return AgentReport(
        state=AgentState(state) if state in set(AgentState) else AgentState.UNKNOWN,
        at=_number(said, "at"),
        confidence=min(1.0, _number(said, "confidence")),
        why=_text(said, "why"),
        waiting=Waiting(waiting) if waiting in set(Waiting) else None,
        until=_number(said, "until"),
        conflicts=tuple(text for text in conflicts if isinstance(text, str)),
        since=_number(said, "since"),
    )


def _condition(said: Json) -> Condition | None:
    if not isinstance(said, dict) or not _text(said, "type"):
        return None
    return Condition(
        _text(said, "type"),
        _value(said.get("status")),
        _text(said, "reason"),
        _text(said, "message"),
        _number(said, "since"),
    )


def _value(said: Json) -> Ready:
    return next((value for value in Ready if value.value == said), Ready.UNKNOWN)


def _text(said: Mapping[str, Json], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _number(said: Mapping[str, Json], name: str) -> float:
    """Return an hour or a count; what is no number, negative or absurd is 0."""
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0
