"""Servers that hang, die or lie, control clients that break, secrets, and what is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from reconciler.adapters.tmux import Tmux
from reconciler.adapters.tmux.secret import lookup
from reconciler.model import step as s
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.unit import Launch, Process, Source
from reconciler.ports import Order

from .conftest import Box, environment, living, mark, order, running_in_group, unit

SECRET = "s3cr3t;'#{pid}\n$HOME"


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def children() -> set[int]:
    """The living processes whose parent is this test run."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text(errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == os.getpid() and words[0] != "Z":
            found.add(int(entry.parent.name))
    return found


def test_a_hung_server_blinds_in_time_and_is_seen_again(box: Box) -> None:
    box.host = box.make(call_timeout_s=0.5)
    before = children()
    box.perform(order("one"))
    with frozen(box.server_pid()):
        start = time.monotonic()
        for act in (box.world, lambda: box.perform(order("two")), box.host.server_alive):
            with pytest.raises(BlindError) as blind:
                act()
            assert blind.value.fix
        assert time.monotonic() - start < 8
    assert [x.name for x in box.world().sessions] == ["one"]
    box.perform(order("three"))
    assert box.session("three").windows[0].panes[0].mark == mark("three")
    box.host.close()
    assert children() == before


def test_a_server_that_hangs_in_the_middle_leaves_fates_unknown(fast: Box) -> None:
    fast.host = fast.make(call_timeout_s=0.5)
    fast.perform(order("zero"))
    pid, seen = fast.server_pid(), fast.session("zero")
    fast.tmux("set-hook", "-g", "session-renamed", f"run-shell 'kill -STOP {pid}'")
    try:
        receipts = fast.perform(
            Order(unit("r"), (s.Rename(seen.session_id, "uno"),)),
            *[order(f"n{i}") for i in range(300)],
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    errors = [r.error for r in receipts if r.error]
    assert errors
    assert all(e.startswith(("fate unknown", "not sent")) for e in errors)
    assert fast.session("uno").windows[0].panes[0].mark == mark("zero")


def test_a_server_killed_in_a_batch_is_told_order_by_order(box: Box) -> None:
    box.perform(order("zero"))
    pid = box.server_pid()
    killer = ("sh", "-c", f"sleep 0.1; kill -9 {pid}")
    try:
        receipts = box.perform(
            order("killer", killer), *[order(f"n{i}") for i in range(400)], order("last")
        )
    except BlindError:
        pass
    else:
        errors = [r.error for r in receipts]
        assert len(receipts) == 402
        assert errors[-1].startswith(("fate unknown", "not sent"))
        first = next(i for i, e in enumerate(errors) if e)
        assert all(errors[first:])
    box.until(lambda: not living(pid))
    assert box.world().sessions == ()
    assert not box.perform(order("again"))[0].error


def test_a_killed_control_client_is_replaced(fast: Box) -> None:
    fast.perform(order("one"))
    for number in range(5):
        victim = fast.host._link.control_pid
        assert victim
        os.kill(victim, signal.SIGKILL)
        if number % 2:
            fast.until(lambda: not fast.host._link.control_pid)
        assert [x.name for x in fast.world().sessions] == ["one"]
        # The server answers a dead client for a moment: then, and only then, a fate is unknown.
        closing = Order(unit("x"), (s.Close("%99"),))
        assert all(r.error.startswith("fate unknown") for r in fast.perform(closing) if r.error)
        assert not fast.perform(closing)[0].error


def test_a_wedged_control_client_is_left_for_good(fast: Box) -> None:
    fast.host = fast.make(call_timeout_s=0.3)
    fast.perform(order("one"))
    for _ in range(3):
        fast.perform(Order(unit("x"), (s.Close("%99"),)))
        with frozen(fast.host._link.control_pid):
            fast.host._link._control._stream._guard = b" never"  # type: ignore[union-attr]
            assert [x.name for x in fast.world().sessions] == ["one"]
    assert not fast.perform(order("two"))[0].error
    assert fast.host._link.control_pid == 0
    assert len(fast.world().sessions) == 2


def test_nonsense_instead_of_tmux_is_blind(fast: Box, tmp_path: Path) -> None:
    for text in (
        "echo hello",
        "echo 'no server running on'; exit 0",
        "exit 3",
        "echo x >&2; exit 1",
    ):
        fake = tmp_path / "tmux"
        fake.write_text(f"#!/bin/sh\n{text}\n")
        fake.chmod(0o755)
        host = fast.make(binary=str(fake))
        with pytest.raises(BlindError):
            host.photograph(1.0)
        with pytest.raises(NovaorchError):
            host.perform([order("one")])
    with pytest.raises(BlindError):
        fast.make(binary=str(tmp_path / "none")).photograph(1.0)


def test_a_dead_socket_is_an_empty_world(fast: Box) -> None:
    fast.foreign()
    pid = fast.server_pid()
    os.kill(pid, signal.SIGKILL)
    fast.until(lambda: not living(pid))
    assert list(Path(fast.folder).glob("tmux-*/t"))
    assert fast.world().server == ""
    assert not fast.perform(order("one"))[0].error


def test_secrets_are_nowhere_but_in_their_process(box: Box) -> None:
    key = Path(box.folder) / "key"
    key.write_text(SECRET + "\n")
    key.chmod(0o600)
    box.environ["MY_KEY"] = SECRET
    box.host = box.make()
    box.foreign("theirs")
    pairs = (("A_KEY", "env:MY_KEY"), ("B_KEY", f"file:{key}"))
    seen: list[bytes] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch_argv, args=(seen, done))
    watcher.start()
    receipts = box.perform(*[order(f"n{i}", secrets=pairs) for i in range(10)])
    done.set()
    watcher.join()
    assert not any(r.error for r in receipts)
    box.until(lambda: "A_KEY" in environment(box.pane("n0").pid))
    inside = environment(box.pane("n0").pid)
    assert (inside["A_KEY"], inside["B_KEY"]) == (SECRET, SECRET)
    assert not any(b"s3cr3t" in argv for argv in seen)
    shown = box.tmux("list-panes", "-a", "-F", "#{pane_start_command}")
    for name in ("n0", "theirs"):
        shown += box.tmux("show-environment", "-t", f"={name}")
        shown += box.tmux("show-environment", "-h", "-t", f"={name}")
        shown += box.tmux("show-options", "-t", f"={name}:")
    shown += box.tmux("show-options", "-g") + box.tmux("show-messages", check=False)
    assert "s3cr3t" not in shown
    assert "s3cr3t" not in repr(receipts) + repr(box.world())


def _watch_argv(seen: list[bytes], done: threading.Event) -> None:
    while not done.is_set():
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(entry.read_bytes())
            except OSError:
                continue


def test_secrets_that_cannot_be_had(fast: Box, tmp_path: Path) -> None:
    loose, large, empty = (tmp_path / name for name in ("loose", "large", "empty"))
    for path, text in ((loose, "x"), (large, "x" * 70_000), (empty, "\n")):
        path.write_text(text)
        path.chmod(0o600)
    loose.chmod(0o640)
    bad = ["env:NONE", "env:", "x", "file:/none", f"file:{tmp_path}", "plain:s3cr3t"]
    for reference in [*bad, f"file:{loose}", f"file:{large}", f"file:{empty}"]:
        with pytest.raises(NovaorchError) as refused:
            lookup(reference, {})
        said = refused.value.what + refused.value.why + refused.value.fix
        assert refused.value.fix
        assert "s3cr3t" not in said
        (receipt,) = fast.perform(order("one", secrets=(("A", reference),)))
        assert receipt.error
    assert fast.world().sessions == ()


def process(name: str, argv: tuple[str, ...] = ("sleep", "1"), **more: object) -> Process:
    launch = Launch(argv, **({"directory": "/tmp"} | more))  # type: ignore[arg-type]
    return Process(unit(name), Source("x"), unit(name), launch, (), "d")


def test_refusals(fast: Box, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("x")
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "a#b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a#b")
    here = str(tmp_path)
    wrong = {
        "missing": process("missing", directory="/none/at/all"),
        "file": process("file", directory=str(text)),
        "hash": process("hash", directory=f"{here}/a#b"),
        "link": process("link", directory=f"{here}/link"),
        "relative": process("relative", directory="tmp"),
        "command": process("command", ("no-such-command-here",)),
        "path": process("path", ("sleep",), env=(("PATH", here),)),
        "exec": process("exec", ("./text",), directory=here),
        "noexec": process("noexec", ("text",), env=(("PATH", here),)),
        "secret": process("secret", secrets=(("A", "env:NOT_SET_AT_ALL"),)),
    }
    right = [
        process("ok"),
        process("shell", ()),
        process("own", ("script",), env=(("PATH", here),)),
        process("dot", ("./script",), directory=here),
        process("abs", (str(script),)),
    ]
    found = fast.host.refusals([*wrong.values(), *right])
    assert set(found) == {unit(name) for name in wrong}
    assert all(why and fix for why, fix in found.values())
    assert "NOT_SET_AT_ALL" in found[unit("secret")][0]


def test_nothing_is_left_behind(box: Box) -> None:
    before = children()
    threads = threading.active_count()
    box.perform(order("one", ("sh", "-c", "sleep 1000 & wait")))
    server, seen = box.server_pid(), box.pane("one")
    box.host.close()
    box.host.close()
    assert children() == before
    assert threading.active_count() == threads
    assert living(server)
    assert not box.do(s.Close(seen.pane_id)).error
    box.host.shutdown_anchor()
    box.until(lambda: not living(server) and not running_in_group(seen.pid))
    assert children() == before


def test_events_come_from_the_control_client(fast: Box) -> None:
    heard: list[str] = []
    host = fast.make(on_event=heard.append)
    assert not host.perform([order("one")])[0].error
    heard.clear()
    fast.foreign("other")
    fast.until(lambda: "tmux" in heard)
    heard.clear()
    fast.tmux("kill-window", "-t", "=other:")
    fast.until(lambda: "tmux" in heard)
    heard.clear()
    fast.tmux("kill-server")
    fast.until(lambda: "tmux" in heard)
    fast.until(lambda: host.photograph(1.0).server == "")


def test_deaths_are_heard_at_once(fast: Box) -> None:
    heard: list[str] = []
    host = fast.make(on_event=heard.append)
    assert not host.watch_deaths()
    host.perform([order("one"), order("two")])
    host.photograph(1.0)
    assert host.watch_deaths()
    fast.tmux("set-hook", "-g", "pane-died[0]", "set-option -g @theirs yes")
    for name in ("one", "two"):
        seen = fast.pane(name)
        heard.clear()
        os.kill(seen.pid, signal.SIGKILL)
        fast.until(lambda: "tmux" in heard)
    assert fast.tmux("show-options", "-gv", "@theirs") == "yes\n"
    before = children()
    heard.clear()
    os.kill(fast.server_pid(), signal.SIGKILL)
    fast.until(lambda: "tmux" in heard)
    host.perform([order("again")])
    fast.until(lambda: bool(host.photograph(1.0).server) and host.watch_deaths())
    heard.clear()
    os.kill(fast.pane("again").pid, signal.SIGKILL)
    fast.until(lambda: "tmux" in heard)
    host.close()
    assert children() < before


def test_many_deaths_are_all_seen_with_their_status(fast: Box) -> None:
    heard: list[str] = []
    host = fast.make(on_event=heard.append)
    names = [f"n{i}" for i in range(20)]
    host.perform([order(name) for name in names])
    host.photograph(1.0)
    host.watch_deaths()
    for count, name in enumerate(names, 1):
        heard.clear()
        os.kill(fast.pane(name).pid, signal.SIGTERM)
        fast.until(lambda: "tmux" in heard)
        fast.until(partial(_dead, host, count))
    seen = [s.windows[0].panes[0] for s in host.photograph(1.0).sessions]
    if " 3.2" not in host.version():
        assert [pane.exit_status for pane in seen] == [143] * 20


def _dead(host: Tmux, count: int) -> bool:
    return sum(s.windows[0].panes[0].dead for s in host.photograph(1.0).sessions) == count


def test_two_threads_may_use_one_host(box: Box) -> None:
    box.perform(order("zero"))
    failed: list[object] = []

    def work(number: int) -> None:
        for turn in range(5):
            failed.extend(r for r in box.perform(order(f"n{number}-{turn}")) if r.error)
            failed.extend([] if box.world().server else ["empty"])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(box.world().sessions) == 16


def test_the_fleets_configuration_is_read(box: Box) -> None:
    conf = Path(box.folder) / "my.conf"
    conf.write_text("set -g @mine yes\n")
    box.host = box.make(config=str(conf))
    box.perform(order("one"))
    assert box.tmux("show-options", "-gv", "@mine") == "yes\n"


def test_a_fork_of_many_starts_makes_one_server(box: Box) -> None:
    hosts = [box.make() for _ in range(4)]
    receipts: list[object] = []

    def start(number: int) -> None:
        receipts.extend(hosts[number].perform([order(f"n{number}")]))

    threads = [threading.Thread(target=start, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 4
    assert len(box.world().sessions) == 4
    names = box.tmux("list-sessions", "-F", "#{session_name}").split()
    assert names.count("novaorch") == 1
