"""Tools about an agent's own work: to have it committed in the middle of a turn."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.recording import as_json
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools.arguments import text
from reconciler.gate.tools.means import Means
from reconciler.model.ids import Json, UnitId

MESSAGE_MAX = 4_000
MODE = "training"

Said = Mapping[str, Json]


def save(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Commit the caller's work; in another mode than training people decided that nobody does."""
    seat = means.roster().seats.get(unit)
    if seat is not None and seat.mode != MODE:
        raise ToolError(
            "not-allowed",
            f"your mode is {seat.mode}",
            why="only in the mode training does novaorch commit what agents do",
            fix="commit with git yourself",
        )
    made = means.save(unit, str(unit), text(said, "message")[:MESSAGE_MAX])
    if made is None:
        return {"note": "nothing changed since your last commit"}
    told = as_json(made)
    return {name: told[name] for name in ("commit", "branch", "files", "held_back")}
