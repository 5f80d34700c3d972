"""Names, and how a refused text is shown in a message. Never shows more than a glance of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAME = "[a-z0-9][a-z0-9-]{0,47}"
"""What projects and units are called."""

_SHAPES = {dict: "a mapping", list: "a list", type(None): "an empty value"}


def shown(value: object) -> str:
    """Return `value` for a message: short, in quotes, control characters as escapes."""
    if not isinstance(value, str):
        return _SHAPES.get(type(value), str(value))
    visible = value if len(value) <= 60 else value[:57] + "..."
    return '"' + "".join(c if c.isprintable() else _escaped(c) for c in visible) + '"'


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def visible(text: str) -> str:
    """Return `text` with what cannot be printed as escapes; for names of refused files."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return advice that names the nearest known word, or else all of them."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word[:80], words, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known: {', '.join(words[:40])}" if words else ""
