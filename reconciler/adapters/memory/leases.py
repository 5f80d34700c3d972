"""The book of leases without a server: the rules of `core.lease`, and a clock of its own."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.lease import Grant, Page, claimed, released
from reconciler.model.problems import BlindError


class MemoryLeases:
    """What `RedisLeases` does (`ports.LeaseBook`), for any number of holders.

    `clock` is the book's own. `down` makes every call a BlindError; `wipe` forgets all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.page = Page()
        self.down = False

    def claim(self, holder: str, floor: int, now: float, ttl_s: float) -> Grant:
        """See `LeaseBook.claim`."""
        self._answer()
        hour = self._clock()
        self.page = claimed(self.page, holder, floor, hour, ttl_s)
        return Grant(self.page.holder, self.page.epoch, now + self.page.until - hour)

    def release(self, holder: str, epoch: int) -> None:
        """See `LeaseBook.release`."""
        self._answer()
        self.page = released(self.page, holder, epoch)

    def close(self) -> None:
        """Nothing is open."""

    def wipe(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.page = Page()

    def _answer(self) -> None:
        if self.down:
            raise BlindError("the store does not answer", why="it is down", fix="novaorch doctor")
