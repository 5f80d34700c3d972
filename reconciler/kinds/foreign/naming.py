"""Names made valid: a unit's, a tmux session's, a window's. What had to change is said."""

from __future__ import annotations

import re
import unicodedata

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.names import shown

SESSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/ @+,-]{0,63}")


def unit_name(text: str) -> str:
    """Return the nearest name that a unit may have; `session` when nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:48].strip("-") or "session"


def session_name(text: str, line: int, notes: Notes) -> str:
    """Return the nearest name that a tmux session of ours may have."""
    if SESSION_NAME.fullmatch(text):
        return text
    near = re.sub(r"[^A-Za-z0-9_/ @+,-]", "_", text).lstrip("_/ @+,-")[:64] or "session"
    notes.changed(line, f"the session is called {shown(near)}; {shown(text)} is no safe name")
    return near


def window_name(text: str, line: int, notes: Notes) -> str:
    """Return the nearest name that a window of ours may have, '' for none."""
    near = "".join(c if c.isprintable() and c != "#" else "_" for c in text)[:64]
    if near != text:
        notes.changed(line, f"the window is called {shown(near)}; {shown(text)} is no safe name")
    return near
