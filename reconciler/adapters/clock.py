"""The hour. The only place that asks for it; it never decides anything with it."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock (`ports.Clock`)."""

    def now(self) -> float:
        """Return epoch seconds. The hour may jump when a person or NTP sets it."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`; nothing and less than nothing is no wait."""
        if seconds > 0:
            time.sleep(seconds)
