"""A store in a dictionary. Keeps text, as a real one does; answers nothing while it is down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reconciler.model.ids import Json, canonical
from reconciler.model.problems import BlindError
from reconciler.model.status import Status


class MemoryStore:
    """What `RedisStore` does, without a server (`ports.Store`).

    `down` makes every call a BlindError; `wipe` forgets all, as FLUSHALL does. `publishes`
    counts the passes that came through.
    """

    def __init__(self, *, host: str = "memory", pid: int = 1, version: str = "") -> None:
        self._who: dict[str, Json] = {"host": host, "pid": pid, "version": version}
        self.controller = ""
        self.statuses: dict[str, str] = {}
        self.marks: dict[str, str] = {}
        self.down = False
        self.closed = False
        self.publishes = 0

    def publish(
        self, commit: str, statuses: Sequence[Status], now: float, *, every_s: float = 0.0
    ) -> None:
        """Publish the status of every unit; units not named are forgotten."""
        self._answer()
        self.controller = canonical(
            {**self._who, "commit": commit, "heartbeat": now, "every": every_s}
        )
        self.statuses = {str(s.unit): canonical(s.as_json()) for s in statuses}
        self.publishes += 1

    def recall(self) -> Mapping[str, Json]:
        """Return `controller` and `statuses`, sorted by unit, as they were published last."""
        self._answer()
        told: Json = json.loads(self.controller) if self.controller else {}
        units: list[Json] = [json.loads(self.statuses[name]) for name in sorted(self.statuses)]
        return {"controller": told, "statuses": units, "skipped": 0}

    def mark(self, name: str, value: str) -> None:
        """Keep a word for later."""
        self._answer()
        self.marks[name] = value

    def marked(self, name: str) -> str:
        """Return that word, or ''."""
        self._answer()
        return self.marks.get(name, "")

    def ping(self) -> str:
        """Return the server's name and version."""
        self._answer()
        return "memory 1.0"

    def close(self) -> None:
        """Let go of it; a closed store does not answer."""
        self.closed = True

    def wipe(self) -> None:
        """Forget everything."""
        self.controller, self.statuses, self.marks = "", {}, {}

    def _answer(self) -> None:
        if self.down or self.closed:
            raise BlindError("the store does not answer", why="it is down", fix="novaorch doctor")
