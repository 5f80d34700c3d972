"""Publishes what is observed, through redis-py, in one transaction a pass.

Never reads a wish from the store. Only what changed travels; a seal over the whole tells whether
the server still has the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import reconciler
from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import Circuit, told
from reconciler.adapters.store.recall import read_controller, read_fields, read_statuses
from reconciler.model.ids import Json, canonical
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.status import Status

if TYPE_CHECKING:
    from redis import Redis

# Together below the 1.5 s that a pass can spare for a store that is stalled.
CONNECT_S = 0.5
ANSWER_S = 0.9

_Hash = Mapping[Any, Any]
"""Field to value, in any of the types that the client takes."""


class RedisStore:
    """One fleet's corner of a store (`ports.Store`).

    `revive` is called before a new try after a failure; it may start the server again.
    `notices` is what whoever opened the store should say once.
    """

    def __init__(
        self, endpoint: Endpoint, fleet: str, *, revive: Callable[[], object] | None = None
    ) -> None:
        self.endpoint = endpoint
        self.notices: tuple[str, ...] = ()
        # The braces are part of the key: they keep a fleet's keys in one slot of a cluster.
        self.status_key = f"nova:{{{fleet}}}:status"
        self.controller_key = f"nova:{{{fleet}}}:controller"
        self.marks_key = f"nova:{{{fleet}}}:marks"
        self._client: Redis | None = None
        self._circuit = Circuit()
        self._revive = revive
        self._sent: dict[str, Status] | None = None
        self._digests: dict[str, bytes] = {}
        self._seal = ""

    def publish(
        self, commit: str, statuses: Sequence[Status], now: float, *, every_s: float = 0.0
    ) -> None:
        """Publish the status of every unit; units not named are forgotten.

        BlindError within 1.5 s when the store does not answer, and then at once until the
        back-off (1 s, doubled up to 30 s of `now`) is over. After a failure everything is
        published anew.
        """
        self._circuit.check(now)
        try:
            if self._circuit.last is not None:
                self._mend()
            with told(self.endpoint):
                said = {"commit": commit, "heartbeat": repr(float(now)), "every": repr(every_s)}
                self._publish({str(s.unit): s for s in statuses}, said)
        except BlindError as error:
            self._sent = None
            self.close()
            self._circuit.failed(error, now)
            raise
        self._circuit.mended()

    def recall(self) -> Mapping[str, Json]:
        """Return `controller`, `statuses` (by unit) and how many entries were `skipped`.

        What is garbage, of a wrong type or too large is skipped, never an error.
        """
        with told(self.endpoint):
            client = self._connect()
            controller, lost = read_controller(client, self.controller_key)
            statuses, skipped = read_statuses(client, self.status_key)
        return {"controller": controller, "statuses": statuses, "skipped": skipped + lost}

    def mark(self, name: str, value: str) -> None:
        """Keep a word for later; losing the store loses it."""
        with told(self.endpoint):
            self._connect().hset(self.marks_key, name, value.encode("utf-8", "replace"))

    def marked(self, name: str) -> str:
        """Return that word, or ''. What is no text, or too long, is ''."""
        with told(self.endpoint):
            texts, _ = read_fields(self._connect(), self.marks_key, [name.encode()])
        return texts.get(name, "")

    def ping(self) -> str:
        """Return the server's name and version, as in `redis 7.0.15`."""
        with told(self.endpoint):
            said: dict[str, Any] = self._connect().info("server")
        for name, field in (
            ("dragonfly", "dragonfly_version"),
            ("valkey", "valkey_version"),
            ("redis", "redis_version"),
        ):
            if field in said:
                return f"{name} {said[field]}"
        return "unknown"

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    # -- inside ------------------------------------------------------------------------------

    def _connect(self) -> Redis:
        if self._client is None:
            self._client = connect(self.endpoint)
        return self._client

    def _mend(self) -> None:
        try:
            if self._revive is not None:
                self._revive()
        except BlindError:
            raise
        except NovaorchError as error:
            raise BlindError(error.what, why=error.why, fix=error.fix) from error

    def _publish(self, units: dict[str, Status], said: Mapping[str, str]) -> None:
        texts = self._changed(units)
        gone = self._digests.keys() - units.keys()
        before = self._seal
        if texts or gone or not before:
            self._reseal(texts, gone)
        controller: _Hash = {
            "host": os.uname().nodename,
            "pid": os.getpid(),
            **said,
            "version": reconciler.__version__,
            "seal": self._seal,
        }
        if self._sent is None or not self._update(before, texts, gone, controller):
            if self._sent is not None:
                texts = {name: _text(status) for name, status in units.items()}
            self._replace(texts, controller)
        self._sent = units

    def _changed(self, units: dict[str, Status]) -> dict[str, bytes]:
        """Return the texts that differ from what was sent. Comparing values is 10 x cheaper."""
        if self._sent is None:
            self._digests, self._seal = {}, ""
            return {name: _text(status) for name, status in units.items()}
        sent = self._sent
        return {name: _text(s) for name, s in units.items() if sent.get(name) != s}

    def _reseal(self, texts: Mapping[str, bytes], gone: set[str]) -> None:
        for name in gone:
            del self._digests[name]
        for name, text in texts.items():
            self._digests[name] = hashlib.sha256(text).digest()
        whole = hashlib.sha256()
        for name in sorted(self._digests):
            whole.update(self._digests[name])
        self._seal = whole.hexdigest()[:32]

    def _update(
        self,
        before: str,
        texts: _Hash,
        gone: set[str],
        controller: _Hash,
    ) -> bool:
        """Send what changed; False when the server did not have the rest.

        A flushed or restored server shows another seal, or another count: no need to ask for
        its run id, and no second round trip when all is well.
        """
        pipe = self._connect().pipeline(transaction=True)
        pipe.hget(self.controller_key, "seal")
        if texts:
            pipe.hset(self.status_key, mapping=texts)
        if gone:
            pipe.hdel(self.status_key, *gone)
        pipe.hset(self.controller_key, mapping=controller)
        pipe.hlen(self.status_key)
        answers = pipe.execute(raise_on_error=False)
        if any(isinstance(answer, Exception) for answer in answers):
            return False
        return bool(answers[0] == before.encode() and answers[-1] == len(self._digests))

    def _replace(self, texts: _Hash, controller: _Hash) -> None:
        """Write everything anew, whatever stands there: these keys are ours, and no truth."""
        pipe = self._connect().pipeline(transaction=True)
        pipe.delete(self.status_key, self.controller_key)
        if texts:
            pipe.hset(self.status_key, mapping=texts)
        pipe.hset(self.controller_key, mapping=controller)
        pipe.execute()


def connect(endpoint: Endpoint, *, answer_s: float = ANSWER_S) -> Redis:
    """Return a client without retries; nothing is sent yet. Each thread that uses it at the same
    time has a connection of its own. No answer within `answer_s` is a lost connection."""
    import redis  # noqa: PLC0415 - slow to load
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    shared: dict[str, Any] = {
        "db": endpoint.db,
        "username": endpoint.user or None,
        "password": endpoint.password or None,
        "socket_timeout": answer_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if endpoint.path:
        return redis.Redis(unix_socket_path=endpoint.path, **shared)
    return redis.Redis(
        host=endpoint.host,
        port=endpoint.port,
        ssl=endpoint.tls,
        socket_connect_timeout=CONNECT_S,
        **shared,
    )


def _text(status: Status) -> bytes:
    """Return the JSON of a status; half a surrogate pair becomes a question mark."""
    return canonical(status.as_json()).encode("utf-8", "replace")
