"""Where novaorch keeps its files, and the lock of one controller."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.state import (
    SOCKET_BYTES_MAX,
    EpochFile,
    Lock,
    StateDir,
    born,
    gone,
    holder,
    holder_pid,
    oneself,
    private_folder,
)
from reconciler.core.lease import holder_of
from reconciler.model.control import SILENT, Consent
from reconciler.model.problems import NovaorchError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repo" / ".git"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_one_folder_for_fleet_and_repository(tmp_path: Path, repository: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "x"), "HOME": "/nowhere"}
    state = StateDir.of("demo", repository, environ)
    assert state.root.parent == tmp_path / "x" / "novaorch"
    assert state.root.name.startswith("demo-")
    assert len(state.root.name) == len("demo-") + 8
    assert state.root != StateDir.of("other", repository, environ).root
    assert state.root != StateDir.of("demo", tmp_path, environ).root
    link = tmp_path / "link"
    link.symlink_to(repository)
    assert state == StateDir.of("demo", link, environ)
    assert len({state.cache, state.store, state.lock, state.log, state.pid}) == 5
    assert not (tmp_path / "x").exists(), "looking must make nothing"


@pytest.mark.parametrize("xdg", ["", "relative/path"])
def test_home_is_the_base_without_a_sensible_xdg(xdg: str, repository: Path) -> None:
    state = StateDir.of("demo", repository, {"HOME": "/home/ada", "XDG_STATE_HOME": xdg})
    assert state.root.parent == Path("/home/ada/.local/state/novaorch")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "here"}])
def test_no_home_is_an_error_with_a_mend(environ: dict[str, str], repository: Path) -> None:
    with pytest.raises(NovaorchError) as caught:
        StateDir.of("demo", repository, environ)
    assert "XDG_STATE_HOME=" in caught.value.fix


@pytest.mark.parametrize("fleet", ["../x", "a/b", "", "A", "x" * 49, "a\n"])
def test_a_fleet_cannot_leave_its_folder(fleet: str, repository: Path) -> None:
    with pytest.raises(NovaorchError):
        StateDir.of(fleet, repository, {"HOME": "/home/ada"})


@pytest.mark.usefixtures("wide_umask")
def test_folders_are_private_whatever_the_umask(stage: Path, repository: Path) -> None:
    # On the stage paths are short, so that the store's socket stays in the folder of the state.
    state = StateDir.of("demo", repository, {"HOME": str(stage / "h")})
    state.make()
    assert mode(state.root) == mode(state.root.parent) == mode(stage / "h") == 0o700
    os.umask(0o777)
    assert mode(state.make_store()) == 0o700
    private_folder(stage / "d" / "e" / "f")
    assert {mode(stage / path) for path in ("d", "d/e", "d/e/f")} == {0o700}
    state.root.chmod(0o755)
    state.make()
    assert mode(state.root) == 0o700


def test_a_long_path_moves_only_the_socket(tmp_path: Path, repository: Path) -> None:
    runtime = Path(f"/tmp/nv-run-{os.getpid()}")
    environ = {"HOME": str(tmp_path / ("h" * 120)), "XDG_RUNTIME_DIR": str(runtime)}
    state = StateDir.of("demo", repository, environ)
    assert state.store_socket.parent.parent == runtime
    assert len(os.fsencode(state.store_socket)) <= SOCKET_BYTES_MAX
    environ["XDG_RUNTIME_DIR"] = str(tmp_path / ("r" * 120))
    state = StateDir.of("demo", repository, environ)
    folder = state.store_socket.parent
    assert folder.name.startswith(f"novaorch-{os.getuid()}-")
    assert folder.parent == Path("/tmp")
    state.check_socket()
    try:
        state.make_store()
        assert mode(folder) == 0o700
        state.check_socket()
        folder.rmdir()
        folder.symlink_to(tmp_path)
        for look in (state.check_socket, state.make_store):
            with pytest.raises(NovaorchError, match="not a folder of yours"):
                look()
    finally:
        folder.unlink(missing_ok=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, -1)
    with pytest.raises(NovaorchError, match="not a folder of yours"):
        private_folder(theirs)


def test_a_file_in_the_way_names_the_path_and_the_mend(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "h").write_text("a file")
    with pytest.raises(NovaorchError) as caught:
        StateDir.of("demo", repository, {"HOME": str(tmp_path / "h")}).make()
    assert str(tmp_path / "h") in caught.value.what
    assert "XDG_STATE_HOME=" in caught.value.fix


def test_a_place_that_cannot_be_written(repository: Path) -> None:
    # /proc refuses even root: the nearest thing to a read-only file system.
    with pytest.raises(NovaorchError) as caught:
        StateDir.of("demo", repository, {"XDG_STATE_HOME": "/proc/sys"}).make()
    assert "/proc/sys/novaorch" in caught.value.what
    assert caught.value.why
    assert "XDG_STATE_HOME=" in caught.value.fix


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) == ""
    lock = Lock.acquire(path)
    assert lock is not None
    assert lock.intact()
    assert mode(path) == 0o600
    assert Lock.acquire(path) is None
    assert holder(path).startswith(f"pid {os.getpid()}, since 2")
    lock.release()
    lock.release()
    again = Lock.acquire(path)
    assert again is not None
    again.release()


def test_a_deleted_lock_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock.acquire(path)
    assert lock is not None
    path.unlink()
    assert not lock.intact()
    path.touch()
    assert not lock.intact()
    lock.release()
    assert not lock.intact()


TAKE = """
import sys, subprocess
from pathlib import Path
from reconciler.adapters.state import Lock
assert Lock.acquire(Path(sys.argv[1])) is not None
child = subprocess.Popen(["sleep", "60"], close_fds=False)
print(child.pid, flush=True)
sys.stdin.readline()
"""


def test_death_frees_the_lock_though_children_live(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", TAKE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as taker:
        assert taker.stdout is not None
        child = int(taker.stdout.readline())
        try:
            assert Lock.acquire(path) is None
            assert holder(path).startswith(f"pid {taker.pid},")
            taker.kill()
            taker.wait()
            assert born(child), "the child must outlive its parent for this test to mean anything"
            assert holder(path) == "", "a dead holder is no holder"
            lock = Lock.acquire(path)
            assert lock is not None
            lock.release()
        finally:
            os.kill(child, 9)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"42",
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"pid": "x", "since": 1, "born": "1"}',
        b'{"pid": 0, "since": 1, "born": ""}',
        b'{"pid": -1, "since": 1, "born": ""}',
        b'{"pid": 1, "since": 1e400, "born": ""}',
        b'{"pid": 1, "since": 99999999999999999, "born": ""}',
        b'{"pid": 99999999999999999999, "since": 1, "born": ""}',
    ],
)
def test_garbage_in_the_lock_file_names_nobody(garbage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_bytes(garbage)
    assert holder(path) == ""
    lock = Lock.acquire(path)
    assert lock is not None
    assert holder(path).startswith(f"pid {os.getpid()},")
    lock.release()


def test_a_lock_never_follows_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(NovaorchError):
        Lock.acquire(tmp_path / "lock")
    assert not (tmp_path / "precious").exists()


def test_a_lock_without_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NovaorchError) as caught:
        Lock.acquire(tmp_path / "none" / "lock")
    assert str(tmp_path / "none" / "lock") in caught.value.what


def test_the_system_clock_moves_on() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0.01)
    clock.sleep(-1)
    assert clock.now() > before > 1.6e9


def test_the_holder_is_known_by_its_pid(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder_pid(path) is None
    lock = Lock.acquire(path)
    assert lock is not None
    assert holder_pid(path) == os.getpid()
    lock.release()


def test_a_consent_is_left_whole_and_taken_once(tmp_path: Path, repository: Path) -> None:
    state = StateDir.of("demo", repository, {"HOME": str(tmp_path)})
    state.make()
    assert state.consented() == SILENT
    state.confirm("abc123")
    assert mode(state.confirmed) & 0o077 == 0
    assert state.consented() == Consent("abc123")
    assert state.consented() == SILENT
    state.confirm("", now=True)
    assert state.consented() == Consent("", now=True)
    assert [path.name for path in state.root.iterdir()] == []


@pytest.mark.parametrize(
    "garbage",
    [b"", b"abc123", b"\xff", b"[" * 9000, b"null", b'{"word": 7}', b'{"now": true}', b"{" * 99],
)
def test_a_damaged_consent_says_nothing(garbage: bytes, tmp_path: Path, repository: Path) -> None:
    state = StateDir.of("demo", repository, {"HOME": str(tmp_path)})
    state.make()
    state.confirmed.write_bytes(garbage)
    assert state.consented() == SILENT
    assert not state.confirmed.exists()


def test_an_epoch_is_raised_and_never_lowered(tmp_path: Path) -> None:
    epoch = EpochFile(tmp_path / "made" / "epoch")
    assert epoch.seen() == 0
    for kept, seen in ((3, 3), (9, 9), (4, 9)):
        epoch.keep(kept)
        assert epoch.seen() == seen
    for garbage in (b"", b"x", b"-1", b"\xff\xff", b"1" * 400, "٣".encode()):
        epoch.path.write_bytes(garbage)
        assert epoch.seen() == 0
    assert mode(epoch.path.parent) == 0o700


def test_an_epoch_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(NovaorchError) as caught:
        EpochFile(Path("/proc/sys/epoch")).keep(1)
    assert caught.value.fix


def test_who_is_gone_and_who_may_be_there() -> None:
    me = oneself()
    assert holder_of(me.text) == me
    assert oneself() != me, "each tenure is another one"
    assert not gone(me)
    child = subprocess.Popen(["sleep", "60"])
    there = replace(me, pid=child.pid, born=born(child.pid))
    assert not gone(there)
    child.kill()
    child.wait()
    assert gone(there)
    assert gone(replace(me, born="1")), "another process with our id"
    assert not gone(replace(there, machine="another one")), "nobody here can tell"
