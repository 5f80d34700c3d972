"""Proves on a live server what novaorch needs of a store: for tests and `novaorch doctor`.

Works under scratch keys of its own and removes them; touches nothing else on the server.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from reconciler.adapters.store.endpoint import Endpoint, parse
from reconciler.adapters.store.faults import explain, told
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.redis_store import RedisStore, connect
from reconciler.model.message import Message, Priority, Proof, Stage
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.verdict import Verdict

BIG_BYTES = 1 << 20


def check(store_url: str, password: str = "") -> list[Verdict]:
    """Return one verdict for each thing that is needed, in a fixed order.

    Never raises for what the server does. When it does not answer at all, there is one verdict.
    """
    try:
        endpoint = parse(store_url)
        endpoint = endpoint.with_password(password or endpoint.password)
        store = RedisStore(endpoint, "doctor")
        name = store.ping()
        store.close()
    except NovaorchError as error:
        return [Verdict("store: ping", False, f"{error.what}: {error.why}", error.fix)]
    client: Any = connect(endpoint)
    prefix = f"nova:{{doctor-{os.getpid()}}}:"
    verdicts = [Verdict("store: ping", True, f"{name} at {endpoint}")]
    try:
        with told(endpoint):
            for title, prove in _PROOFS:
                verdicts.append(_verdict(title, prove, client, prefix))
        verdicts.append(_mail(endpoint, client))
    except NovaorchError as error:
        verdicts.append(Verdict("store: answers", False, f"{error.what}: {error.why}", error.fix))
    finally:
        client.close()
    return verdicts


def _verdict(title: str, prove: Callable[[Any, str], str], client: Any, prefix: str) -> Verdict:
    from redis.exceptions import ConnectionError as LostError  # noqa: PLC0415 - slow to load
    from redis.exceptions import RedisError  # noqa: PLC0415
    from redis.exceptions import TimeoutError as SilentError  # noqa: PLC0415

    key = prefix + title
    name = f"store: {title}"
    try:
        client.delete(key)
        return Verdict(name, True, prove(client, key))
    except (LostError, SilentError):
        raise
    except (RedisError, _WrongError, TypeError, LookupError) as error:
        why, fix = explain(error)
        return Verdict(name, False, why, f"use a server that can do this; {fix}")
    finally:
        _remove(client, key)


def _remove(client: Any, key: str) -> None:
    from redis.exceptions import RedisError  # noqa: PLC0415 - slow to load

    try:
        client.delete(key)
    except (RedisError, OSError):
        return


class _WrongError(Exception):
    """The server answered, and not what it should."""


def _expect(seen: object, wanted: object, what: str) -> None:
    if seen != wanted:
        raise _WrongError(f"{what} gave {seen!r}, not {wanted!r}")


def _mail(endpoint: Endpoint, client: Any) -> Verdict:
    """Prove it by the very scripts that keep messages, in the mail of a fleet that nobody has."""
    title, fleet = "store: mail", f"doctor-{os.getpid()}"
    mail = RedisMail(endpoint, fleet)
    try:
        return Verdict(title, True, _letters(mail))
    except BlindError as error:
        return Verdict(title, False, error.why, f"use a server that can do this; {error.fix}")
    except (_WrongError, TypeError, LookupError) as error:
        return Verdict(title, False, str(error), "use a server that can do this")
    finally:
        mail.close()
        _forget(client, f"nova:{{{fleet}}}:*")


def _forget(client: Any, pattern: str) -> None:
    from redis.exceptions import RedisError  # noqa: PLC0415 - slow to load

    try:
        for key in client.scan_iter(pattern):
            client.delete(key)
    except (RedisError, OSError):
        return


def _letters(mail: RedisMail) -> str:
    sent = [Message(f"m{n}", "novaorch", "doctor", f"ü{n}", float(n), key="k") for n in range(2)]
    hurried = Message("m2", "novaorch", "doctor", "first", 9.0, Priority.URGENT)
    kept = [(one.id, one.again) for one in mail.accept([*sent, hurried])]
    _expect(kept, [("m0", False), ("m0", True), ("m2", False)], "keeping three with two keys")
    _expect(mail.rung(0.05), ("doctor",), "the bell")
    _expect([k.message for k in mail.inbox("doctor")], [hurried, sent[0]], "the inbox")
    mail.prove([("m2", Proof(stage, 10.0, "seen")) for stage in (Stage.INJECTED, Stage.READ)])
    mail.prove([("m0", Proof(Stage.DEAD, 11.0, "enough"))])
    _expect(mail.inbox("doctor"), (), "the inbox after all ended")
    _expect([k.message.id for k in mail.dead()], ["m0"], "the dead letters")
    _expect([k.message.id for k in mail.listing()], ["m2", "m0"], "the listing")
    _expect(mail.receivers(), (), "who has something open")
    return "messages are kept once, in order, and leave their inbox when they are proved"


def _transaction(client: Any, key: str) -> str:
    pipe = client.pipeline(transaction=True)
    pipe.hset(key, "a", "1")
    pipe.lpush(key, "wrong type")
    pipe.hlen(key)
    first, second, third = pipe.execute(raise_on_error=False)
    _expect((first, isinstance(second, Exception), third), (1, True, 1), "MULTI")
    return "commands of one transaction go together"


def _hash(client: Any, key: str) -> str:
    _expect(client.hset(key, mapping={"a": "1", "b": "22", "ü": "ß"}), 3, "HSET")
    _expect(client.hset(key, mapping={"a": "2"}), 0, "HSET again")
    _expect(client.hstrlen(key, "b"), 2, "HSTRLEN")
    _expect(client.hdel(key, "b", "none"), 1, "HDEL")
    _expect(client.hlen(key), 2, "HLEN")
    _expect(sorted(client.hkeys(key)), [b"a", "ü".encode()], "HKEYS")
    _expect(client.hgetall(key), {b"a": b"2", "ü".encode(): "ß".encode()}, "HGETALL")
    return "fields are written, counted, measured and removed"


def _streams(client: Any, key: str) -> str:
    client.xgroup_create(key, "g", id="0", mkstream=True)
    added = client.xadd(key, {"n": "1"}, maxlen=100, approximate=True)
    got = client.xreadgroup("g", "ann", {key: ">"}, count=10, block=50)
    _expect([entry[0] for entry in got[0][1]], [added], "XREADGROUP")
    _expect(
        client.xreadgroup("g", "ann", {key: ">"}, count=10, block=10) or [], [], "a second read"
    )
    claimed = client.xautoclaim(key, "g", "bob", min_idle_time=0, start_id="0-0", count=10)
    _expect([entry[0] for entry in claimed[1]], [added], "XAUTOCLAIM")
    _expect(client.xpending(key, "g")["pending"], 1, "XPENDING")
    _expect(client.xack(key, "g", added), 1, "XACK")
    _expect(client.xpending(key, "g")["pending"], 0, "XPENDING after XACK")
    return "a group reads, takes over and acknowledges"


def _script(client: Any, key: str) -> str:
    swap = (
        "if redis.call('GET', KEYS[1]) == ARGV[1] then "
        "redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000) return 1 end return 0"
    )
    client.set(key, "1")
    _expect(client.eval(swap, 1, key, "0", "2"), 0, "a swap with the wrong value")
    _expect(client.eval(swap, 1, key, "1", "2"), 1, "a swap with the right value")
    _expect(client.get(key), b"2", "the swapped value")
    return "a script compares and swaps the key that it declares"


def _expiry(client: Any, key: str) -> str:
    _expect(client.set(key, "ann", nx=True, px=60), True, "SET NX PX")
    _expect(client.set(key, "bob", nx=True, px=60), None, "SET NX of a taken key")
    _expect(0 < client.pttl(key) <= 60, True, "PTTL between 1 and 60")
    until = time.monotonic() + 1.0
    while client.get(key) is not None and time.monotonic() < until:
        time.sleep(0.01)
    _expect(client.get(key), None, "a key after its end")
    return "a lease is taken once and ends"


def _big_value(client: Any, key: str) -> str:
    value = bytes(range(256)) * (BIG_BYTES // 256)
    client.set(key, value)
    _expect(client.strlen(key), BIG_BYTES, "STRLEN")
    if client.get(key) != value:
        raise _WrongError("a value of 1 MiB came back changed")
    return "1 MiB of any bytes comes back as it was"


_PROOFS: tuple[tuple[str, Callable[[Any, str], str]], ...] = (
    ("transaction", _transaction),
    ("hash", _hash),
    ("streams", _streams),
    ("script", _script),
    ("expiry", _expiry),
    ("big value", _big_value),
)
