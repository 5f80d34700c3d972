"""Nudges: each thing that shortens the wait, alone; and what happens when it is broken."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters.watch import Nudges, _drain
from tests.adapters.git.sandbox import Sandbox, private_home

Maker = Callable[..., Nudges]
LONG_S = 20.0  # a wait that must be cut short
SHORT_S = 0.15  # a wait that must not


@pytest.fixture
def nudges() -> Iterator[Maker]:
    made: list[Nudges] = []

    def make(*args: Path | None) -> Nudges:
        made.append(Nudges(*args))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    clear: list[str] = []
    for name, value in private_home(tmp_path / "home", clear).items():
        monkeypatch.setenv(name, value)
    for name in clear:
        monkeypatch.delenv(name)
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.write("demo/agents/a.yaml")
    sandbox.commit()
    return sandbox


def settled(watcher: Nudges) -> None:
    """Wait until what went before has been told."""
    while watcher.wait(SHORT_S) != "poll":
        continue


def write(fifo: Path, data: bytes = b"n") -> None:
    """Write as a hook does: with a descriptor that also reads."""
    descriptor = os.open(fifo, os.O_RDWR)
    os.write(descriptor, data)
    os.close(descriptor)


def test_with_nothing_at_all_it_polls(nudges: Maker) -> None:
    watcher = nudges(None)
    assert watcher.wait(0.01) == "poll"
    assert watcher.wait(0) == "poll"
    assert watcher.wait(-1) == "poll"
    assert watcher.degraded == ()


def test_a_hook_alone_wakes(tmp_path: Path, nudges: Maker) -> None:
    fifo = tmp_path / "novaorch/nudge"
    watcher = nudges(fifo)
    assert watcher.degraded == ()
    assert stat.S_IMODE(fifo.stat().st_mode) == 0o600
    assert stat.S_IMODE(fifo.parent.stat().st_mode) == 0o700
    for _ in range(3):
        write(fifo)
        assert watcher.wait(LONG_S) == "hook"
        assert watcher.wait(0) == "poll"


def test_a_hook_wakes_a_wait_that_has_begun(tmp_path: Path, nudges: Maker) -> None:
    watcher = nudges(tmp_path / "novaorch/nudge")
    later = threading.Timer(0.1, write, (tmp_path / "novaorch/nudge",))
    later.start()
    assert watcher.wait(LONG_S) == "hook"
    later.join()


def test_a_hundred_thousand_bytes_are_one_word(tmp_path: Path, nudges: Maker) -> None:
    fifo = tmp_path / "novaorch/nudge"
    watcher = nudges(fifo)

    def flood() -> None:
        descriptor = os.open(fifo, os.O_WRONLY)
        for _ in range(100):
            os.write(descriptor, b"n" * 1000)
        os.close(descriptor)

    thread = threading.Thread(target=flood)
    thread.start()
    words = [watcher.wait(LONG_S)]
    while thread.is_alive():
        words.append(watcher.wait(0.05))
    thread.join()
    words.append(watcher.wait(0.05))
    assert set(words) <= {"hook", "poll"}
    assert words.count("hook") < 200
    assert watcher.wait(0) == "poll"


def test_an_endless_writer_does_not_hold_a_wait(tmp_path: Path, nudges: Maker) -> None:
    fifo = tmp_path / "novaorch/nudge"
    watcher = nudges(fifo)
    flood = subprocess.Popen(["cat", "/dev/zero"], stdout=fifo.open("wb"))
    try:
        for _ in range(20):
            assert watcher.wait(LONG_S) == "hook"
    finally:
        flood.kill()
        flood.wait()


def test_a_descriptor_that_never_runs_dry_is_left_after_a_while() -> None:
    with Path("/dev/zero").open("rb") as endless:
        assert _drain(endless.fileno())


def test_a_writer_does_not_block_when_nobody_reads(tmp_path: Path) -> None:
    """A daemon that was killed leaves its FIFO behind."""
    fifo = tmp_path / "novaorch/nudge"
    script = (
        "import sys, os, pathlib; from reconciler.adapters.watch import Nudges;"
        "Nudges(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(fifo)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    subprocess.run(["sh", "-c", f"printf n 1<>'{fifo}'"], check=True, timeout=10)
    successor = Nudges(fifo)
    assert successor.degraded == ()
    assert successor.wait(0) == "poll"
    write(fifo)
    assert successor.wait(LONG_S) == "hook"
    successor.close()


def test_close_removes_the_fifo_and_may_come_twice(tmp_path: Path, nudges: Maker) -> None:
    watcher = nudges(tmp_path / "novaorch/nudge")
    watcher.close()
    watcher.close()
    watcher.poke("tmux")
    assert not (tmp_path / "novaorch/nudge").exists()


@pytest.mark.parametrize("what", ["file", "link", "link-to-fifo", "folder", "dangling"])
def test_what_is_no_fifo_is_neither_opened_nor_removed(
    tmp_path: Path, nudges: Maker, what: str
) -> None:
    fifo, target = tmp_path / "novaorch/nudge", tmp_path / "target"
    fifo.parent.mkdir(mode=0o700)
    if what == "file":
        fifo.write_text("precious")
    elif what == "folder":
        fifo.mkdir()
    else:
        fifo.symlink_to(target)
        if what == "link":
            target.write_text("precious")
        elif what == "link-to-fifo":
            os.mkfifo(target)
    watcher = nudges(fifo)
    (reason,) = watcher.degraded
    assert "hooks cannot wake" in reason
    assert watcher.wait(0.01) == "poll"
    watcher.poke("tmux")
    assert watcher.wait(LONG_S) == "tmux"
    watcher.close()
    assert os.path.lexists(fifo)
    if what in ("file", "link"):
        assert fifo.read_text() == "precious"


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, nudges: Maker) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert "others may write" in nudges(tmp_path / "open/nudge").degraded[0]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, nudges: Maker) -> None:
    (tmp_path / "file").write_text("")
    watcher = nudges(tmp_path / "file/nudge")
    assert watcher.degraded
    assert watcher.wait(0.01) == "poll"


def test_a_removed_fifo_is_made_again_at_the_next_poll(tmp_path: Path, nudges: Maker) -> None:
    fifo = tmp_path / "novaorch/nudge"
    watcher = nudges(fifo)
    fifo.unlink()
    assert watcher.wait(0.01) == "poll"
    write(fifo)
    assert watcher.wait(LONG_S) == "hook"


@pytest.mark.parametrize("replacement", ["file", "link", "fifo"])
def test_a_fifo_replaced_while_running(tmp_path: Path, nudges: Maker, replacement: str) -> None:
    fifo = tmp_path / "novaorch/nudge"
    watcher = nudges(fifo)
    fifo.unlink()
    if replacement == "fifo":
        os.mkfifo(fifo)
    elif replacement == "link":
        fifo.symlink_to("/dev/zero")
    else:
        fifo.write_text("n" * 1000)
    for _ in range(3):
        assert watcher.wait(0.01) == "poll"
    assert bool(watcher.degraded) == (replacement != "fifo")
    fifo.unlink()
    assert watcher.wait(0.01) == "poll"
    assert watcher.degraded == ()
    write(fifo)
    assert watcher.wait(LONG_S) == "hook"


def test_a_poke_from_another_thread_and_the_most_pressing_word(nudges: Maker) -> None:
    watcher = nudges(None)
    later = threading.Timer(0.1, watcher.poke, ("tmux",))
    later.start()
    assert watcher.wait(LONG_S) == "tmux"
    later.join()
    for word in ("other", "watch", "tmux", "hook", "stop"):
        watcher.poke(word)
    assert watcher.wait(LONG_S) == "stop"
    assert watcher.wait(0) == "poll"
    for _ in range(200_000 // 1000):
        watcher.poke("watch")
    watcher.poke("hook")
    assert watcher.wait(LONG_S) == "hook"
    assert watcher.wait(0) == "poll"


def test_a_poke_from_a_signal_handler(nudges: Maker) -> None:
    watcher = nudges(None)
    before = signal.signal(signal.SIGUSR1, lambda *_: watcher.poke("stop"))
    try:
        later = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        later.start()
        assert watcher.wait(LONG_S) == "stop"
        later.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_pokes_from_many_threads_are_never_lost(nudges: Maker) -> None:
    watcher = nudges(None)

    def poke() -> None:
        for _ in range(500):
            watcher.poke("tmux")

    threads = [threading.Thread(target=poke) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert watcher.wait(LONG_S) == "tmux"
    for thread in threads:
        thread.join()
    assert watcher.wait(0.05) in ("tmux", "poll")
    watcher.poke("stop")
    assert watcher.wait(LONG_S) == "stop"


def changes(box: Sandbox) -> dict[str, Callable[[], object]]:
    return {
        "commit": lambda: box.commit("again"),
        "amend": lambda: box.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "x"),
        "update-ref": lambda: box.git("update-ref", "refs/heads/main", "HEAD~1"),
        "switch": lambda: box.git("checkout", "--quiet", "-b", "side"),
        "nested branch": lambda: box.git("branch", "team/a/b"),
        "nested branch moves": lambda: box.git("update-ref", "refs/heads/team/a/b", box.commit()),
        "delete": lambda: box.git("branch", "-D", "main"),
        "reset": lambda: box.git("reset", "--quiet", "--hard", "HEAD~1"),
        "pack": lambda: box.git("pack-refs", "--all"),
    }


def test_a_watch_alone_sees_every_way_to_move_a_ref(box: Sandbox, nudges: Maker) -> None:
    watcher = nudges(None, box.path / ".git")
    assert watcher.degraded == ()
    for name, change in changes(box).items():
        settled(watcher)
        change()
        assert watcher.wait(LONG_S) == "watch", name


def test_a_watch_is_silent_about_everything_else(box: Sandbox, nudges: Maker) -> None:
    watcher = nudges(None, box.path / ".git")
    settled(watcher)
    box.write("demo/agents/b.yaml")
    box.git("add", "-A")
    box.git("status")
    box.git("log")
    box.git("cat-file", "-p", "HEAD")
    (box.path / ".git/refs/heads/main.lock").write_text("x")
    (box.path / ".git/HEAD.lock").write_text("x")
    (box.path / ".git/HEAD").read_text()
    assert watcher.wait(0.5) == "poll"


def test_a_linked_work_tree_is_watched(box: Sandbox, tmp_path: Path, nudges: Maker) -> None:
    box.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    watcher = nudges(None, box.path / ".git/worktrees/linked", box.path / ".git")
    assert watcher.degraded == ()
    settled(watcher)
    box.git("-C", str(tmp_path / "linked"), "checkout", "--quiet", "--detach")
    assert watcher.wait(LONG_S) == "watch"


def test_a_watch_that_cannot_be_set_is_said(tmp_path: Path, nudges: Maker) -> None:
    watcher = nudges(tmp_path / "novaorch/nudge", tmp_path / "nowhere")
    (reason,) = watcher.degraded
    assert "not watched" in reason
    write(tmp_path / "novaorch/nudge")
    assert watcher.wait(LONG_S) == "hook"
    assert watcher.wait(0.01) == "poll"


def test_without_inotify_the_hook_still_wakes(box: Sandbox, tmp_path: Path) -> None:
    """The real limit: descriptors run out when inotify asks for one."""
    script = """
import os, sys, pathlib
from reconciler.adapters.watch import Nudges
from reconciler.model.problems import NovaorchError
fifo, git_dir = map(pathlib.Path, sys.argv[1:])
seen = set()
for free in range(12):
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    for _ in range(free):
        os.close(held.pop())
    try:
        nudges = Nudges(fifo, git_dir)
    except NovaorchError:
        seen.add("refused")
        nudges = None
    for descriptor in held:
        os.close(descriptor)
    if nudges is None:
        continue
    kinds = tuple("watch" if "watched" in reason else "hook" for reason in nudges.degraded)
    if "hook" not in kinds:
        descriptor = os.open(fifo, os.O_RDWR)
        os.write(descriptor, b"n")
        assert nudges.wait(20) == "hook"
    nudges.poke("tmux")
    assert nudges.wait(20) == "tmux"
    seen.add("+".join(kinds) or "whole")
    nudges.close()
print(*sorted(seen))
"""
    command = f'ulimit -n 64; exec "{sys.executable}" -c "$0" "$@"'
    arguments = [str(tmp_path / "novaorch/nudge"), str(box.path / ".git")]
    done = subprocess.run(
        ["sh", "-c", command, script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"refused", "watch", "whole"} <= set(done.stdout.split())


def test_waiting_costs_no_time(tmp_path: Path, box: Sandbox, nudges: Maker) -> None:
    watcher = nudges(tmp_path / "novaorch/nudge", box.path / ".git")
    write(tmp_path / "novaorch/nudge")
    assert watcher.wait(LONG_S) == "hook"
    settled(watcher)
    before = time.process_time()
    assert watcher.wait(1.0) == "poll"
    assert time.process_time() - before < 0.2


def test_a_commit_of_an_agent_s_work_wakes_nobody(box: Sandbox, nudges: Maker) -> None:
    git = box.path / ".git"
    watcher = nudges(None, git)
    settled(watcher)
    tip = box.git("rev-parse", "HEAD")
    for name in ("training/demo/a/1", "training/demo/a/1", "training/demo/b/1"):
        box.git("update-ref", f"refs/heads/{name}", tip)
        box.git("update-ref", f"refs/novaorch/{name}", tip)
        box.git("update-ref", f"refs/notes/novaorch/{name}", tip)
    box.git("update-ref", "-d", "refs/heads/training/demo/b/1")
    assert watcher.wait(SHORT_S * 4) == "poll"
    box.git("update-ref", "refs/heads/trainings", tip)
    assert watcher.wait(LONG_S) == "watch", "the name is not enough"
