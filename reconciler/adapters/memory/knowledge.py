"""Insights and status lines in dictionaries, as strict as a real store; silent while down."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from reconciler.core.insights import (
    INSIGHTS_MAX,
    insight_of,
    insight_text,
    line_of,
    line_text,
)
from reconciler.model.ids import UnitId
from reconciler.model.insight import Insight, StatusLine
from reconciler.model.problems import BlindError


class MemoryKnowledge:
    """What `RedisKnowledge` does, without a server (`ports.knowledge.Insights`, `StatusLines`).

    `down` makes every call a BlindError; `wipe` forgets all. `texts` holds what stands there.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.lines: dict[str, str] = {}
        self.down = False
        self._lock = threading.Lock()

    def share(self, insight: Insight) -> bool:
        """See `Insights.share`."""
        self._answer()
        with self._lock:
            if insight.id in self.texts:
                return False
            self.texts[insight.id] = _kept(insight_text(insight))
            for name in list(self.texts)[: max(0, len(self.texts) - INSIGHTS_MAX)]:
                del self.texts[name]
            return True

    def all(self) -> Sequence[Insight]:
        """See `Insights.all`."""
        self._answer()
        with self._lock:
            found = [insight_of(name, text) for name, text in self.texts.items()]
        kept = [one for one in found if one is not None]
        return tuple(sorted(kept, key=lambda one: (-one.at, one.id)))

    def say(self, unit: UnitId, line: StatusLine) -> None:
        """See `StatusLines.say`."""
        self._answer()
        self.lines.pop(str(unit), None)
        if line.text:
            self.lines[str(unit)] = _kept(line_text(line))

    def said(self) -> Mapping[UnitId, StatusLine]:
        """See `StatusLines.said`."""
        self._answer()
        found = {UnitId(unit): line_of(text) for unit, text in self.lines.items()}
        return {unit: line for unit, line in found.items() if line is not None}

    def close(self) -> None:
        """Nothing is open."""

    def wipe(self) -> None:
        """Forget everything."""
        self.texts, self.lines = {}, {}

    def _answer(self) -> None:
        if self.down:
            raise BlindError("the store does not answer", why="it is down", fix="novaorch doctor")


def _kept(text: str) -> str:
    """Return a text as it comes back: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
