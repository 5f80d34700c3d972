"""tmux options of foreign files, sifted: those that a Session may set, a note for the others."""

from __future__ import annotations

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.read import Items, Table, Value, flag
from reconciler.kinds.names import shown
from reconciler.kinds.options import SESSION_OPTIONS, WINDOW_OPTIONS

OWNED = {
    "remain-on-exit": "novaorch keeps ended panes itself, to show how they ended",
    "window-size": "novaorch sets it; say `size:` instead",
    "default-size": "novaorch sets it; say `size:` instead",
    "history-limit": "set for the whole fleet: `tmux: {history: ...}` in fleet.yaml",
    "destroy-unattached": "a session of ours ends when its manifest goes",
}


def option_text(value: Value) -> str | None:
    """Return an option's value as tmux takes it, None for what is no value."""
    if value is None or isinstance(value, Table | Items):
        return None
    meant = flag(value)
    return str(value) if meant is None else "on" if meant else "off"


def window_option(name: str, text: str, line: int, notes: Notes) -> bool:
    """Return whether a window may set this option to this text; else say why not."""
    return _allowed(WINDOW_OPTIONS, name, text, (line, notes))


def session_option(name: str, text: str, line: int, notes: Notes) -> bool:
    """Return whether a session may set this option to this text; else say why not."""
    if name in WINDOW_OPTIONS:
        notes.lost(line, f"the option {name}: it is a window's, and a session's has no effect")
        return False
    return _allowed(SESSION_OPTIONS, name, text, (line, notes))


def _allowed(known: frozenset[str], name: str, text: str, at: tuple[int, Notes]) -> bool:
    line, notes = at
    if name not in known:
        why = OWNED.get(name, "not one that a manifest may set")
        notes.lost(line, f"the option {shown(name)}: {why}")
    elif "#(" in text or "#{" in text or text.endswith(";"):
        notes.lost(line, f"the option {name}: tmux would read a format or a command in its value")
    elif not text or len(text) > 256 or not text.isprintable():
        notes.lost(line, f"the option {name}: {shown(text)} cannot be written as its value")
    else:
        return True
    return False
