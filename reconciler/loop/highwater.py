"""How far history was followed: one commit, kept in git and in the store.

Whichever of the two knows more counts, so that losing either loses nothing. Never decides what is
followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.ports import Clock, Mark, Repository, Store

RETRY_S = 5.0
"""Between two tries to speak to a store that did not answer."""

OpenStore = Callable[[FleetSettings, bool], Store]
"""Opens the store of a fleet; with True, starts the one that novaorch owns."""


@dataclass(slots=True)
class HighWater:
    """The mark of one host. `name` is what it is called in the store.

    `thorough` asks the store even when git knows a mark: for whoever goes on for days.
    """

    mark: Mark
    repository: Repository
    clock: Clock
    store: OpenStore | None = None
    name: str = "accepted"
    thorough: bool = False
    _tip: str = ""
    _known: str = ""
    _above: tuple[str, str] = ("", "")
    _asked: bool = False
    _owed: tuple[FleetSettings, str] | None = None
    _not_before: float = 0.0

    def read(self, fleet: FleetSettings) -> str:
        """Return the commit that was followed last, '' when nobody knows of one.

        One line by pipe; the store of `fleet` is asked once. BlindError: git's mark is damaged.
        """
        self._tip = self.mark.tip()
        self._ask(fleet)
        above, beneath = self._above
        if above and self._tip == beneath:
            return above
        self._known = self._tip or self._known
        return self._known

    def set(self, fleet: FleetSettings, commit: str) -> None:
        """Let it be this commit, in git at once, in the store at `tell`.

        ConflictError when somebody else moved it after `read`.
        """
        before, self._tip, self._known, self._above = self._tip, commit, commit, ("", "")
        if before == commit:
            return
        self._owed = (fleet, commit)
        try:
            self.mark.move(commit, before)
        except NovaorchError:
            self._tip = before
            raise

    def tell(self) -> None:
        """Tell the store what it does not know yet. A store that does not answer is told later."""
        if self._owed is None:
            return
        fleet, commit = self._owed
        if self._spoken(fleet, self.thorough, lambda store: store.mark(self.name, commit)):
            self._owed = None

    def _ask(self, fleet: FleetSettings) -> None:
        if self._asked or (self._tip and not self.thorough):
            return
        told: list[str] = []
        start = self.thorough and not self._tip
        if self._spoken(fleet, start, lambda store: told.append(store.marked(self.name))):
            self._asked = True
            self._weigh(fleet, told[0])

    def _weigh(self, fleet: FleetSettings, told: str) -> None:
        tip = self._tip
        if told and told != tip and (not tip or self._later(told, tip)):
            self._above = (told, tip)
        elif tip and told != tip:
            self._owed = (fleet, tip)

    def _later(self, told: str, tip: str) -> bool:
        try:
            return self.repository.descends(tip, told)
        except NovaorchError:
            return False  # of a commit that is not here

    def _spoken(self, fleet: FleetSettings, start: bool, say: Callable[[Store], None]) -> bool:
        """Speak to the store; False when there is none, when it is silent, or too soon."""
        if self.store is None or self.clock.now() < self._not_before:
            return False
        try:
            store = self.store(fleet, start)
            try:
                say(store)
            finally:
                store.close()
        except NovaorchError:
            self._not_before = self.clock.now() + RETRY_S
            return False
        return True
