"""One look at a fleet, printed: a table, who keeps it, what is suspended or withheld."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.cli import render
from reconciler.core.agents import BUDGET
from reconciler.core.conditions import HEALTHY, READY, RECONCILING, STALLED, holds
from reconciler.core.explain import clean, summary
from reconciler.core.hearing import HEARD
from reconciler.core.recording import RECORDED
from reconciler.core.remotes import as_record, in_words
from reconciler.core.suspend import line
from reconciler.model.action import Plan
from reconciler.model.agent import AgentState
from reconciler.model.control import Suspension
from reconciler.model.ids import Json, UnitId
from reconciler.model.insight import StatusLine
from reconciler.model.remote import RemoteState
from reconciler.model.status import Condition, FleetStatus, Ready, Status
from reconciler.model.unit import Desired

GREEN, RED, YELLOW, CYAN, GREY = "32", "31", "33", "36", "90"
_HEAD = ("UNIT", "READY", "STATE", "SESSION", "PID", "AGE", "FALLS", "COMMIT", "MESSAGE")
_HEAD_WIDE = (
    "UNIT",
    "READY",
    "SINCE",
    "RECONCILING",
    "STALLED",
    "HEALTHY",
    "REASON",
    *_HEAD[2:8],
    "OBSERVED",
    "MESSAGE",
)


DOUBT = 0.5
"""What an agent does is not sure below this confidence."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One look: units, sessions of other people on the same server, daemon and store in words.

    `plan` is what is due; None when nobody looked and this is what was `recorded`.
    """

    desired: Desired
    tally: FleetStatus
    statuses: tuple[Status, ...]
    now: float
    suspensions: tuple[Suspension, ...]
    daemon: str
    store: str
    plan: Plan | None = None
    foreign: tuple[str, ...] = ()
    recorded: bool = False
    remote: RemoteState | None = None
    lines: Mapping[UnitId, StatusLine] = field(default_factory=dict)
    """What agents say of themselves: their word, and no evidence."""


def show_json(picture: Picture) -> None:
    """Print the look as records: one a unit, one a foreign session, one for the fleet."""
    for status in picture.statuses:
        render.record("status", **status.as_json())
    for unit, said in sorted(picture.lines.items()):
        render.record("says", unit=str(unit), text=said.text, at=said.at)
    for name in picture.foreign:
        render.record("foreign", session=name)
    moves, held = (len(picture.plan.moves), len(picture.plan.holds)) if picture.plan else (0, 0)
    if picture.remote is not None:
        render.record("remote", **as_record(picture.remote))
    render.record(
        "fleet",
        name=picture.desired.fleet.name,
        commit=picture.tally.observed,
        daemon=picture.daemon,
        store=picture.store,
        moves=moves,
        held=held,
        recorded=picture.recorded,
        status=picture.tally.as_json(),
        suspensions=[_suspension(one) for one in picture.suspensions],
    )


def _suspension(one: Suspension) -> Json:
    return {
        "scope": one.scope,
        "reason": one.reason,
        "by": one.by,
        "since": one.since,
        "until": one.until,
    }


def show(picture: Picture, *, wide: bool = False) -> None:
    """Print the look for people. No unit that hands are kept off is green."""
    on = render.coloured()
    rows = [_wide(s, picture.now) if wide else _row(s, picture.now) for s in picture.statuses]
    rows = [_HEAD_WIDE if wide else _HEAD, *rows]
    if any(status.agent is not None for status in picture.statuses):
        rows = _with_agents(rows, picture)
    head, *lines = table(rows)
    render.out(head)
    for status, text in zip(picture.statuses, lines, strict=True):
        render.out(_painted(text, status, on))
    if not picture.statuses:
        render.out("(nothing is wished for yet: commit a file to desired-state/)")
    render.out("")
    for unit, said in sorted(picture.lines.items()):
        render.out(f"{clean(unit)} says: {clean(said.text)} ({age(picture.now - said.at)} ago)")
    _show_fleet(picture, on)


def _with_agents(rows: Sequence[tuple[str, ...]], picture: Picture) -> list[tuple[str, ...]]:
    """Return the table with what agents do, before how long their processes live."""
    at = rows[0].index("STATE") + 1
    cells = ["AGENT", *(agent_cell(status, picture.now) for status in picture.statuses)]
    return [(*row[:at], cell, *row[at:]) for row, cell in zip(rows, cells, strict=True)]


def agent_cell(status: Status, now: float) -> str:
    """Return what an agent does and for how long, with a question mark where that is not sure."""
    agent = status.agent
    if agent is None:
        return "-"
    what = f"waits: {agent.waiting.value}" if agent.waiting is not None else agent.state.value
    doubt = "?" if agent.confidence < DOUBT or agent.conflicts else ""
    if agent.until > now:
        return f"{what}{doubt} for {age(agent.until - now)}"
    since = agent.since or agent.at
    return f"{what}{doubt} {age(now - since)}" if since else f"{what}{doubt}"


def _painted(text: str, status: Status, on: bool) -> str:
    """Paint the word of READY alone: rows stay readable in every palette."""
    if not on:
        return text
    word = status.ready.value
    at = text.index(f" {word}", len(clean(status.unit))) + 1
    return f"{text[:at]}{render.paint(word, colour(status), on=on)}{text[at + len(word) :]}"


def colour(status: Status) -> str:
    """Return the colour of a unit: green only for what is as wished, and kept so."""
    if status.ready is Ready.UNKNOWN:
        return GREY
    if status.suspended:
        return YELLOW
    if status.ready is Ready.TRUE:
        return GREEN
    return RED if holds(status, STALLED) else CYAN


def _show_fleet(picture: Picture, on: bool) -> None:
    desired, tally = picture.desired, picture.tally
    subject = f" {clean(desired.subject)}" if desired.subject else ""
    render.out(f"fleet   {desired.fleet.name} at {tally.observed[:12]}{subject}")
    for commit in tally.withheld:
        fix = f"; to lift it: {clean(commit.fix)}" if commit.fix else ""
        text = f"commit {commit.commit[:12]} is withheld: {clean(commit.detail)}{fix}"
        render.out(render.paint(text, YELLOW, on=on))
    for one in picture.suspensions:
        render.out(render.paint(clean(line(one, picture.now)), YELLOW, on=on))
    render.out(f"daemon  {clean(picture.daemon)}")
    render.out(f"store   {clean(picture.store)}")
    if picture.remote is not None:
        text = f"remote  {clean(in_words(picture.remote, picture.now))}"
        render.out(render.paint(text, YELLOW, on=on and bool(picture.remote.trouble)))
    if picture.foreign:
        names = ", ".join(clean(name) for name in picture.foreign)
        render.out(f"others  {names} (not ours; never touched)")
    render.out(f"units   {counts(tally)}")
    if picture.plan is not None:
        render.out(summary(picture.plan))
    else:
        render.out("This is what was written down last, not a look: novaorch status looks.")


def counts(tally: FleetStatus) -> str:
    """Return the units in one line: how many are ready, and what the others are."""
    others = (
        (tally.reconciling, "on the way"),
        (tally.stalled, "stalled"),
        (tally.unknown, "unknown"),
        (tally.suspended, "suspended"),
        (tally.unhealthy, "unwell"),
    )
    more = "".join(f", {count} {word}" for count, word in others if count)
    return f"{tally.ready} of {tally.units} ready{more}"


def _row(status: Status, now: float) -> tuple[str, ...]:
    return (clean(status.unit), status.ready.value, *_facts(status, now), _message(status))


def _wide(status: Status, now: float) -> tuple[str, ...]:
    found = {c.name: c for c in status.conditions}
    return (
        clean(status.unit),
        status.ready.value,
        _since(found.get(READY), now),
        *(_value(found.get(name)) for name in (RECONCILING, STALLED, HEALTHY)),
        clean(status.reason),
        *_facts(status, now),
        clean(status.observed[:8]) or "-",
        _message(status),
    )


def _facts(status: Status, now: float) -> tuple[str, ...]:
    return (
        clean(status.state),
        clean(status.session or "-"),
        str(status.pid) if status.pid else "-",
        age(now - status.since) if status.since else "-",
        str(status.falls) if status.falls else "-",
        clean(status.commit[:8]) or "-",
    )


def _message(status: Status) -> str:
    """Say first that a unit is suspended, even when nothing is due."""
    said = "; ".join(clean(text) for text in (status.message, *_of_agent(status)) if text)
    if not status.suspended or status.reason == "suspended":
        return said
    return f"suspended: {clean(status.suspended)}{f'; {said}' if said else ''}"


def _of_agent(status: Status) -> Iterator[str]:
    """Yield what a person should know of an agent: what it waits for, who says otherwise."""
    agent = status.agent
    if agent is not None and agent.state not in _QUIET:
        yield agent.why
    if agent is not None:
        yield from (f"but {word}" for word in agent.conflicts)
    yield from (c.message for c in status.conditions if c.name in (BUDGET, HEARD, RECORDED))


_QUIET = frozenset({AgentState.IDLE, AgentState.BUSY, AgentState.DONE, AgentState.STARTING})


def _value(condition: Condition | None) -> str:
    return condition.value.value if condition is not None else "-"


def _since(condition: Condition | None, now: float) -> str:
    return age(now - condition.since) if condition is not None and condition.since else "-"


def age(seconds: float) -> str:
    """Return a duration in its two largest units: 5s, 3m10s, 2h5m, 4d1h."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (parts and name != "s"):
            parts.append(f"{count}{name}")
    return "".join(parts[:2]) or "0s"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned columns, the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
