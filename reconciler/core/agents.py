"""What is said of agents beside their processes: their state, and budgets not kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.core.hearing import HEARD
from reconciler.core.recording import RECORDED
from reconciler.model.agent import AgentReport, AgentState
from reconciler.model.ids import UnitId
from reconciler.model.status import Condition, Ready, Status

BUDGET = "Budgeted"
"""Whether an agent's budget is kept: False when it is used up, or nobody can reckon it."""
_SAID = (BUDGET, HEARD, RECORDED)
"""What a controller alone knows of an agent."""
STEP = 10
"""Confidence is told in tenths: a status that changes by the second tells nobody more."""


def described(
    statuses: Iterable[Status],
    reports: Mapping[UnitId, AgentReport],
    warnings: Mapping[UnitId, str],
) -> tuple[Status, ...]:
    """Return the statuses with what their agents do, and a condition where a budget is not kept."""
    return tuple(
        _described(status, reports.get(status.unit), warnings.get(status.unit, ""))
        if status.unit in reports or status.unit in warnings
        else status
        for status in statuses
    )


def remembered(
    statuses: Iterable[Status], before: Mapping[UnitId, Status], *, fresh: bool
) -> tuple[Status, ...]:
    """Return the statuses of a look with what a controller said last of the same processes.

    When it was not heard for too long, nobody knows what its agents do.
    """
    return tuple(_remembered(status, before.get(status.unit), fresh) for status in statuses)


def forgotten(status: Status) -> Status:
    """Return a status of which too long ago was said what its agent does."""
    if status.agent is None:
        return status
    why = f"nobody has looked for too long; it was {status.agent.state.value}"
    report = AgentReport(AgentState.UNKNOWN, status.agent.at, 0.0, why)
    return replace(status, agent=report)


def _described(status: Status, report: AgentReport | None, warning: str) -> Status:
    conditions = status.conditions
    if warning:
        reason = "budget-used-up" if "used up" in warning else "budget-not-enforced"
        conditions = (*conditions, Condition(BUDGET, Ready.FALSE, reason, warning))
    if report is not None:
        report = replace(report, confidence=round(report.confidence * STEP) / STEP)
    return replace(status, agent=report, conditions=conditions)


def _remembered(status: Status, old: Status | None, fresh: bool) -> Status:
    if old is None or old.pid != status.pid:
        return status
    said = tuple(c for c in old.conditions if c.name in _SAID)
    agent = old.agent if fresh else forgotten(old).agent
    if agent is None and not said:
        return status
    return replace(status, agent=agent, conditions=(*status.conditions, *said))
