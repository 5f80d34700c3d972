"""A plan in a file: what `diff --out` writes and `apply PLAN` holds itself to."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.explain import action_json
from reconciler.core.plan import fingerprint
from reconciler.model.action import Plan
from reconciler.model.problems import NovaorchError, UsageError

FORMAT = "novaorch-plan-1"


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What a later apply needs to know: whose plan, of which commit, which actions."""

    id: str
    fleet: str
    commit: str
    fingerprints: frozenset[str]


def save(path: Path, plan: Plan, fleet: str) -> None:
    """Write the plan, atomically, for its owner's eyes only."""
    document = {
        "format": FORMAT,
        "id": plan.id,
        "fleet": fleet,
        "commit": plan.commit,
        "tree": plan.tree,
        "actions": [{**action_json(a), "fingerprint": fingerprint(a)} for a in plan.moves],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        _write(path, text)
    except OSError as error:
        raise NovaorchError(
            f"the plan was not written to {path}",
            why=str(error.strerror),
            fix="name a file in a folder that can be written",
        ) from error


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def load(path: Path) -> SavedPlan:
    """Read a plan back; UsageError when the file is no plan of ours."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(document["format"])
        return SavedPlan(
            id=str(document["id"]),
            fleet=str(document["fleet"]),
            commit=str(document["commit"]),
            fingerprints=frozenset(str(a["fingerprint"]) for a in document["actions"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a saved plan",
            why=f"{type(error).__name__}: {error}",
            fix="make one: novaorch diff --out PLAN",
        ) from error
