"""What people told the controller, in a list of what was said and by whom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.controltext import controls_of, files_of
from reconciler.model.control import Controls
from reconciler.model.problems import BlindError, ConflictError, SourceError


@dataclass(frozen=True, slots=True)
class Word:
    """One change: the version it made, its files, why and by whom ('': novaorch itself)."""

    version: str
    files: Mapping[str, bytes]
    why: str
    by: str


class MemoryControl:
    """What `GitControl` does, without git (`ports.Control`). With `damaged`, nothing is known."""

    def __init__(self) -> None:
        self.log: list[Word] = []
        self.damaged = False

    def read(self) -> Controls:
        """Return everything that was said."""
        if self.damaged:
            raise BlindError("the control ref holds what novaorch did not write", fix="mend it")
        if not self.log:
            return Controls()
        return replace(controls_of(self.log[-1].files), version=self.log[-1].version)

    def write(self, controls: Controls, why: str, by: str = "") -> Controls:
        """Say it all anew; ConflictError when another change came first."""
        try:
            files = files_of(controls)
        except ValueError as error:
            raise SourceError(
                "this cannot be kept", why=str(error), fix="say it otherwise"
            ) from None
        if self.read().version != controls.version:
            raise ConflictError("somebody else changed it meanwhile", fix="run it again")
        said = repr((controls.version, sorted(files.items()), why, by, len(self.log)))
        version = hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()
        self.log.append(Word(version, files, why, by))
        return replace(controls, version=version)
