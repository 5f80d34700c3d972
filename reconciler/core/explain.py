"""A plan in words: the terminal, the log and the journal say the same. Never colours, never I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.core.plain import clean as clean  # noqa: PLC0414 - its users know it from here
from reconciler.model.action import Action, Change, Outcome, Plan, Verb
from reconciler.model.ids import Json, canonical
from reconciler.model.problems import FOLDER, Problem
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace

GLYPHS = {
    Verb.START: "+",
    Verb.UPDATE: "~",
    Verb.RESTART: "↻",
    Verb.STOP: "-",
    Verb.ADOPT: "=",
    Verb.HOLD: "!",
}
_WORDS = {Verb.HOLD: "held"}
_VALUE_MAX = 120
_SEEN_MAX = 4
_TOUCHES_LIVE = frozenset({Verb.UPDATE, Verb.RESTART, Verb.STOP})
_WIDTH_MAX = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line; `verb` tells a terminal which colour it deserves, `depth` its indent."""

    verb: Verb | None
    depth: int
    text: str


def explain(plan: Plan) -> list[Line]:
    """Return the plan line by line: each action with its fields, then notices, then a summary."""
    width = min(_WIDTH_MAX, max((len(clean(a.unit)) for a in plan.actions), default=0))
    lines = [line for action in plan.actions for line in _action(action, width)]
    lines += [Line(None, 0, f"note: {clean(notice)}") for notice in plan.notices]
    return [*lines, Line(None, 0, summary(plan))]


def summary(plan: Plan) -> str:
    """Return the one line that counts."""
    counts = Counter(action.verb for action in plan.actions)
    if not counts:
        return "Nothing to do: what runs is what is wished for."
    adopted = f"{counts[Verb.ADOPT]} to adopt, " if counts[Verb.ADOPT] else ""
    return (
        f"Plan: {counts[Verb.START]} to start, {counts[Verb.UPDATE]} to update, "
        f"{counts[Verb.RESTART]} to restart, {counts[Verb.STOP]} to stop, "
        f"{adopted}{counts[Verb.HOLD]} held."
    )


def _action(action: Action, width: int) -> list[Line]:
    word = _WORDS.get(action.verb, action.verb.value)
    why = clean(action.detail) if action.verb is Verb.HOLD and action.detail else _why(action)
    head = f"{GLYPHS[action.verb]} {word:<8} {clean(action.unit):<{width}}  {why}".rstrip()
    lines = [Line(action.verb, 0, head)]
    lines += [Line(action.verb, 1, _change(change)) for change in action.changes]
    lines += [Line(action.verb, 1, _live(action))] if action.verb in _TOUCHES_LIVE else []
    if action.verb is Verb.HOLD and action.until:
        lines.append(Line(action.verb, 1, f"until {hour(action.until)}"))
    if action.verb is Verb.HOLD and action.fix:
        lines.append(Line(action.verb, 1, f"to lift it: {clean(action.fix)}"))
    return lines


def _why(action: Action) -> str:
    reason = action.reason.value.replace("-", " ")
    return f"{reason}: {clean(action.detail)}" if action.detail else reason


def _change(change: Change) -> str:
    cost = change.disruption.name.lower()
    wanted, applied = _value(change.wanted), _value(change.applied)
    return f"{clean(change.field)}: wanted {wanted}, last applied {applied} ({cost})"


def _live(action: Action) -> str:
    """What is there now, as it was seen: acting is refused when this is no longer so."""
    for step in action.steps:
        match step:
            case CloseWorkspace(path=path, branch=branch, tip=tip):
                where = f"{branch or 'no branch'} at {tip[:12] or 'no commit'}"
                return f"live: {clean(path)}, on {clean(where)}"
            case BeginRun(workspace=tree, tip=tip):
                return f"live: {clean(tree.path)}, at {clean(tip[:12])}"
            case MarkWorkspace(workspace=tree):
                return f"live: {clean(tree.path)}"
            case _:
                continue
    ours = [e for e in action.expects if e.unit]
    seen = [f"{e.pane_id} {'ended' if e.dead else f'pid {e.pid}'}" for e in ours[:_SEEN_MAX]]
    more = f" and {len(ours) - _SEEN_MAX} more" if len(ours) > _SEEN_MAX else ""
    return f"live: {', '.join(seen)}{more}" if seen else "live: no pane of ours"


def _value(value: Json) -> str:
    text = "nothing" if value is None else clean(canonical(value))
    return text if len(text) <= _VALUE_MAX else f"{text[: _VALUE_MAX - 1]}…"


def hour(epoch_s: int) -> str:
    """Return an epoch second as people read it."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def counted(number: int, noun: str) -> str:
    """Return `1 pane`, `2 panes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def problem_lines(problem: Problem) -> list[str]:
    """Return one problem as people read it: place, rule, what; then why; then how to mend it."""
    head = (
        f"{clean(problem.where)}: {problem.severity.value}[{problem.rule}]: {clean(problem.what)}"
    )
    lines = [head]
    if problem.why:
        lines.append(f"  why: {clean(problem.why)}")
    if problem.fix:
        lines.append(f"  fix: {clean(problem.fix)}")
    return lines


def outcome_line(outcome: Outcome) -> str:
    """Return how one action went."""
    action = outcome.action
    word = action.verb.value
    if outcome.ok:
        return f"{GLYPHS[action.verb]} {word:<8} {clean(action.unit)}  done"
    return f"✗ {word:<8} {clean(action.unit)}  {clean(outcome.error)}"


# -- as data --------------------------------------------------------------------------------------


def action_json(action: Action) -> dict[str, Json]:
    """Return an action as plain JSON. Steps stay out: they follow from what is here."""
    found: dict[str, Json] = {
        "verb": action.verb.value,
        "unit": str(action.unit),
        "reason": action.reason.value,
        "detail": action.detail,
        "wanted": action.wanted,
        "needs": [str(unit) for unit in action.needs],
        "changes": [_change_json(change) for change in action.changes],
        "expects": [
            {"pane": e.pane_id, "pid": e.pid, "dead": e.dead, "unit": str(e.unit)}
            for e in action.expects
        ],
    }
    if action.source is not None:
        found["source"] = f"{action.source.path}:{action.source.line}"
    if action.until:
        found["until"] = action.until
    if action.fix:
        found["fix"] = action.fix
    for step in action.steps:
        if isinstance(step, CloseWorkspace):
            found["workspace"] = {"path": step.path, "branch": step.branch, "tip": step.tip}
    return found


def _change_json(change: Change) -> dict[str, Json]:
    return {
        "field": change.field,
        "wanted": change.wanted,
        "applied": change.applied,
        "class": change.disruption.name.lower(),
    }


def counts_json(plan: Plan) -> dict[str, Json]:
    """Return the summary as plain JSON."""
    counts = Counter(action.verb for action in plan.actions)
    return {verb.value: counts[verb] for verb in Verb}


def problems_json(problems: Iterable[Problem]) -> list[Json]:
    """Return problems as plain JSON."""
    return [
        {
            "path": f"{FOLDER}/{p.path}".rstrip("/"),
            "line": p.line,
            "column": p.column,
            "rule": p.rule,
            "severity": p.severity.value,
            "what": p.what,
            "why": p.why,
            "fix": p.fix,
        }
        for p in problems
    ]
