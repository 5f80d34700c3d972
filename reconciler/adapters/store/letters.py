"""Messages as a store keeps them: names of keys, texts, and the scripts that change them at once.

Every script declares every key that it touches. What has to be true together is written first;
indexes and the bell follow, and nothing of theirs can fail what came before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.admission import short
from reconciler.model.ids import canonical
from reconciler.model.message import Message, Priority, Proof, Stage, Tracked

GROUP = "couriers"
"""The consumer group of each inbox; pending in it is what a runtime was given, still unproved."""

KEPT_S = 30 * 86_400.0
"""How long a message is kept after its end; then its id is nothing any more."""
FINISHED_MAX = 50_000
"""So many messages that have ended are kept at most, the newest."""
DEAD_MAX = 1_000
"""So many dead letters are listed at most, the newest."""
OF_MAX = 1_000
"""So many messages are listed of one sender or receiver."""
BELLS_MAX = 1_000
PROOFS_BYTES_MAX = 16_384
"""Beyond it, one more injection of the same message is not noted."""

ACCEPT = """
local said, n, kept, bound = {}, (#ARGV - 6) / 6, ARGV[4], tonumber(ARGV[5])
for i = 0, n - 1 do
  local a, k = 6 + i * 6, 5 + i * 5
  local id, to, rank, at = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local message, inbox, once = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local known = false
  if once ~= message then known = redis.pcall('GET', once) end
  if type(known) ~= 'string' then
    known = redis.call('EXISTS', message) == 1 and id or false
  end
  if known then
    said[i + 1] = {known, 1}
  else
    local waiting = redis.call('XLEN', inbox)
    if waiting < bound then
      if redis.call('EXISTS', inbox) == 0 then
        redis.call('XGROUP', 'CREATE', inbox, ARGV[1], '0', 'MKSTREAM')
      end
      local entry = redis.call('XADD', inbox, '*', 'm', id, 'p', rank, 'a', at)
      redis.call('HSET', message, 'm', ARGV[a + 5], 'e', entry, 'p', ARGV[a + 6])
      if once ~= message then redis.call('SET', once, id) end
      redis.pcall('SADD', KEYS[2], to)
      redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', '__BELLS__', '*', 'to', to)
    else
      redis.call('HSET', message, 'm', ARGV[a + 5], 'e', '', 'p', ARGV[a + 6] .. ARGV[6])
      redis.call('PEXPIRE', message, kept)
      if once ~= message then redis.call('SET', once, id, 'PX', kept) end
      redis.pcall('XADD', KEYS[4], 'MAXLEN', '__DEAD__', '*', 'm', id)
      redis.pcall('ZADD', KEYS[5], ARGV[3], id)
    end
    redis.pcall('ZADD', KEYS[3], 0, id)
    for part = 4, 5 do
      redis.pcall('ZADD', KEYS[k + part], 0, id)
      redis.pcall('ZREMRANGEBYRANK', KEYS[k + part], 0, -1 - tonumber(ARGV[2]))
    end
    said[i + 1] = {id, 0}
  end
end
return said
""".replace("__BELLS__", str(BELLS_MAX)).replace("__DEAD__", str(DEAD_MAX))
"""Keys: bell, receivers, all, dead letters, ended; of each message: itself, its inbox, its key (or
itself again), what its sender and what its receiver are listed by. Words: group, how many are
listed, hour and time to keep in ms, how many may be open, the proof of one too many; of each: id,
receiver, priority, hour, its text, its first proof. Answers with the id kept, and 1 for an old one.
"""

PROVE = """
local function has(told, stage) return string.find(told, '\\n' .. stage .. ' ', 1, true) end
local n, now, kept = (#ARGV - 6) / 4, tonumber(ARGV[1]), ARGV[2]
for i = 0, n - 1 do
  local a, k = 6 + i * 4, 4 + i * 3
  local id, to, stage, line = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local message, inbox, once = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local told = redis.call('HGET', message, 'p')
  local over = told and (has(told, 'submitted') or has(told, 'read'))
  local again = told and (has(told, stage) or (stage == 'dead' and over))
  if stage == 'injected' and told then again = #told > tonumber(ARGV[5]) end
  if told and not again then
    redis.call('HSET', message, 'p', told .. line)
    local entry = redis.call('HGET', message, 'e')
    if stage == 'injected' then
      redis.pcall('XCLAIM', inbox, ARGV[3], ARGV[4], '0', entry, 'FORCE', 'JUSTID')
    elseif stage ~= 'accepted' and stage ~= 'admitted' then
      if entry ~= '' then
        redis.pcall('XACK', inbox, ARGV[3], entry)
        redis.call('XDEL', inbox, entry)
      end
      if redis.call('XLEN', inbox) == 0 then
        redis.call('DEL', inbox)
        redis.pcall('SREM', KEYS[1], to)
      end
      redis.call('PEXPIRE', message, kept)
      if once ~= message then redis.call('PEXPIRE', once, kept) end
      redis.pcall('ZADD', KEYS[4], now, id)
      if stage == 'dead' then
        redis.pcall('XADD', KEYS[2], 'MAXLEN', '__DEAD__', '*', 'm', id)
      end
    end
  end
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now - tonumber(kept), 'LIMIT', 0, 100)
local over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[6])
if #gone == 0 and over > 0 then
  gone = redis.call('ZRANGE', KEYS[4], 0, math.min(over, 100) - 1)
end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZREM', KEYS[3], id)
end
return gone
""".replace("__DEAD__", str(DEAD_MAX))
"""Keys: receivers, dead letters, all, ended; of each proof: message, inbox, key (or the message).
Words: hour and time to keep in ms, group, host, bytes of proofs, how many ended are kept; of each:
id, receiver, stage, line. Answers with the ids that are forgotten from now on.
"""

TOP = """
local piles = {}
for _, row in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  local f = row[2]
  local rank, one = tonumber(f[4]) or 0, {row[1], f[2] or '', tonumber(f[6]) or 0}
  local pile = piles[rank]
  if not pile then
    pile = {rank = rank, sorted = true}
    piles[rank] = pile
  end
  local last = pile[#pile]
  if last and (last[3] > one[3] or (last[3] == one[3] and last[2] > one[2])) then
    pile.sorted = false
  end
  pile[#pile + 1] = one
end
local order, top = {}, {}
for _, pile in pairs(piles) do order[#order + 1] = pile end
table.sort(order, function (x, y) return x.rank > y.rank end)
for _, pile in ipairs(order) do
  if not pile.sorted then
    table.sort(pile, function (x, y)
      if x[3] ~= y[3] then return x[3] < y[3] end
      return x[2] < y[2]
    end)
  end
  for _, one in ipairs(pile) do
    if #top == tonumber(ARGV[1]) then return top end
    top[#top + 1] = {one[1], one[2]}
  end
end
return top
"""
"""Key: an inbox. Answers with entry and message of the first so many, as they are to be read. Most
came in order of age, so that sorting, half of the work, is seldom done."""

SWEEP = """
for i = 2, #ARGV do redis.call('XDEL', KEYS[1], ARGV[i]) end
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[2], ARGV[1])
end
return 0
"""
"""Keys: inbox, receivers. Removes entries of messages that are open no more."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of a fleet's keys. The braces keep them in one slot of a cluster."""

    fleet: str

    def __call__(self, *parts: str) -> bytes:
        """Return the key that these words name."""
        return ":".join((f"nova:{{{self.fleet}}}", *parts)).encode("utf-8", "replace")

    def message(self, name: str) -> bytes:
        """Return the key of a message."""
        return self("message", name)

    def inbox(self, to: str) -> bytes:
        """Return the stream of what is open for a receiver."""
        return self("inbox", to)

    def once(self, sender: str, key: str) -> bytes:
        """Return what remembers a key of a sender; of any length, as a digest."""
        told = f"{len(sender)}:{sender}{key}".encode("utf-8", "replace")
        return self("key", hashlib.sha256(told).hexdigest()[:32])


def written(message: Message) -> bytes:
    """Return a message's text; half a surrogate pair becomes a question mark."""
    return canonical(message.as_json()).encode("utf-8", "replace")


def read(text: bytes, proofs: bytes) -> Tracked | None:
    """Return what was written; None for what is not ours."""
    try:
        said = json.loads(text)
        message = Message(
            id=str(said["id"]),
            sender=str(said["sender"]),
            to=str(said["to"]),
            body=str(said["body"]),
            at=float(said["at"]),
            priority=Priority[str(said["priority"]).upper()],
            key=str(said["key"]),
            reply_to=str(said["reply_to"]),
            expires=float(said["expires"]),
            thread=str(said.get("thread", "")),
        )
        return Tracked(message, tuple(_proofs(proofs.decode())))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def line(proof: Proof) -> bytes:
    """Return a proof's line."""
    return f"\n{proof.stage.value} {proof.at!r} {short(proof.evidence)}".encode("utf-8", "replace")


def _proofs(text: str) -> Sequence[Proof]:
    made = []
    for row in text.split("\n")[1:]:
        stage, at, evidence = row.split(" ", 2)
        made.append(Proof(Stage(stage), float(at), evidence))
    return made
