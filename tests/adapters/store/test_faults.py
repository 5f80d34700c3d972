"""A store that dies, hangs, forgets, lies or refuses. Nothing but BlindError ever comes out."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.store.endpoint import Endpoint, parse
from reconciler.adapters.store.faults import Circuit
from reconciler.adapters.store.redis_store import RedisStore, connect
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.status import Ready, Status
from tests.adapters.store.conftest import Rig

TORCH = Status(UnitId("demo/agent/torch"), Ready.TRUE, "running", "", "", "c1", "main", "%1", 42, 7)
ANVIL = replace(TORCH, unit=UnitId("demo/agent/anvil"))
BOTH = [ANVIL, TORCH]
PATIENCE_S = 1.5
STATUS, CONTROLLER = "nova:{demo}:status", "nova:{demo}:controller"


@pytest.fixture
def live(rig: Rig) -> Iterator[tuple[Rig, RedisStore, Any]]:
    rig.server.start()
    store = RedisStore(parse(rig.url), "demo")
    store.publish("c1", BOTH, 1000)
    yield rig, store, connect(parse(rig.url))
    store.close()


Live = tuple[Rig, RedisStore, Any]


def whole(client: Any) -> bool:
    """Whether the server has exactly what was published."""
    return {k: json.loads(v) for k, v in client.hgetall(STATUS).items()} == {
        s.unit.encode(): s.as_json() for s in BOTH
    }


def blind(store: RedisStore, now: float) -> BlindError:
    with pytest.raises(BlindError) as caught:
        store.publish("c1", BOTH, now)
    assert caught.value.fix
    return caught.value


def test_an_unchanged_pass_is_one_small_transaction(live: Live) -> None:
    _, store, client = live
    before = client.info("stats")["total_net_input_bytes"]
    own = len(str(client.info("stats"))) and 200
    store.publish("c1", BOTH, 1001)
    spent = client.info("stats")["total_net_input_bytes"] - before
    assert spent < 700 + own
    names = {n: v["calls"] for n, v in client.info("commandstats").items()}
    store.publish("c1", BOTH, 1002)
    after = {n: v["calls"] for n, v in client.info("commandstats").items()}
    grown = {n.removeprefix("cmdstat_"): after[n] - names.get(n, 0) for n in after}
    assert {n: c for n, c in grown.items() if c and n != "info"} == {
        "multi": 1, "hget": 1, "hset": 1, "hlen": 1, "exec": 1,
    }  # fmt: skip


def test_every_key_is_the_fleets(live: Live) -> None:
    assert set(live[2].keys("*")) == {STATUS.encode(), CONTROLLER.encode()}


def test_a_killed_server_is_blind_and_published_anew_when_it_is_back(live: Live) -> None:
    rig, store, _ = live
    rig.kill()
    blind(store, 1001)
    rig.server.start()
    client = connect(parse(rig.url))
    client.flushall()
    assert "next try in" in blind(store, 1001.5).what
    store.publish("c1", BOTH, 1002)
    assert whole(client)


def test_a_stalled_server_costs_one_wait_and_then_nothing(live: Live) -> None:
    rig, store, client = live
    rig.stall()
    try:
        before = time.monotonic()
        blind(store, 1001)
        assert time.monotonic() - before < PATIENCE_S
        before = time.monotonic()
        for tick in range(9):
            blind(store, 1001 + tick / 10)
        assert time.monotonic() - before < 0.2
        fresh = RedisStore(store.endpoint, "demo")
        for call in (fresh.recall, fresh.ping):
            before = time.monotonic()
            with pytest.raises(BlindError):
                call()
            assert time.monotonic() - before < PATIENCE_S
        fresh.close()
    finally:
        rig.go_on()
    store.publish("c1", BOTH, 1003)
    assert whole(client)


def test_a_flushed_server_has_everything_again_after_one_pass(live: Live) -> None:
    _, store, client = live
    client.flushall()
    store.publish("c1", BOTH, 1001)
    assert whole(client)


@pytest.mark.parametrize("lost", [STATUS, CONTROLLER])
def test_one_lost_key_is_noticed(live: Live, lost: str) -> None:
    _, store, client = live
    client.delete(lost)
    store.publish("c1", BOTH, 1001)
    assert whole(client)
    assert store.recall()["skipped"] == 0


def test_an_entry_that_another_added_is_removed(live: Live) -> None:
    _, store, client = live
    client.hset(STATUS, "demo/agent/ghost", "{}")
    store.publish("c1", BOTH, 1001)
    assert whole(client)


def test_an_old_snapshot_is_noticed_by_its_seal(live: Live) -> None:
    _, store, client = live
    old = client.dump(STATUS), client.dump(CONTROLLER)
    for status in BOTH:
        BOTH[BOTH.index(status)] = replace(status, falls=1)
    try:
        store.publish("c2", BOTH, 1001)
        client.restore(STATUS, 0, old[0], replace=True)
        client.restore(CONTROLLER, 0, old[1], replace=True)
        assert not whole(client)
        store.publish("c2", BOTH, 1002)
        assert whole(client)
    finally:
        BOTH[:] = [ANVIL, TORCH]


@pytest.mark.parametrize("key", [STATUS, CONTROLLER])
@pytest.mark.parametrize("when", ["before the first pass", "between two"])
def test_a_key_of_a_wrong_type_is_written_over(rig: Rig, key: str, when: str) -> None:
    rig.server.start()
    client: Any = connect(parse(rig.url))
    store = RedisStore(parse(rig.url), "demo")
    if when == "between two":
        store.publish("c1", BOTH, 1000)
        client.delete(key)
    client.lpush(key, "planted")
    store.recall()  # tolerated
    store.publish("c1", BOTH, 1001)
    assert whole(client)
    assert store.recall()["skipped"] == 0


def test_garbage_is_skipped_and_counted(live: Live) -> None:
    _, store, client = live
    good = TORCH.as_json()
    for field, value in {
        b"a": b"not json",
        b"b": b"[" * 50_000,
        b"c": b"\xff\xfe",
        b"\xff": b"{}",
        b"d": b"{}",
        b"e": b"[]",
        b"f": b'{"unit": "another"}',
        b"g": b'{"unit": "g", "pid": NaN}',
        b"h": b'{"unit": "h"}' + b" " * 70_000,
        b"i": b"",
        b"j": b'{"unit": "j", "n": ' + b"9" * 5000 + b"}",
    }.items():
        client.hset(STATUS, field, value)
    wrong = {"pid": "x", "heartbeat": "inf", "host": b"\xff", "every": "1e999"}
    client.hset(CONTROLLER, mapping=wrong)
    said = store.recall()
    assert said["statuses"] == [ANVIL.as_json(), good]
    assert said["skipped"] == 15
    controller = said["controller"]
    assert isinstance(controller, dict)
    assert set(controller) == {"commit", "version"}


def test_too_many_entries_are_not_even_read(live: Live) -> None:
    _, store, client = live
    client.hset(STATUS, mapping={f"x{i}": "{}" for i in range(20_001)})
    assert store.recall()["statuses"] == []
    assert store.recall()["skipped"] == 1


def test_a_text_that_is_not_unicode_is_published(live: Live) -> None:
    _, store, _ = live
    store.publish("c1", [replace(TORCH, message="half \udc80 pair")], 1001)
    assert store.recall()["statuses"] == [replace(TORCH, message="half ? pair").as_json()]


def test_a_password_is_asked_for_refused_and_taken(rig: Rig) -> None:
    rig.server.start()
    open_client = connect(parse(rig.url))
    open_client.config_set("requirepass", "s3cret")
    try:
        said = blind(RedisStore(parse(rig.url), "demo"), 1)
        assert "env:NAME" in said.fix
        wrong = blind(RedisStore(parse(rig.url).with_password("wr0ng"), "demo"), 1)
        assert "right password" in wrong.fix
        assert "wr0ng" not in str((wrong.what, wrong.why, wrong.fix))
        RedisStore(parse(rig.url).with_password("s3cret"), "demo").publish("c1", BOTH, 1)
    finally:
        connect(parse(rig.url).with_password("s3cret")).config_set("requirepass", "")


def test_a_full_server_is_blind(live: Live) -> None:
    _, store, client = live
    client.config_set("maxmemory", "1")
    said = blind(store, 1001)
    assert "memory" in said.fix
    client.config_set("maxmemory", "0")
    store.publish("c1", BOTH, 1010)
    assert whole(client)


def test_a_replica_is_blind(live: Live) -> None:
    _, store, client = live
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert "primary" in blind(store, 1001).fix
    client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-5\r\n", b"\x00" * 64]
)
def test_something_that_is_no_store(answer: bytes, folder: Path) -> None:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    line.recv(4096)
                    line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        store = RedisStore(Endpoint(path=str(path)), "demo")
        for call in (store.ping, store.recall, lambda: store.publish("c", [], 1)):
            before = time.monotonic()
            with pytest.raises(BlindError):
                call()
            assert time.monotonic() - before < PATIENCE_S
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_an_embedded_server_that_died_is_revived_by_the_next_try(rig: Rig) -> None:
    rig.server.start()
    store = RedisStore(parse(rig.url), "demo", revive=lambda: rig.server.start(0.8))
    store.publish("c1", BOTH, 1000)
    rig.kill()
    blind(store, 1001)
    store.publish("c1", BOTH, 1003)
    assert whole(connect(parse(rig.url)))
    store.close()


def test_a_revival_that_fails_is_blind_too(rig: Rig) -> None:
    def no() -> None:
        raise NovaorchError("no binary", why="gone", fix="install it")

    store = RedisStore(parse(rig.url), "demo", revive=no)
    blind(store, 1000)
    assert blind(store, 1002).fix == "install it"


def test_the_wait_doubles_up_to_half_a_minute_and_forgets() -> None:
    circuit, now, waits = Circuit(), 1000.0, []
    for _ in range(8):
        circuit.failed(BlindError("x", why="y", fix="z"), now)
        start = now
        while True:
            try:
                circuit.check(now)
            except BlindError:
                now += 0.25
                continue
            break
        waits.append(now - start)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    circuit.failed(BlindError("x"), now)
    circuit.check(now - 3600)  # the clock was set back: no waiting for an hour
    circuit.mended()
    circuit.check(now)
    circuit.failed(BlindError("x"), now)
    circuit.check(now + 1)


def test_importing_the_rooms_does_not_load_the_client() -> None:

    code = "import sys, reconciler.adapters.store.contract; print('redis' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
