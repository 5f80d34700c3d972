"""Mints ids of messages: the one place that throws dice. `core.messageid` has their form."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from reconciler.core.messageid import CHANCE_BITS, message_id

STEP = 1 << 40
"""In one millisecond each id is up to so much above the one before: in order, not guessable."""


class Mint:
    """Ids that no other process mints, too, and that sort by the hour they were made.

    Those of one mint sort exactly as they were made, also when the clock is set back. Any thread.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._ms, self._chance = -1, 0

    def __call__(self) -> str:
        """Return a new id."""
        ms = int(self._now() * 1000)
        with self._lock:
            if ms > self._ms:
                self._ms, self._chance = ms, secrets.randbits(CHANCE_BITS - 1)
            else:
                self._chance += 1 + secrets.randbelow(STEP)
            return message_id(self._ms, self._chance)
