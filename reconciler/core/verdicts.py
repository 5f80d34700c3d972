"""What a verdict commit says of a run, and reading it again. Pure.

A verdict is kept for ever: the run's tip is its first parent, so no work is lost with a branch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core.plain import clean
from reconciler.model.training import Verdict

if TYPE_CHECKING:  # whoever only reads a verdict is in a hurry
    from reconciler.model.promotion import Sentence

ARCHIVE = "refs/novaorch/archive/"
CONFLICT = "refs/novaorch/conflict/"
PUSHED = "refs/novaorch/pushed/"
KEPT = "refs/novaorch/kept/"
RECORDED = "refs/novaorch/training/"
WHY_MAX, PATHS_MAX = 2000, 200


@dataclass(frozen=True, slots=True)
class Read:
    """What is read of a verdict."""

    verdict: Verdict
    target: str = ""
    result: str = ""
    by: str = ""
    why: str = ""
    commits: int = 0
    began: float = 0.0
    base: str = ""


def message(said: Sentence) -> str:
    """Return the message of a verdict: a title, what the gate printed last, the trailers."""
    known, run = said.known, said.known.run
    promoted = said.verdict is Verdict.PROMOTED
    title = f"Promote {known.name} into {known.target}" if promoted else f"Reject {known.name}"
    told = [f"The gate said:\n\n{_indented(said.proof.tail)}"] if said.proof.tail else []
    lines = [
        ("Nova-Verdict", said.verdict.value),
        ("Nova-Agent", f"{run.unit.project}/agent/{run.unit.name}"),
        ("Nova-Run", str(run.number)),
        ("Nova-Target", known.target),
        ("Nova-Result", said.result),
        ("Nova-Before", said.before),
        ("Nova-Policy", said.policy),
        ("Nova-Gate", said.proof.word if promoted else ""),
        *(("Nova-Allowed", path) for path in said.allowed),
        ("Nova-Commits", str(run.commits)),
        ("Nova-Base", run.base),
        ("Nova-Began", f"{run.began:.0f}"),
        ("Nova-By", said.by),
        ("Nova-Why", said.why),
    ]
    return "\n\n".join([title, *told, trailers(lines)]) + "\n"


def trailers(lines: Iterable[tuple[str, str]]) -> str:
    """Return trailer lines; what is empty is left out, what has several lines becomes one."""
    flat = ((name, clean(" ".join(value.split()))[:WHY_MAX]) for name, value in lines)
    return "\n".join(f"{name}: {value}" for name, value in flat if value)


def read(found: Mapping[str, str]) -> Read | None:
    """Return what the trailers of a verdict commit say; None when it is none."""
    word = found.get("Nova-Verdict", "")
    if word not in (Verdict.PROMOTED.value, Verdict.REJECTED.value):
        return None
    return Read(
        Verdict(word),
        found.get("Nova-Target", ""),
        found.get("Nova-Result", ""),
        found.get("Nova-By", ""),
        found.get("Nova-Why", ""),
        _number(found.get("Nova-Commits", "")),
        float(_number(found.get("Nova-Began", ""))),
        found.get("Nova-Base", ""),
    )


def lines_of(text: str) -> dict[str, str]:
    """Return trailers by name; the last word on each counts."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def conflict_message(name: str, target: str, paths: Iterable[str]) -> str:
    """Return the message that remembers with what a run clashes."""
    shown = [json.dumps(path).replace("\x7f", "\\u007f") for path in list(paths)[:PATHS_MAX]]
    lines = "\n".join(f"Nova-Conflict: {path}" for path in shown)
    return f"{name} conflicts with {target}\n\n{lines}\n"


def conflict_paths(text: str) -> tuple[str, ...]:
    """Return the paths that such a message names."""
    found = []
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        if name == "Nova-Conflict":
            try:
                found.append(str(json.loads(value)))
            except ValueError:
                continue
    return tuple(found)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else 0


def _indented(text: str) -> str:
    """Set text off, so that no line of it can be taken for a trailer."""
    return "\n".join(f"    {clean(line)}" for line in text.splitlines())
