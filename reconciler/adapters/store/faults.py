"""What can go wrong with a store, in our words: every foreign exception becomes a BlindError.

Never retries, never decides what is done about it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.model.problems import BlindError

BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 30.0

_MENDS = (
    # What an error is called or says, and what mends it; the first that fits.
    (("WRONGPASS", "invalid username", "invalid password"), "put the right password into {PW}"),
    (("NOAUTH", "Authentication"), "name the password in fleet.yaml: {PW}"),
    (("OutOfMemory", "OOM "), "give the server more memory (maxmemory) or remove other keys"),
    (("ReadOnly", "READONLY"), "point the store's url at the primary, not at a replica"),
    (("MISCONF",), "free disk space where the server writes its data"),
    (("BusyLoading", "LOADING"), "wait: the server is reading its data"),
    (("unknown command", "NoPermission", "NOPERM"), "see `novaorch doctor --store URL`"),
    (("Moved", "MOVED", "ClusterDown"), "use a server that is not a cluster"),
)
_PASSWORD = "`password: env:NAME` of the store, with NAME in the environment"  # noqa: S105
_OTHERWISE = "see `novaorch doctor`; agents run on meanwhile"


@contextlib.contextmanager
def told(endpoint: Endpoint) -> Iterator[None]:
    """Turn whatever the client library throws into a BlindError about `endpoint`."""
    from redis.exceptions import AuthenticationError, RedisError, ResponseError  # noqa: PLC0415

    try:
        yield
    except (RedisError, OSError, ValueError) as error:
        refused = isinstance(error, (ResponseError, AuthenticationError))
        why, fix = explain(error)
        raise BlindError(
            f"the store at {endpoint} {'refuses' if refused else 'does not answer'}",
            why=why,
            fix=fix,
        ) from error


def explain(error: Exception) -> tuple[str, str]:
    """Return what an error says, in one line, and what mends it. The text is for people only."""
    why = " ".join(str(error).split())[:300] or type(error).__name__
    for words, fix in _MENDS:
        if any(word in f"{type(error).__name__} {why}" for word in words):
            return why, fix.replace("{PW}", _PASSWORD)
    return why, _OTHERWISE


@dataclass(slots=True)
class Circuit:
    """Stands between a stalled store and the loop: after a failure, no call for a while.

    The hour comes from outside. An hour before the last failure means that the clock was set
    back; then the wait is over.
    """

    failures: int = 0
    failed_at: float = 0.0
    last: BlindError | None = None

    def check(self, now: float) -> None:
        """Raise the last error again while it is too early for another try."""
        if self.last is None:
            return
        wait = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self.failures - 1, 10))
        left = self.failed_at + wait - now
        if self.failed_at <= now and left > 0:
            raise BlindError(
                f"{self.last.what}; next try in {left:.0f} s", why=self.last.why, fix=self.last.fix
            )

    def failed(self, error: BlindError, now: float) -> None:
        """Remember a failure at this hour."""
        self.failures, self.failed_at, self.last = self.failures + 1, now, error

    def mended(self) -> None:
        """Forget every failure."""
        self.failures, self.last = 0, None
