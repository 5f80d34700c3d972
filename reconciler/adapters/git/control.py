"""`GitControl`: what people told the controller, each word a commit on a ref of its own.

`git log refs/novaorch/control/HOST` says who said what, when and why. Never takes what cannot be
read for silence.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.adapters.git.refs import OwnRef
from reconciler.core.controltext import controls_of, files_of
from reconciler.model.control import Controls
from reconciler.model.problems import ConflictError, SourceError


class GitControl:
    """People's words on one ref (`ports.Control`). `accepted` is kept elsewhere."""

    def __init__(self, ref: OwnRef) -> None:
        self._ref = ref
        self._known = Controls()

    def read(self) -> Controls:
        """Return everything that was said; one line by pipe when nothing changed.

        BlindError names what is damaged and how to mend it.
        """
        tip = self._ref.tip()
        if tip != self._known.version:
            self._known = self._parsed(tip) if tip else Controls()
        return self._known

    def write(self, controls: Controls, why: str, by: str = "") -> Controls:
        """Say it all anew as one commit of `by`; ConflictError when another change came first."""
        try:
            files = files_of(controls)
        except ValueError as error:
            raise SourceError(
                "this cannot be kept", why=str(error), fix="say it otherwise"
            ) from None
        if self.read().version != controls.version:
            raise ConflictError(
                f"{self._ref.name} was changed by somebody else meanwhile",
                why="what was decided here was decided on an older state",
                fix="run the same command again",
            )
        commit = self._ref.put(files, controls.version, f"{why}\n", by)
        return replace(controls, version=commit)

    def _parsed(self, tip: str) -> Controls:
        try:
            return replace(controls_of(self._ref.files(tip)), version=tip)
        except ValueError as error:
            raise self._ref.damaged(str(error)) from None
