"""What verbs print: words from `core.explain`, colours on a terminal, NDJSON for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

from reconciler import __version__
from reconciler.core.explain import (
    Line,
    action_json,
    clean,
    counts_json,
    explain,
    outcome_line,
    problem_lines,
    problems_json,
)
from reconciler.model.action import Outcome, Plan, Verb
from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError, Problem, Severity

SCHEMA_VERSION = 1
_COLOURS = {
    Verb.START: "32",
    Verb.UPDATE: "33",
    Verb.RESTART: "36",
    Verb.STOP: "31",
    Verb.ADOPT: "34",
    Verb.HOLD: "35",
}


def coloured(stream_fd: int = 1) -> bool:
    """Whether the stream is a terminal that wants colours (NO_COLOR and TERM=dumb say no)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return os.isatty(stream_fd)


def paint(text: str, code: str, *, on: bool) -> str:
    """Return `text` in a colour, if colours are on."""
    return f"\x1b[{code}m{text}\x1b[0m" if on and code else text


def out(text: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")


def err(text: str) -> None:
    """Print one line for people on stderr."""
    sys.stderr.write(f"{text}\n")


def plan(made: Plan) -> None:
    """Print a plan for people."""
    on = coloured()
    for line in explain(made):
        out(_line(line, on))


def _line(line: Line, on: bool) -> str:
    code = _COLOURS.get(line.verb, "") if line.verb is not None and line.depth == 0 else ""
    return "    " * line.depth + paint(line.text, code, on=on)


def outcome(done: Outcome) -> None:
    """Print how one action went."""
    on = coloured()
    out(paint(outcome_line(done), _COLOURS[done.action.verb] if done.ok else "31", on=on))
    if done.fix:
        out(f"    to mend it: {clean(done.fix)}")


def problems(found: Sequence[Problem]) -> None:
    """Print problems for people, on stderr."""
    on = coloured(2)
    for problem in found:
        head, *rest = problem_lines(problem)
        code = "31" if problem.severity is Severity.ERROR else "33"
        err(paint(head, code, on=on))
        for line in rest:
            err(line)


def error(found: NovaorchError) -> None:
    """Print what went wrong, why, and how to mend it, on stderr."""
    err(paint(f"novaorch: {clean(found.what)}", "31", on=coloured(2)))
    if found.why:
        err(f"  why: {clean(found.why)}")
    if found.fix:
        err(f"  fix: {clean(found.fix)}")


def defect(trace: str) -> None:
    """Print a report that can be pasted: this one is our fault."""
    err(trace.rstrip())
    err(f"novaorch {__version__}, Python {sys.version.split()[0]}: this is a defect of novaorch.")
    err("  fix: please report it with the lines above; nothing that runs was stopped by it")


# -- for machines ---------------------------------------------------------------------------------


def record(kind: str, **fields: Json) -> None:
    """Print one NDJSON record: `v`, `type`, then its fields. A terminal may show it too."""
    made = {"v": SCHEMA_VERSION, "type": kind, **fields}
    text = json.dumps(made, ensure_ascii=False)
    out(text if text.isprintable() else json.dumps(made).replace("\x7f", "\\u007f"))


def plan_records(made: Plan) -> None:
    """Print a plan as records: plan, one an action, summary."""
    record("plan", id=made.id, commit=made.commit, tree=made.tree)
    for action in made.actions:
        record("action", **action_json(action))
    for notice in made.notices:
        record("notice", text=notice)
    record("summary", **counts_json(made))


def outcome_record(done: Outcome) -> None:
    """Print how one action went, as a record."""
    record(
        "outcome",
        verb=done.action.verb.value,
        unit=str(done.action.unit),
        ok=done.ok,
        error=done.error,
        fix=done.fix,
        seconds=round(done.seconds, 6),
    )


def problem_records(found: Iterable[Problem]) -> None:
    """Print problems as records."""
    for fields in problems_json(found):
        if isinstance(fields, dict):
            record("problem", **fields)
