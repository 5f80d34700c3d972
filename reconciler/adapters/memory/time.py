"""A clock that moves when somebody waits, and a trigger that follows a script."""

from __future__ import annotations

from collections.abc import Iterable


class MemoryClock:
    """A clock that stands still until somebody sleeps (`ports.Clock`)."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.hour = start

    def now(self) -> float:
        """Return epoch seconds; the same ones until the next `sleep`."""
        return self.hour

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass at once; nothing and less than nothing is no wait."""
        self.hour += max(0.0, seconds)


class ScriptedTrigger:
    """Says the given words one by one, then `stop` for ever (`ports.Trigger`).

    With a clock, a `poll` lets the whole timeout pass; any other word comes at once.
    `waits` keeps the timeouts that were asked for.
    """

    def __init__(self, words: Iterable[str], clock: MemoryClock | None = None) -> None:
        self._words = iter(words)
        self._clock = clock
        self.waits: list[float] = []
        self.closed = False

    def wait(self, timeout_s: float) -> str:
        """Return the next word."""
        self.waits.append(timeout_s)
        word = "stop" if self.closed else next(self._words, "stop")
        if word == "poll" and self._clock is not None:
            self._clock.sleep(timeout_s)
        return word

    def pressing(self) -> str:
        """A script says its words one by one, and only to those who wait."""
        return ""

    def close(self) -> None:
        """Say `stop` from now on."""
        self.closed = True
