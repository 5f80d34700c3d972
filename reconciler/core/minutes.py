"""What is kept of the words that led to a commit: excerpts without secrets, by policy.

Never keeps a whole prompt, and never what looks like a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.leaks import redacted
from reconciler.core.masks import Mask
from reconciler.core.trailers import prompt_hash
from reconciler.model.ids import Json
from reconciler.model.training import HeldBack, Turn

EXCERPT_MAX, TAIL = 2_000, 500
SUMMARY_MAX = 8_000
_WHOLE = 20_000
_HELD_MAX = 100
_LONG = re.compile(r"\S{400,}")
"""So long a word is none that a person reads; forms that look for secrets are slow on it."""


def without_secrets(text: str, mask: Mask | None) -> str:
    """Return a text line by line, its secrets masked and its control characters made visible."""
    plain = redacted(_LONG.sub(lambda m: f"«{len(m[0])} characters»", text))
    if mask is None:
        return plain
    lines = plain.splitlines()
    return "\n".join(mask.text(line, len(line) + 1) if line else "" for line in lines)


def excerpt(prompt: str, mask: Mask | None) -> str:
    """Return at most `EXCERPT_MAX` characters of a prompt: its beginning and its end."""
    if len(prompt) <= _WHOLE:
        text = without_secrets(prompt, mask).strip()
        if len(text) <= EXCERPT_MAX:
            return text
        head = tail = text
    else:
        # Cut at blanks, so that no half of a secret passes for none.
        head = without_secrets(prompt[:_WHOLE].rpartition(" ")[0], mask).strip()
        tail = without_secrets(prompt[-_WHOLE:].partition(" ")[2], mask).strip()
    return f"{head[: EXCERPT_MAX - TAIL - 5]}\n[…]\n{tail[-TAIL:]}"


def spoken_for(turn: Turn, prompts: str, mask: Mask | None) -> Turn:
    """Return a turn as its commit may tell it: by policy without its prompt, never with a
    secret in its summary."""
    kept = "" if prompts == "none" else turn.prompt
    return replace(turn, prompt=kept, summary=without_secrets(turn.summary[:SUMMARY_MAX], mask))


def note(turn: Turn, prompts: str, held: Sequence[HeldBack], mask: Mask | None) -> dict[str, Json]:
    """Return the note on a commit: what was asked, by policy, and what was held back; {}: nothing
    is kept."""
    if prompts == "none":
        return {}
    said: dict[str, Json] = {"version": 1, "agent": turn.unit, "at": int(turn.at)}
    said |= {"conversation": turn.conversation} if turn.conversation else {}
    if turn.prompt:
        said["hash"] = prompt_hash(turn.prompt)
        if prompts == "excerpt":
            said["prompt"] = excerpt(turn.prompt, mask)
    if held:
        said["held_back"] = [
            {"path": redacted(one.path), "rule": one.rule, "why": one.why}
            for one in held[:_HELD_MAX]
        ]
    return said
