"""What is said in a status of an agent's work as commits: that it could not be made, or not all
of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.model.ids import Json, UnitId
from reconciler.model.status import Condition, Ready, Status
from reconciler.model.training import HeldBack, Recorded

RECORDED = "Recorded"
"""Whether an agent's work is in commits: False when it cannot be committed. It is there only when
there is something to say: a path that was held back is no failure, and yet in no commit."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of one agent; `well` when all that may be is committed."""

    well: bool
    text: str


def remark(trouble: str, held: Sequence[HeldBack], beside: str = "") -> Remark | None:
    """Return what is to be said, None for nothing. A trouble comes before what is held back;
    `beside` is one that kept no work from being committed."""
    if trouble:
        return Remark(False, f"its work could not be committed: {trouble}")
    parts = [beside] if beside else []
    if held:
        parts.append(f"in none of its commits: {_named(held)}")
    return Remark(True, "; ".join(parts)) if parts else None


def _named(held: Sequence[HeldBack]) -> str:
    shown = ", ".join(f"{one.path} ({one.why})" for one in held[:SHOWN])
    more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    return f"{shown}{more}"


def recorded(statuses: Iterable[Status], remarks: Mapping[UnitId, Remark]) -> tuple[Status, ...]:
    """Return the statuses, with a condition where there is something to say."""
    return tuple(_with(status, remarks.get(status.unit)) for status in statuses)


def as_json(made: Recorded) -> dict[str, Json]:
    """Return a commit of an agent's work as plain JSON."""
    held: list[Json] = [
        {"path": one.path, "rule": one.rule, "why": one.why} for one in made.held_back
    ]
    return {
        "unit": str(made.unit),
        "commit": made.commit,
        "branch": made.branch,
        "run": made.run,
        "number": made.number,
        "files": made.files,
        "held_back": held,
        "seconds": round(made.seconds, 6),
    }


def _with(status: Status, said: Remark | None) -> Status:
    if said is None:
        return status
    value, reason = (Ready.TRUE, "not-all") if said.well else (Ready.FALSE, "not-committed")
    made = Condition(RECORDED, value, reason, said.text)
    return replace(status, conditions=(*status.conditions, made))
