"""How far the journal is, told to the store: so a chain that was cut short in git is found.

Never waits long for a store that does not answer: the next word says it all anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.model.problems import NovaorchError
from reconciler.ports import Clock, Store

RETRY_S = 30.0
"""Between two tries to speak to a store that did not answer."""


@dataclass(slots=True)
class Elsewhere:
    """Keeps words in whatever store `open` opens."""

    open: Callable[[], Store]
    clock: Clock
    _not_before: float = 0.0

    def keep(self, name: str, word: str) -> None:
        """Keep the word under this name if the store answers."""
        if self.clock.now() < self._not_before:
            return
        try:
            store = self.open()
            try:
                store.mark(name, word)
            finally:
                store.close()
        except NovaorchError:
            self._not_before = self.clock.now() + RETRY_S
