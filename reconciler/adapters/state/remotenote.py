"""How it stands with the remote, in a file: written by the controller, read by whoever looks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from reconciler.adapters.state.folder import private_folder, replaced
from reconciler.model.remote import Refusal, RemoteState

BYTES_MAX = 1 << 20
REFUSED_MAX = 100


@dataclass(frozen=True, slots=True)
class RemoteNote:
    """One note. It decides nothing: whoever deletes it loses a few hours of a clock."""

    path: Path

    def read(self) -> RemoteState | None:
        """Return what was kept last; None when nothing was, or it is damaged."""
        try:
            found = json.loads(self.path.read_bytes()[:BYTES_MAX])
            refused = tuple(Refusal(**one) for one in found.pop("refused", ()))
            made = RemoteState(**found, refused=refused)
        except (OSError, ValueError, RecursionError, TypeError, AttributeError):
            return None
        return made if _is_whole(made) else None

    def keep(self, state: RemoteState) -> None:
        """Keep this state. NovaorchError: it was not done."""
        private_folder(self.path.parent)
        said: dict[str, Any] = asdict(state)
        said["refused"] = said["refused"][:REFUSED_MAX]
        replaced(self.path, json.dumps(said))


def _is_whole(state: RemoteState) -> bool:
    """Whether every field is of its own kind: a hand may have written the file."""
    usual = RemoteState()
    for field in fields(RemoteState):
        known, found = getattr(usual, field.name), getattr(state, field.name)
        kinds = (int, float) if isinstance(known, (int, float)) else (type(known),)
        if not isinstance(found, kinds) or isinstance(found, bool):
            return False
    return True
