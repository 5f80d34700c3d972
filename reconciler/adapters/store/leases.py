"""The one lease of a fleet, in a store that several hosts share (`ports.LeaseBook`).

`core.lease` has the rules; here they are a script, so that two hosts cannot both read before one
writes. Whether a lease is over is the server's to say: the key that holds it has an end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import told
from reconciler.adapters.store.redis_store import connect
from reconciler.core.lease import Grant

if TYPE_CHECKING:
    from redis import Redis

CLAIM = """
local function said(key)
  local epoch, holder = string.match(redis.call('GET', key) or '', '^(%d+) (.+)$')
  return tonumber(epoch or 0), holder or ''
end
local epoch, holder = said(KEYS[1])
if holder ~= '' and holder ~= ARGV[1] then
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return {epoch, holder, redis.call('PTTL', KEYS[1])}
end
local last, whose = said(KEYS[2])
if last == 0 then last = tonumber(string.match(redis.call('GET', KEYS[2]) or '', '^%d+$') or 0) end
if holder == '' then
  epoch = last
  if whose ~= ARGV[1] then epoch = math.max(last, tonumber(ARGV[2])) + 1 end
end
local line = string.format('%d', epoch) .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], line, 'PX', ARGV[3])
redis.call('SET', KEYS[2], line)
return {epoch, ARGV[1], tonumber(ARGV[3])}
"""
"""Both keys hold an epoch and a holder: the first for as long as the lease lasts, the second ever
after. The server ends the first: that is what over means."""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
"""


class RedisLeases:
    """The lease of one fleet. `place` is asked for the server's address at each new connection.

    Not to be shared with other threads: a stalled publication must not cost a lease.
    """

    def __init__(self, place: Callable[[], Endpoint], fleet: str) -> None:
        self._place = place
        self._endpoint: Endpoint | None = None
        # The braces are part of the key: they keep a fleet's keys in one slot of a cluster.
        self.lease_key = f"nova:{{{fleet}}}:lease"
        self.epoch_key = f"nova:{{{fleet}}}:epoch"
        self._client: Redis | None = None

    def claim(self, holder: str, floor: int, now: float, ttl_s: float) -> Grant:
        """See `LeaseBook.claim`. One round trip; BlindError within 1.5 s."""
        epoch, whose, left_ms = self._run(CLAIM, holder, floor, max(1, round(ttl_s * 1000)))
        return Grant(bytes(whose).decode("utf-8", "replace"), int(epoch), now + int(left_ms) / 1000)

    def release(self, holder: str, epoch: int) -> None:
        """See `LeaseBook.release`."""
        self._run(RELEASE, epoch, holder)

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self, script: str, *words: str | int) -> Any:
        endpoint = self._endpoint = self._endpoint or self._place()
        try:
            with told(endpoint):
                self._client = self._client or connect(endpoint)
                return self._client.eval(script, 2, self.lease_key, self.epoch_key, *words)
        except Exception:
            self.close()
            raise
