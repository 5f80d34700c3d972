"""The fields that were applied last, as the server keeps them: how to ask, how to read. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.adapters.tmux.launch import applied_key
from reconciler.adapters.tmux.render import APPLIED, live
from reconciler.adapters.tmux.talk import Reply
from reconciler.model.ids import Json, UnitId


def ask(unit: UnitId, at: str) -> str:
    """Return the line that asks a pane (`%`) or a session (`$`) for a unit's fields."""
    name = applied_key(unit) if at.startswith("%") else APPLIED
    where = live(at) if at.startswith("%") else f"{live(at, '$')[:-1]}:'"
    return f"display-message -p -t {where} '#{{{name}}}'"


def decoded(reply: Reply) -> Mapping[str, Json]:
    """Return the fields that a reply holds; what is not there, or damaged, is empty."""
    try:
        value = json.loads("\n".join(reply.output))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
