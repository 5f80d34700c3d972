"""Who lives where: every agent gets one seat, in a pane of a Session, at its end, or alone.

Decides from names only; makes no unit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.ground import merged
from reconciler.kinds.names import did_you_mean
from reconciler.kinds.shape import SHELL_PANE, SHELL_WINDOW, AgentShape, SessionShape, WindowShape
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem

_BY_POSITION = re.compile(r"w[0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,48}")


@dataclass(frozen=True, slots=True)
class Member:
    """One agent unit: its manifest, and its name among the replicas."""

    id: UnitId
    name: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an agent lives in a Session: the window's key, and the variables it finds there."""

    session: UnitId
    window: str
    env: Mapping[str, str]


@dataclass(slots=True)
class Seating:
    """Every agent's seat (absent: alone), and by Session: window keys, tails and residents.

    A tail is an agent in a window of its own after the declared ones. `unread` are agents whose
    own file cannot be read, and who have a seat all the same, because a Session names them.
    """

    seats: dict[UnitId, Seat] = field(default_factory=dict)
    keys: dict[UnitId, list[str]] = field(default_factory=dict)
    tails: dict[UnitId, list[UnitId]] = field(default_factory=dict)
    residents: dict[UnitId, list[UnitId]] = field(default_factory=dict)
    unread: dict[UnitId, Problem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Roll:
    """Everyone there is, in path order: manifests by id, and agents with their replicas."""

    agents: Mapping[UnitId, Manifest]
    sessions: Mapping[UnitId, Manifest]
    members: Mapping[UnitId, Member]


def windows_of(manifest: Manifest) -> list[WindowShape]:
    """Return a Session's windows; none declared is one with a shell, and so is a window's pane."""
    declared = cast(SessionShape, manifest.spec)["windows"] or [SHELL_WINDOW]
    return [w if w["panes"] else cast(WindowShape, {**w, "panes": [SHELL_PANE]}) for w in declared]


def window_keys(windows: list[WindowShape]) -> list[str]:
    """Return the key of each declared window: its name where that is plain and unique."""
    names = [window["name"] or "" for window in windows]
    times = Counter(names)
    return [
        name if times[name] == 1 and _is_key(name) else f"w{position}"
        for position, name in enumerate(names)
    ]


def _is_key(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and _BY_POSITION.fullmatch(name) is None


def seat_everyone(roll: Roll, findings: Findings) -> Seating:
    """Return every agent's seat, and say which agents and Sessions contradict each other."""
    seating = Seating()
    for session in roll.sessions.values():
        _seat_panes(session, roll, seating, findings)
    for agent in roll.members.values():
        wanted = cast(AgentShape, agent.manifest.spec)["session"]
        if wanted is not None:
            _seat_by_wish(agent, wanted, roll, seating, findings)
    for unit, seat in seating.seats.items():
        seating.residents.setdefault(seat.session, []).append(unit)
    return seating


# -- panes that name an agent ---------------------------------------------------------------------


def _seat_panes(session: Manifest, roll: Roll, seating: Seating, findings: Findings) -> None:
    windows = windows_of(session)
    keys = seating.keys[session.id] = window_keys(windows)
    shared = cast(SessionShape, session.spec)["env"]
    for where, index, name in _agent_panes(windows):
        unit = UnitId.of(session.project, "agent", name)
        place = f"spec.windows.{where}.panes.{index}.agent"
        if unit in seating.seats:
            first = seating.seats[unit]
            what = f"agent {name} lives in {first.session}, window {first.window} already"
            findings.say(session, place, "session/agent-twice", what)
        elif unit in roll.members or (broken := broken_like(unit, findings)) is not None:
            env = merged(shared, windows[where]["env"])
            seating.seats[unit] = Seat(session.id, keys[where], env)
            if unit not in roll.members and broken is not None:
                seating.unread[unit] = findings.broken[broken]
        else:
            _say_absent(session, place, unit, roll, findings)


def _agent_panes(windows: list[WindowShape]) -> Iterator[tuple[int, int, str]]:
    for where, window in enumerate(windows):
        for index, pane in enumerate(window["panes"]):
            if pane["agent"] is not None:
                yield where, index, pane["agent"]


def _say_absent(
    session: Manifest, place: str, unit: UnitId, roll: Roll, findings: Findings
) -> None:
    """Say why a pane's agent is not there."""
    if unit in roll.agents:
        what = f"agent {unit.name} has replicas, {unit.name}-0 and so on"
        findings.say(session, place, "session/replica-name", what)
    else:
        known = [m.name for m in roll.members.values() if m.id.project == session.project]
        what = f"there is no agent {unit.name} in {session.project}"
        fix = did_you_mean(unit.name, known) if findings.few else ""
        findings.say(session, place, "session/unknown-agent", what, fix)


def broken_like(unit: UnitId, findings: Findings) -> UnitId | None:
    """Return the broken unit that `unit` is, or whose replica it could be."""
    base = UnitId(re.sub(r"-[0-9]{1,3}\Z", "", unit))
    return next((known for known in (unit, base) if known in findings.broken), None)


# -- agents that name a Session -------------------------------------------------------------------


def _seat_by_wish(
    agent: Member, wanted: str, roll: Roll, seating: Seating, findings: Findings
) -> None:
    target = UnitId.of(agent.id.project, "session", wanted)
    seat = seating.seats.get(agent.id)
    if seat is not None:
        if seat.session != target:
            what = f"session: {wanted}, but {agent.name} has a pane in {seat.session}"
            findings.say(agent.manifest, "spec.session", "agent/session-conflict", what)
        return
    if target in roll.sessions:
        key = _tail_key(agent.name, seating.keys[target])
        env = cast(SessionShape, roll.sessions[target].spec)["env"]
        seating.seats[agent.id] = Seat(target, key, env)
        seating.tails.setdefault(target, []).append(agent.id)
    elif target in findings.broken:
        findings.hold(agent.id, findings.broken[target])
    else:
        known = [s.name for s in roll.sessions.values() if s.project == agent.id.project]
        what = f"there is no Session {wanted} in {agent.id.project}"
        fix = did_you_mean(wanted, known) if findings.few else ""
        findings.say(agent.manifest, "spec.session", "agent/unknown-session", what, fix)


def _tail_key(name: str, taken: list[str]) -> str:
    """Return the key of an agent's own window: its name, unless a declared window has it."""
    while name in taken or _BY_POSITION.fullmatch(name):
        name += "_"
    return name
