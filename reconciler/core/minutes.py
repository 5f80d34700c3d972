"""What is kept of the words that led to a commit: excerpts without secrets, by policy.

Never keeps a whole prompt, and never what looks like a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.leaks import redacted
from reconciler.core.masks import Mask
from reconciler.core.trailers import prompt_hash
from reconciler.model.ids import Json
from reconciler.model.training import HeldBack, Turn

EXCERPT_MAX, TAIL = 2_000, 500
LINES_MAX = 200
_HELD_MAX = 100


def without_secrets(text: str, mask: Mask | None) -> str:
    """Return a text line by line, its secrets masked and its control characters made visible."""
    plain = redacted(text.replace("\r\n", "\n"))
    if mask is None:
        return plain
    lines = plain.split("\n")
    return "\n".join(mask.text(line, EXCERPT_MAX) if line else "" for line in lines)


def excerpt(prompt: str, mask: Mask | None) -> str:
    """Return at most `EXCERPT_MAX` characters of a prompt: its beginning and its end."""
    # Secrets are looked for in the whole: a cut through one would hide it.
    text = without_secrets(prompt, mask).strip()
    if len(text) <= EXCERPT_MAX:
        return text
    return f"{text[: EXCERPT_MAX - TAIL - 5]}\n […]\n{text[-TAIL:]}"[:EXCERPT_MAX]


def spoken_for(turn: Turn, prompts: str, mask: Mask | None) -> Turn:
    """Return a turn as its commit may tell it: by policy without its prompt, never with a
    secret in its summary."""
    kept = "" if prompts == "none" else turn.prompt
    return replace(turn, prompt=kept, summary=without_secrets(turn.summary[:20_000], mask))


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
