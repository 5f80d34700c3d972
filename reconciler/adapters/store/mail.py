"""Messages in a store, durable (`ports.agents.Mail`): each change is one script, one round trip.

Knows nothing of who may write to whom, nor how a message reaches its receiver.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.adapters.store import letters
from reconciler.adapters.store.bell import Bell
from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import told
from reconciler.adapters.store.redis_store import connect
from reconciler.core.admission import FULL, INBOX_MAX, accepted, check_message
from reconciler.model.message import Message, Proof, Stage, Tracked
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.ports.agents import Accepted

if TYPE_CHECKING:
    from redis import Redis

SETTLE_S = 1.0
"""What is written is on the disk after so long, not only with the system."""
PLACES_MAX = 50_000

_T = TypeVar("_T")


class RedisMail:
    """One fleet's mail. May be called by any number of threads; `rung` has a connection of its own.

    A connection that broke is made anew once, `revive` having started the server again; sending the
    same message twice keeps one. `settle` puts on the disk what the server has written.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        fleet: str,
        *,
        revive: Callable[[], object] | None = None,
        settle: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._key = letters.Keys(fleet)
        self._revive, self._settle = revive, settle
        self._lock = threading.Lock()
        self._client: Redis | None = None
        self._bell = Bell(endpoint, self._key("bell"))
        self._places: dict[str, tuple[str, bytes]] = {}
        self._unsettled, self._settled = False, 0.0

    def reach(self) -> None:
        """Reach the store now: whoever is in a hurry later loads and connects before."""
        self._run(lambda client: client.ping())

    # -- writing -------------------------------------------------------------------------------

    def accept(self, messages: Sequence[Message]) -> Sequence[Accepted]:
        """See `Mail.accept`. All of them are kept, or none; one round trip."""
        for message in messages:
            check_message(message)
        if not messages:
            return ()
        key = self._key
        keys = [key("bell"), key("receivers"), key("all"), key("dead"), key("ended")]
        full = letters.line(Proof(Stage.DEAD, messages[0].at, FULL))
        words: list[Any] = [letters.GROUP, letters.OF_MAX, *_times(), INBOX_MAX, full]
        for message in messages:
            place, once = self._place(message)
            keys += [place, key.inbox(message.to), once]
            keys += [key("of", message.sender), key("of", message.to)]
            proof = accepted(message)
            words += [message.id, _bytes(message.to), int(message.priority), repr(message.at)]
            words += [letters.written(message), letters.line(proof)]
        said = self._run(lambda client: client.eval(letters.ACCEPT, len(keys), *keys, *words))
        self._unsettled = True
        return tuple(
            Accepted(_text(name), bool(old) and bytes(name) != message.id.encode())
            for message, (name, old) in zip(messages, said, strict=True)
        )

    def prove(self, proofs: Iterable[tuple[str, Proof]]) -> None:
        """See `Mail.prove`. What is forgotten already, or was never known, is passed over."""
        wanted = list(proofs)
        places = self._placed([name for name, _ in wanted])
        known = [(name, proof) for name, proof in wanted if name in places]
        if not known:
            return
        key = self._key
        keys = [key("receivers"), key("dead"), key("all"), key("ended")]
        words: list[Any] = [*_times(), letters.GROUP, os.uname().nodename]
        words += [letters.PROOFS_BYTES_MAX, letters.FINISHED_MAX]
        for name, proof in known:
            to, once = places[name]
            keys += [key.message(name), key.inbox(to), once]
            words += [name, _bytes(to), proof.stage.value, letters.line(proof)]
        gone = self._run(lambda client: client.eval(letters.PROVE, len(keys), *keys, *words))
        self._unsettled = True
        if gone:
            old = [key.message(name.decode()) for name in gone]
            self._run(lambda client: client.unlink(*old))

    # -- reading -------------------------------------------------------------------------------

    def inbox(self, to: str, limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.inbox`. Two round trips."""
        inbox = self._key.inbox(to)
        rows = self._run(lambda client: client.eval(letters.TOP, 1, inbox, limit))
        found = self._load([_text(name) for _, name in rows])
        stale = [
            entry
            for entry, name in rows
            if (kept := found.get(_text(name))) is None or not kept.open
        ]
        if stale:
            keys, words = (inbox, self._key("receivers")), (_bytes(to), *stale)
            self._run(lambda client: client.eval(letters.SWEEP, 2, *keys, *words))
        return tuple(kept for kept in found.values() if kept.open)

    def receivers(self) -> Sequence[str]:
        """See `Mail.receivers`."""
        key = self._key("receivers")
        said = self._run(lambda client: client.smembers(key))
        return tuple(sorted(_text(name) for name in said))

    def find(self, message: str) -> Tracked | None:
        """See `Mail.find`."""
        whole = self._load([message]).get(message)
        if whole is not None or not message:
            return whole
        low = _bytes(message)
        rows = self._run(
            lambda client: client.zrangebylex(
                self._key("all"), b"[" + low, b"[" + low + b"\xff", start=0, num=2
            )
        )
        if len(rows) != 1:
            return None
        return self._load([_text(rows[0])]).get(_text(rows[0]))

    def listing(self, who: str = "", limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.listing`. Of one, the newest 1,000 are known."""
        index = self._key("of", who) if who else self._key("all")
        told: list[Tracked] = []
        end: bytes = b"+"
        while len(told) < limit:
            names = self._run(_page(index, end, limit))
            if not names:
                break
            end = b"(" + bytes(names[-1])
            told += self._load([_text(name) for name in names]).values()
        return tuple(told[:limit])

    def dead(self, limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.dead`. The newest 1,000 are known."""
        key = self._key("dead")
        rows = self._run(lambda client: client.xrevrange(key, count=limit))
        return tuple(self._load([_text(f.get(b"m", b"")) for _, f in rows]).values())

    # -- listening -----------------------------------------------------------------------------

    def rung(self, timeout_s: float) -> Sequence[str]:
        """See `Mail.rung`. The first call after a connection was lost, or made, tells everybody for
        whom something is open."""
        self._settle_down()
        if self._bell.deaf:
            self._run(self._bell.tune)
            if waiting := self.receivers():
                return waiting
        return self._bell.rung(timeout_s)

    def close(self) -> None:
        """Let go of every connection; the next call makes another."""
        self._settle_down(now=True)
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        self._bell.close()

    # -- inside --------------------------------------------------------------------------------

    def _place(self, message: Message) -> tuple[bytes, bytes]:
        """Return the key of a message, and that of its own key; remember both."""
        place = self._key.message(message.id)
        once = self._key.once(message.sender, message.key) if message.key else place
        if len(self._places) > PLACES_MAX:
            self._places.clear()
        self._places[message.id] = (message.to, once)
        return place, once

    def _placed(self, names: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Return where these messages lie; asks the store for those not seen here yet."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._places]
        for kept in self._load(unknown).values():
            self._place(kept.message)
        return {name: self._places[name] for name in names if name in self._places}

    def _load(self, names: Sequence[str]) -> dict[str, Tracked]:
        """Return these messages, in this order; what is gone, or not ours, is left out."""
        if not names:
            return {}

        def ask(client: Any) -> Any:
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.hmget(self._key.message(name), "m", "p")
            return pipe.execute()

        made: dict[str, Tracked] = {}
        for name, (text, proofs) in zip(names, self._run(ask), strict=True):
            kept = letters.read(text, proofs) if text and proofs else None
            if kept is not None and kept.message.id == name:
                self._place(kept.message)
                made[name] = kept
        return made

    def _run(self, work: Callable[[Any], _T]) -> _T:
        """Do it; once more when the connection was lost meanwhile, as after a restart."""
        from redis.exceptions import ConnectionError as LostError  # noqa: PLC0415 - slow to load

        with told(self.endpoint):
            try:
                return work(self._reached())
            except LostError:
                self._mend()
                return work(self._reached())

    def _reached(self) -> Redis:
        with self._lock:
            if self._client is None:
                self._client = connect(self.endpoint)
            return self._client

    def _mend(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.connection_pool.disconnect(inuse_connections=False)
            if self._revive is None:
                return
            try:
                self._revive()
            except BlindError:
                raise
            except NovaorchError as error:
                raise BlindError(error.what, why=error.why, fix=error.fix) from error

    def _settle_down(self, *, now: bool = False) -> None:
        hour = time.monotonic()
        if self._settle is None or not self._unsettled:
            return
        if now or hour - self._settled >= SETTLE_S:
            self._unsettled, self._settled = False, hour
            self._settle()


def _page(index: bytes, end: bytes, count: int) -> Callable[[Any], Any]:
    return lambda client: client.zrevrangebylex(index, end, b"-", start=0, num=count)


def _times() -> tuple[int, int]:
    """Return the hour, and how long what has ended is kept, in ms."""
    return round(time.time() * 1000), round(letters.KEPT_S * 1000)


def _text(word: Any) -> str:
    return bytes(word).decode("utf-8", "replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
