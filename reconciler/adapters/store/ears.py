"""Hears the store: a word on the fleet's channel, and its coming back. Carries no news.

Anybody may say a word: `PUBLISH nova:{fleet}:nudge x`. Never needed: without it the loop polls.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.redis_store import connect

LISTEN_S = 30.0
"""How long one wait for a word lasts; then another begins."""
AGAIN_S = 2.0
"""Between two tries to reach a store that is away."""


class Ears:
    """Calls `tell("store")`, from a thread of its own, when it is time to look again.

    Begins at once and ends with `close`, or with the process. A store that is away is no error.
    """

    def __init__(self, endpoint: Endpoint, fleet: str, tell: Callable[[str], None]) -> None:
        self._endpoint, self._tell = endpoint, tell
        self.channel = f"nova:{{{fleet}}}:nudge"
        self._ended = threading.Event()
        self._words: Any = None
        self._thread = threading.Thread(target=self._run, name="store-ears", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. A second close does nothing."""
        self._ended.set()
        words, self._words = self._words, None
        if words is not None and words.connection is not None:
            with contextlib.suppress(Exception):
                words.connection.disconnect()  # wakes the thread, which may wait for a word
        self._thread.join(1)

    def _run(self) -> None:
        away = False
        while not self._ended.is_set():
            try:
                self._listen(back=away)
            except Exception:  # whatever ails the store: the loop polls meanwhile
                away = True
                self._ended.wait(AGAIN_S)

    def _listen(self, *, back: bool) -> None:
        client = connect(self._endpoint)
        try:
            words = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            words.subscribe(self.channel)
            self._words = words
            if back:
                self._tell("store")
            while not self._ended.is_set():
                if words.get_message(timeout=LISTEN_S) is not None:
                    self._tell("store")
        finally:
            client.close()
