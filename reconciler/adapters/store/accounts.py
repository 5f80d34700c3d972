"""The ledger of model accounts in a store that several hosts share (`ports.agents.Accounts`).

`core.capacity` has the rules; here an account is written only over what was read. Every key is one
that its script declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.adapters.store.endpoint import Endpoint
from reconciler.adapters.store.faults import told
from reconciler.adapters.store.recall import read_fields
from reconciler.adapters.store.redis_store import connect
from reconciler.core.ledgertext import (
    DAY,
    account_of_text,
    account_text,
    spending_of_text,
    spending_text,
)
from reconciler.model.capacity import Account, Spending
from reconciler.model.problems import NovaorchError

if TYPE_CHECKING:
    from redis import Redis

KEPT_DAYS = 40
"""Spendings are forgotten after so many days."""

_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

_SPEND = """
local old = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local words, at = {}, 0
for word in string.gmatch(old, '%S+') do
  at = at + 1
  words[at] = word
end
for place = 1, 3 do
  local new = ARGV[place + 1]
  local before = at == 3 and tonumber(words[place]) or nil
  if before == nil or tonumber(new) > before then words[place] = new end
end
redis.call('HSET', KEYS[1], ARGV[1], words[1] .. ' ' .. words[2] .. ' ' .. words[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""

_T = TypeVar("_T")


class RedisAccounts:
    """The accounts of one fleet, the same for every host of it. Any thread may call.

    A connection that broke is made anew once, `revive` having started the server again.
    """

    def __init__(
        self, endpoint: Endpoint, fleet: str, *, revive: Callable[[], object] | None = None
    ) -> None:
        self.endpoint = endpoint
        # The braces are part of the key: they keep a fleet's keys in one slot of a cluster.
        self.key = f"nova:{{{fleet}}}:accounts"
        self._revive = revive
        self._client: Redis | None = None

    def read(self, names: Iterable[str]) -> Mapping[str, Account]:
        """See `Accounts.read`. At most two round trips."""
        wanted = list(dict.fromkeys(names))
        fields = [name.encode() for name in wanted]
        texts, _ = self._run(lambda client: read_fields(client, self.key, fields))
        return {name: account_of_text(name, texts.get(name, "")) for name in wanted}

    def swap(self, before: Account, after: Account) -> bool:
        """See `Accounts.swap`. What nobody can read is written over like an open account."""
        raw = self._run(lambda client: client.hget(self.key, before.name)) or b""
        if account_of_text(before.name, raw.decode("utf-8", "replace")) != before:
            return False
        words = (after.name, raw, account_text(after).encode("utf-8", "replace"))
        return bool(self._run(lambda client: client.eval(_SWAP, 1, self.key, *words)) == 1)

    def spend(self, spending: Spending) -> None:
        """See `Accounts.spend`."""
        words = (spending.unit, *spending_text(spending).split(" "), KEPT_DAYS * 86_400)
        key = self._of(spending.day)
        self._run(lambda client: client.eval(_SPEND, 1, key, *words))

    def spent(self, day: str) -> Mapping[str, Spending]:
        """See `Accounts.spent`. What is garbage is left out."""
        rows = self._run(lambda client: client.hgetall(self._of(day)))
        found = {}
        for unit, text in rows.items():
            name = bytes(unit).decode("utf-8", "replace")
            spending = spending_of_text(name, day, bytes(text)[:200].decode("utf-8", "replace"))
            if spending is not None:
                found[name] = spending
        return found

    def close(self) -> None:
        """Let go of the connections; the next call makes others."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _of(self, day: str) -> str:
        if not DAY.fullmatch(day):
            raise NovaorchError(
                "this is no day", why=f"it is {day!r}", fix="give it as YYYY-MM-DD, in UTC"
            )
        return f"{self.key}:spent:{day}"

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
