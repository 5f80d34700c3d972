"""Tools about the fleet: who one is, who else there is, the charter, and a word about oneself."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.address import book_of, receivers
from reconciler.core.chapters import CHAPTER_MAX, WHOLE_MAX, chapter, outline
from reconciler.core.explain import hour
from reconciler.core.insights import status_line
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools.arguments import text
from reconciler.gate.tools.means import Means, coded
from reconciler.model.agent import AgentReport, Seat
from reconciler.model.ids import Json, UnitId
from reconciler.model.insight import StatusLine

LISTED_MAX = 200
INBOX_SEEN = 100

Said = Mapping[str, Json]


def whoami(means: Means, unit: UnitId, _said: Said) -> dict[str, Json]:
    """Say who calls."""
    roster = means.roster()
    told: dict[str, Json] = {"id": str(unit), "project": unit.project, "name": unit.name}
    told |= {"fleet": roster.fleet, "commit": roster.commit[:12]}
    seat = roster.seats.get(unit)
    if seat is None:
        told["note"] = "the commit that is followed does not ask for you any more"
        return told
    told |= _seated(seat, means.report(unit, means.now()))
    told["directory"] = seat.directory
    if seat.persona is not None:
        told |= {"runtime": seat.persona.runtime, "model": seat.persona.model}
    unread = len(means.mail.inbox(str(unit), INBOX_SEEN))
    told["unread"] = f"{INBOX_SEEN} or more" if unread == INBOX_SEEN else unread
    return told


def list_agents(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """List agents; at most 200."""
    roster = means.roster()
    word = text(said, "who") or "@all"
    with coded("unknown-agent"):
        found = receivers(word, book_of(roster)) if word != "@all" else tuple(roster.seats)
    seats = [seat for name in sorted(found) if (seat := roster.seats.get(UnitId(name)))]
    now, lines = means.now(), means.lines.said()
    rows: list[Json] = []
    for seat in seats[:LISTED_MAX]:
        row: dict[str, Json] = {"id": str(seat.unit)}
        row |= _seated(seat, means.report(seat.unit, now), lines.get(seat.unit), now)
        if seat.unit == unit:
            row["you"] = True
        rows.append(row)
    told: dict[str, Json] = {"agents": rows, "count": len(seats)}
    if len(seats) > LISTED_MAX:
        told["note"] = f"only the first {LISTED_MAX} are shown; name a group with `who`"
    return told


def report_status(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Keep an agent's line about itself."""
    line = status_line(text(said, "text"), means.now())
    means.lines.say(unit, line)
    return {"status": line.text}


def read_charter(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Return the charter of the caller's project: whole, its outline, or a section."""
    charter = means.roster().charters.get(unit.project)
    if charter is None:
        raise ToolError(
            "unknown-section",
            f"the project {unit.project} has no charter",
            fix=f"propose one: desired-state/{unit.project}/charter.md",
        )
    name = text(said, "section")
    if name:
        with coded("unknown-section"):
            part = chapter(charter, name)
        return _bounded({"section": part.title}, part.text)
    if len(charter) <= WHOLE_MAX:
        return {"text": charter}
    told: dict[str, Json] = {"sections": [*outline(charter)[:100]]}
    told["note"] = "only its beginning is shown; read the rest by `section`"
    return {**told, "text": charter[:WHOLE_MAX]}


def _bounded(told: dict[str, Json], body: str) -> dict[str, Json]:
    if len(body) > CHAPTER_MAX:
        told["note"] = f"cut: it has {len(body)} characters; read the sections below it"
        told["sections"] = [*outline(body)[:100]]
    return {**told, "text": body[:CHAPTER_MAX]}


def _seated(
    seat: Seat, report: AgentReport, line: StatusLine | None = None, now: float = 0.0
) -> dict[str, Json]:
    """Return an agent in a few words; what is not there is left out."""
    told: dict[str, Json] = {"mode": seat.mode}
    told["state"] = report.state.value if seat.pane else "not running"
    if report.waiting is not None:
        told["waits_for"] = report.waiting.value
    if report.until:
        told["until"] = hour(int(report.until))
    if seat.labels:
        told["labels"] = dict(seat.labels)
    if line is not None and line.text:
        told |= {"says": line.text, "said_s_ago": max(0, round(now - line.at))}
    return told
