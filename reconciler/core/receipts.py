"""A message and its receipt in words: how far it came, when, how that is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from reconciler.core.plain import clean
from reconciler.model.message import ORDER, Proof, Stage, Tracked

_BODY_MAX = 60
_CALENDAR_S = 2e11


def reached(kept: Tracked, stage: Stage) -> bool:
    """Whether a message is known to have come at least so far. What ended otherwise has not."""
    if kept.stage is Stage.DEAD or stage is Stage.DEAD:
        return kept.stage is stage
    return ORDER.index(kept.stage) >= ORDER.index(stage)


def proof_of(kept: Tracked, stage: Stage) -> Proof | None:
    """Return the first proof of this stage, or of one beyond it."""
    beyond = (stage,) if stage is Stage.DEAD else ORDER[ORDER.index(stage) :]
    return next((p for wanted in beyond for p in kept.proofs if p.stage is wanted), None)


def line(kept: Tracked) -> str:
    """Return one line: id, hour, how far, priority, who to whom, how it begins."""
    message = kept.message
    priority = message.priority.name.lower()
    start = " ".join(message.body.split())
    start = start if len(start) <= _BODY_MAX else start[: _BODY_MAX - 1] + "…"
    whom = f"{clean(message.sender)} to {clean(message.to)}"
    head = f"{clean(message.id)}  {hour(message.at)}  {kept.stage.value:<9} {priority:<6}"
    return f"{head}  {whom}: {clean(start)}"


def letter_lines(kept: Tracked) -> list[str]:
    """Return a message in full: its head, then its body, each line set off."""
    message = kept.message
    head = f"{clean(message.id)}  {clean(message.sender)} to {clean(message.to)}"
    facts = [f"{message.priority.name.lower()} priority", f"sent {hour(message.at)}"]
    facts += [f"in reply to {clean(message.reply_to)}"] if message.reply_to else []
    facts += [f"of thread {clean(message.thread)}"] if message.thread else []
    facts += [f"good until {hour(message.expires)}"] if message.expires else []
    facts += [f"key {clean(message.key)}"] if message.key else []
    body = [f"  | {clean(row)}".rstrip() for row in message.body.replace("\t", "    ").split("\n")]
    return [head, f"  {', '.join(facts)}", *body]


def story(kept: Tracked, waits: str = "") -> list[str]:
    """Return every stage with its hour, the time since the one before, and how it is known; and
    what an open message waits for."""
    lines = []
    before: float | None = None
    for proof in kept.proofs:
        passed = "" if before is None else f"+{span(proof.at - before)}"
        evidence = clean(proof.evidence)
        lines.append(f"  {proof.stage.value:<9}  {hour(proof.at)}  {passed:>9}  {evidence}")
        before = proof.at
    if kept.open:
        lines.append(f"  waits      {clean(waits) or 'nobody knows for what'}")
    return [row.rstrip() for row in lines]


def furthest(kept: Tracked) -> str:
    """Return how far it came, in a few words."""
    last = proof_of(kept, kept.stage)
    return f"{kept.stage.value} ({clean(last.evidence)})" if last is not None else kept.stage.value


def came(kept: Tracked, stage: Stage) -> str:
    """Return how a stage was reached, and how long after the message was sent."""
    proof = proof_of(kept, stage)
    if proof is None:
        return furthest(kept)
    if proof.stage is Stage.ACCEPTED:
        return "accepted"
    after = max(0.0, proof.at - kept.message.at)
    return f"{proof.stage.value} after {span(after)} ({clean(proof.evidence)})"


def span(seconds: float) -> str:
    """Return a short time with the unit that fits."""
    if abs(seconds) < 1.0:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 120.0:
        return f"{seconds:.1f} s"
    if abs(seconds) < 7200.0:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def hour(at: float) -> str:
    """Return an hour to the millisecond, in UTC; others may have written one that is none."""
    if not 0 <= at < _CALENDAR_S:
        return "an hour that no calendar has"
    told = datetime.fromtimestamp(at, UTC)
    return f"{told:%Y-%m-%d %H:%M:%S}.{told.microsecond // 1000:03d}Z"


def least(kept: Sequence[Tracked]) -> Tracked:
    """Return the one that came least far; dead ones first."""
    ranks = (Stage.DEAD, *ORDER)
    return min(kept, key=lambda one: ranks.index(one.stage))
