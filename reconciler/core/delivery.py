"""The ladder by which a message reaches an agent, as data: what is known in, one move out. Pure.

Nobody types at a dialog, into a person's draft, into a screen that a person scrolls, while a person
types, to an agent in mode `manual`, or where the account is closed. One bundle is under way to an
agent at a time; until its arrival is known, nothing follows it (`core.pursuit`). Each wait says
why, in words for whoever asks after a message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reconciler.core.errand import (
    Again,
    Bury,
    Case,
    Look,
    Move,
    Offer,
    Paste,
    Type,
    Wait,
    obstacle,
    pause,
)
from reconciler.core.explain import hour
from reconciler.core.pursuit import flight, pursue
from reconciler.core.screen import Reading
from reconciler.model.agent import AgentState
from reconciler.model.message import Message, Stage

BUSY_LOOK_S = 20.0
"""A word `busy` that is older is held against the screen: the word `done` may have been missed."""
AT_HAND = frozenset({AgentState.IDLE, AgentState.UNKNOWN, AgentState.STARTING, AgentState.BUSY})
"""Where the screen has the last word."""


def decide(case: Case) -> Move:
    """Return the one next move for this agent's mail."""
    late = expired(case)
    if late:
        return Bury(tuple(late))
    if not case.mail:
        return Wait(math.inf, "nothing is waiting")
    under_way = flight(case.mail)
    if under_way is not None:
        move = pursue(case, under_way)
        if not isinstance(move, Again):
            return move
    return begin(case, [one.message for one in case.mail])


def begin(case: Case, messages: Sequence[Message]) -> Move:
    """Return how these are to be given, when nothing is under way."""
    return (
        _held_by_people(case)
        or _held_by_state(case)
        or _held_by_account(case)
        or _held_by_screen(case)
        or _give(case, messages)
    )


def offered(case: Case, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return what may be handed over with a hook's answer: no key is needed for that."""
    return () if _held_by_people(case) is not None else tuple(messages)


def _held_by_people(case: Case) -> Move | None:
    seat = case.seat
    if seat is None:
        return Wait(math.inf, "the fleet has no such agent now")
    if seat.mode == "manual":
        return Wait(math.inf, f"{seat.unit} is in mode manual: it reads its inbox itself")
    if seat.mode == "stopped" or not seat.pane:
        return Wait(math.inf, f"{seat.unit} is not running")
    return None


def _held_by_state(case: Case) -> Move | None:
    report, runtime = case.report, case.runtime
    if runtime is None:
        return Wait(math.inf, f"the runtime of {case.unit} is not known")
    if not runtime.paste:
        return None
    if report.state is AgentState.BUSY:
        return _busy(case, hooks=runtime.hooks)
    if report.state in AT_HAND:
        return None
    if report.state is AgentState.WAITING:
        what = report.waiting.value if report.waiting is not None else "something"
        return Wait(math.inf, f"{case.unit} waits for a person ({what}: {report.why})")
    said = f"{case.unit} is {report.state.value} ({report.why})"
    return Wait(*_until(case, report.until, said))


def _busy(case: Case, *, hooks: bool) -> Move | None:
    """An agent without hooks is seen to be at work, or not."""
    due = case.report.at + BUSY_LOOK_S
    if not hooks or case.now >= due:
        return None
    way = "it is given with its next tool call, or when its turn ends"
    return Offer(due, f"{case.unit} is busy ({case.report.why}): {way}")


def _held_by_account(case: Case) -> Move | None:
    return Wait(*_until(case, case.closed.until, case.closed.why)) if case.closed else None


def _held_by_screen(case: Case) -> Move | None:
    """Return what the screen has against it, or that it must be seen."""
    if case.screen is None or case.reading is None or case.runtime is None:
        return Look()
    forbids = obstacle(case)
    if forbids is not None:
        return forbids
    if case.runtime.paste:
        return _not_ready(case, case.reading, hooks=case.runtime.hooks)
    if case.screen.unread > 0:
        soon = case.now + pause(case.pursuit.looks)
        return Wait(soon, f"{case.unit} has not read what was typed before")
    return None


def _not_ready(case: Case, reading: Reading, *, hooks: bool) -> Move | None:
    soon = case.now + pause(case.pursuit.looks)
    if reading.draft:
        return Wait(soon, f"somebody's draft is in the composer of {case.unit}")
    if reading.ready:
        return None
    if reading.state is AgentState.BUSY and hooks:
        return Offer(soon, f"{case.unit} is busy on its screen: its next hook is waited for")
    return Wait(soon, f"{case.unit} shows no prompt ({reading.detail or reading.state.value})")


def _until(case: Case, until: float, why: str) -> tuple[float, str]:
    """An hour that is over, or that nobody knows, is no hour to wait for."""
    if until <= case.now:
        return math.inf, why
    return until, f"{why}, until {hour(int(until))}"


def _give(case: Case, messages: Sequence[Message]) -> Move:
    assert case.runtime is not None  # noqa: S101  (what it is was asked before)
    return Paste(tuple(messages)) if case.runtime.paste else Type(messages[0])


def expired(case: Case) -> list[tuple[str, str]]:
    """Return whatever was not given in time, with why."""
    return [
        (one.message.id, f"its hour passed before it was given: {hour(int(one.message.expires))}")
        for one in case.mail
        if one.stage is not Stage.INJECTED and 0 < one.message.expires <= case.now
    ]
