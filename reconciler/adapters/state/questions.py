"""Questions of agents that nobody has answered yet, in a file: whoever is killed, they stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.state.folder import private_folder, replaced
from reconciler.core.deciding import read
from reconciler.model.decision import Decision

BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """One file of questions (`loop.decisions.Drawer`). The controller's lock must be held."""

    path: Path

    def read(self) -> Sequence[Decision]:
        """Return what was kept last; what is damaged is left out."""
        try:
            found = json.loads(self.path.read_bytes()[:BYTES_MAX])
        except (OSError, ValueError, RecursionError):
            return ()
        made = map(read, found if isinstance(found, list) else [])
        return tuple(decision for decision in made if decision is not None)

    def keep(self, questions: Sequence[Decision]) -> None:
        """Keep these and no others. NovaorchError: it was not done."""
        if not questions and not self.path.exists():
            return
        private_folder(self.path.parent)
        replaced(self.path, json.dumps([question.as_json() for question in questions]))
