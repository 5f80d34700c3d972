"""The bell of a fleet's mail: a stream that says whose inbox has something new. Carries no message.

Its blocking read has a connection of its own, is of this one stream, and never for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import told
from reconciler.adapters.store.redis_store import ANSWER_S, connect

if TYPE_CHECKING:
    from redis import Redis

LISTEN_S = 5.0
"""One blocking read lasts so long at most."""
_FIRST = b"0-0"


class Bell:
    """Hears the bell, for one listener. `deaf` until it is tuned: what rang before is not heard."""

    def __init__(self, endpoint: Endpoint, key: bytes) -> None:
        self._endpoint, self._key = endpoint, key
        self._ears: Redis | None = None
        self._heard: bytes | None = None

    @property
    def deaf(self) -> bool:
        """Whether it does not know what was heard last."""
        return self._heard is None

    def tune(self, client: Any) -> None:
        """Hear whatever rings from now on; `client` is somebody else's."""
        rows = client.xrevrange(self._key, count=1)
        self._heard = bytes(rows[0][0]) if rows else _FIRST

    def rung(self, timeout_s: float) -> Sequence[str]:
        """Wait until it rings, at most so long; return whose inboxes. BlindError leaves it deaf."""
        until = time.monotonic() + timeout_s
        try:
            with told(self._endpoint):
                while (left := until - time.monotonic()) > 0:
                    rows = self._listen(min(left, LISTEN_S))
                    if rows:
                        self._heard = rows[-1][0]
                        names = (bytes(fields.get(b"to", b"")) for _, fields in rows)
                        return tuple(dict.fromkeys(n.decode("utf-8", "replace") for n in names))
        except Exception:
            self.close()
            raise
        return ()

    def close(self) -> None:
        """Let go of the connection."""
        ears, self._ears, self._heard = self._ears, None, None
        if ears is not None:
            ears.close()

    def _listen(self, wait_s: float) -> list[Any]:
        if self._ears is None:
            self._ears = connect(self._endpoint, answer_s=LISTEN_S + ANSWER_S)
        said: Any = self._ears.xread(
            {self._key: self._heard or _FIRST}, count=1000, block=max(1, int(wait_s * 1000))
        )
        return list(said[0][1]) if said else []
