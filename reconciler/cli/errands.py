"""What hooks ask a running daemon, so that they need not start a Python of their own."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.adapters.askbox import AskBox, Question
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring


class Errands:
    """Answers `is what is staged valid?`: 0 for yes; anything else sends the hook the slow way."""

    def __init__(
        self, wiring: Wiring, poke: Callable[[str], None], log: Callable[[str], None]
    ) -> None:
        self._wiring = wiring
        self._box: AskBox | None = None
        try:
            self._box = wiring.askbox(poke)
        except NovaorchError as error:
            log(f"{error.what} ({error.why})")

    def run(self) -> None:
        """Answer everything that was asked."""
        if self._box is not None:
            for question in self._box.take():
                self._box.answer(question, self._verdict(question))

    def _verdict(self, question: Question) -> int:
        try:
            return 0 if self._wiring.staged(question.index).read(":staged").settled else 1
        except NovaorchError:
            return 1

    def close(self) -> None:
        """Stop listening."""
        if self._box is not None:
            self._box.close()
