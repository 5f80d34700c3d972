"""What agents know and say, in a store (`ports.knowledge.Insights`, `StatusLines`).

Bounded: the oldest insight makes room. Every key is one that its script declares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import told
from reconciler.adapters.store.recall import read_fields
from reconciler.adapters.store.redis_store import connect
from reconciler.core.insights import INSIGHTS_MAX, insight_of, insight_text, line_of, line_text
from reconciler.model.ids import UnitId
from reconciler.model.insight import Insight, StatusLine

if TYPE_CHECKING:
    from redis import Redis

LINES_MAX = 20_000
_SHARE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('INCR', KEYS[3])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('HDEL', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
  end
end
return 1
"""

_T = TypeVar("_T")


class RedisKnowledge:
    """Insights and status lines of one fleet. Any thread may call.

    A connection that broke is made anew once, `revive` having started the server again.
    """

    def __init__(
        self, endpoint: Endpoint, fleet: str, *, revive: Callable[[], object] | None = None
    ) -> None:
        self.endpoint = endpoint
        self.key = f"nova:{{{fleet}}}:insights"
        self.lines_key = f"nova:{{{fleet}}}:lines"
        self._revive = revive
        self._client: Redis | None = None
        self._known: tuple[bytes, tuple[Insight, ...]] = (b"", ())

    def share(self, insight: Insight) -> bool:
        """See `Insights.share`. One round trip."""
        text = insight_text(insight).encode("utf-8", "replace")
        words = (insight.id, text, repr(insight.at), INSIGHTS_MAX)
        keys = (self.key, f"{self.key}:at", f"{self.key}:version")
        return bool(self._run(lambda client: client.eval(_SHARE, 3, *keys, *words)) == 1)

    def all(self) -> Sequence[Insight]:
        """See `Insights.all`. One round trip while nothing is new, a few otherwise."""
        version = self._run(self._version)
        if version != self._known[0]:
            found = self._run(self._read)
            self._known = (version, tuple(sorted(found, key=lambda one: (-one.at, one.id))))
        return self._known[1]

    def say(self, unit: UnitId, line: StatusLine) -> None:
        """See `StatusLines.say`. One round trip."""
        name, text = str(unit), line_text(line).encode("utf-8", "replace")
        if line.text:
            self._run(lambda client: client.hset(self.lines_key, name, text))
        else:
            self._run(lambda client: client.hdel(self.lines_key, name))

    def said(self) -> Mapping[UnitId, StatusLine]:
        """See `StatusLines.said`. At most three round trips."""
        names = self._run(lambda client: client.hkeys(self.lines_key))[:LINES_MAX]
        texts, _ = self._run(lambda client: read_fields(client, self.lines_key, names))
        found = {UnitId(unit): line_of(text) for unit, text in texts.items()}
        return {unit: line for unit, line in found.items() if line is not None}

    def close(self) -> None:
        """Let go of the connections; the next call makes others."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _version(self, client: Any) -> bytes:
        """Return what changes with every insight, and when the store was emptied."""
        pipe = client.pipeline(transaction=True)
        pipe.get(f"{self.key}:version")
        pipe.hlen(self.key)
        count, size = pipe.execute()
        return b"%s %d" % (count or b"0", size)

    def _read(self, client: Any) -> list[Insight]:
        names = client.zrevrange(f"{self.key}:at", 0, INSIGHTS_MAX - 1)
        texts, _ = read_fields(client, self.key, names)
        found = [insight_of(name, text) for name, text in texts.items()]
        return [one for one in found if one is not None]

    def _run(self, work: Callable[[Any], _T]) -> _T:
        """Do it; once more when the connection was lost meanwhile, as after a restart."""
        from redis.exceptions import ConnectionError as LostError  # noqa: PLC0415 - slow to load

        with told(self.endpoint):
            try:
                return work(self._reached())
            except LostError:
                self.close()
                if self._revive is not None:
                    self._revive()
                return work(self._reached())

    def _reached(self) -> Redis:
        if self._client is None:
            self._client = connect(self.endpoint)
        return self._client
