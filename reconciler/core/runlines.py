"""Runs in words and as JSON: what `novaorch training` prints of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.explain import counted
from reconciler.core.plain import clean
from reconciler.model.ids import Json
from reconciler.model.promotion import Kept, KnownRun, State
from reconciler.model.training import Noted, Verdict

_WHY_MAX = 60


def run_json(known: KnownRun) -> dict[str, Json]:
    """Return a run as plain JSON."""
    run = known.run
    return {
        "run": known.name,
        "agent": str(run.unit),
        "number": run.number,
        "state": known.state.value,
        "tip": run.tip,
        "base": run.base,
        "branch": run.branch if known.branch else "",
        "target": known.target,
        "commits": run.commits,
        "empty": known.empty,
        "began": run.began,
        "ended": run.ended,
        "result": run.result,
        "by": run.by,
        "why": run.why,
        "archive": known.archive,
        "pushed": known.pushed,
        "landed": known.landed,
        "conflict": list(known.conflict),
    }


def kept_json(kept: Kept) -> dict[str, Json]:
    """Return a kept snapshot as plain JSON."""
    return {"kept": kept.name, "commit": kept.commit, "at": kept.at, "subject": kept.subject}


def row(known: KnownRun, age: str) -> tuple[str, ...]:
    """Return the cells of a run's line in a table: name, state, commits, age, target, remark."""
    commits = "-" if known.empty else str(known.run.commits)
    return (known.name, known.state.value, commits, age, clean(known.target) or "-", remark(known))


def remark(known: KnownRun) -> str:
    """Return what is to be said of how a run stands."""
    run = known.run
    if run.verdict is not Verdict.OPEN:
        into = f"as {run.result[:12]} " if run.result else ""
        why = clean(run.why)
        short = why if len(why) <= _WHY_MAX else f"{why[: _WHY_MAX - 1]}…"
        return f"{into}by {clean(run.by) or 'somebody'}" + (f": {short}" if short else "")
    match known.state:
        case State.LANDED:
            return f"is in {clean(known.target)} already: novaorch training promote {known.name}"
        case State.CONFLICT:
            return f"with {clean(known.target)} in {counted(len(known.conflict), 'path')}"
        case State.PUSHED:
            return "waits to be merged by people"
        case _:
            return "no work yet" if known.empty else ""


def turn(noted: Noted | None) -> str:
    """Return what a commit's trailers say of its turn, in a few words."""
    if noted is None:
        return "made by the agent itself"
    words = [f"turn {noted.number}" if noted.number else "", clean(noted.model)]
    if noted.tokens_in or noted.tokens_out:
        words.append(f"{noted.tokens_in} in, {noted.tokens_out} out")
    if noted.cost_usd:
        words.append(f"${noted.cost_usd:.4f}".rstrip("0").rstrip("."))
    return ", ".join(filter(None, words))


def sums(noted: Sequence[Noted]) -> str:
    """Return what all turns together took."""
    given, made = sum(n.tokens_in for n in noted), sum(n.tokens_out for n in noted)
    words = [counted(len(noted), "turn")]
    if given or made:
        words.append(f"{given} in, {made} out")
    cost = sum(n.cost_usd for n in noted)
    if cost:
        words.append(f"${cost:.4f}".rstrip("0").rstrip("."))
    models = sorted({clean(n.model) for n in noted if n.model})
    return ", ".join([*words, *models])


def noted_json(noted: Noted) -> dict[str, Json]:
    """Return what a commit's trailers say as plain JSON."""
    return {
        "agent": str(noted.unit),
        "turn": noted.number,
        "conversation": noted.conversation,
        "prompt": noted.prompt,
        "model": noted.model,
        "tokens_in": noted.tokens_in,
        "tokens_out": noted.tokens_out,
        "cost_usd": noted.cost_usd,
        "charter": noted.charter,
        "desired": noted.desired,
        "cause": noted.cause,
        "recorded": noted.recorded,
    }
