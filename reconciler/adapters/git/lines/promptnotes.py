"""What was asked for a commit of an agent's work: its note, in git's own form.

Reads only. A note that nobody can read is no note.
"""

from __future__ import annotations

import json
from typing import Any

from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.model.provenance import Prompt
from reconciler.model.training import Noted

REFS = "refs/notes/novaorch/"
NOTE_MAX = 2**20
FETCH = "git fetch <remote> '+refs/notes/novaorch/*:refs/notes/novaorch/*'"
_FANS = ((2,), (), (2, 2))


def note(shelf: Shelf, run: str, commit: str) -> dict[str, Any] | None:
    """Return the note of a commit in a run (`shop/torch/3`); {}: none of it, None: no notes."""
    found = shelf.find(f"{REFS}{run}^{{commit}}")
    tip = shelf.commit(found.oid) if found is not None else None
    if tip is None:
        return None
    for fan in _FANS:
        parts, rest = [], commit
        for width in fan:
            parts.append(rest[:width])
            rest = rest[width:]
        entry = shelf.entry(tip.tree, "/".join([*parts, rest]))
        body = shelf.body(entry.oid, "blob") if entry is not None else None
        if body is not None and len(body) <= NOTE_MAX:
            return _read(body)
    return {}


def prompt_of(shelf: Shelf, noted: Noted, run: str, commits: tuple[str, ...]) -> Prompt:
    """Return what was asked for a commit, or why nobody can tell. `commits`: it, and its source."""
    said: dict[str, Any] | None = None
    for commit in dict.fromkeys(filter(None, commits)):
        found = note(shelf, run, commit)
        if found:
            said = found
            break
        said = said if found is None else found
    given = printable(str(noted.prompt or (said or {}).get("hash") or ""))[:64]
    if said and said.get("hash") and noted.prompt and said["hash"] != noted.prompt:
        return Prompt(given, absent="its note is of another prompt: somebody altered it")
    text = (said or {}).get("prompt")
    if isinstance(text, str) and text:
        return Prompt(given, text)
    return Prompt(given, absent=_why(given, noted.cause, said))


def _read(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _why(given: str, cause: str, said: dict[str, Any] | None) -> str:
    """Return why there is no text: nothing led to it, or policy, or this clone lacks it."""
    if not given:
        if cause.startswith(("settled", "asked")):
            return f"no turn led to it: it was recorded because it was {cause}"
        return "nothing of it was kept, not even its hash (prompts: none), or nobody knew it"
    if said is None:
        return f"its notes are not in this clone: {FETCH}"
    return "only its hash was kept (prompts: hash)" if said else "no note of it was kept"
