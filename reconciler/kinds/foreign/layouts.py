"""Layouts of foreign files: a name that tmux knows (or the start of one), or a text it printed."""

from __future__ import annotations

import re

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.read import Value
from reconciler.kinds.names import shown
from reconciler.kinds.options import LAYOUTS, layout_checksum

_DRAWN = re.compile(r"([0-9a-f]{4}),([0-9x,\[\]{}]{1,4091})")


def layout(value: Value, line: int, notes: Notes) -> str:
    """Return the layout that a manifest may say, '' (and a note) for what is none."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        if value in LAYOUTS:
            return value
        drawn = _DRAWN.fullmatch(value)
        if drawn is not None and int(drawn[1], 16) == layout_checksum(drawn[2]):
            return value
        # Before the mirrored ones came, `main-v` was enough.
        near = [n for n in LAYOUTS if n.startswith(value) and not n.endswith("-mirrored")]
        if len(near) == 1:
            return near[0]
    notes.lost(line, f"the layout {shown(value)}: tmux has none of that name")
    return ""
