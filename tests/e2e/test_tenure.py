"""One controller a fleet: real daemons that sleep, die, meet, and lose their store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from reconciler.adapters.state import born, holder_pid
from reconciler.adapters.store.server import find_server
from tests.adapters.git.sandbox import Sandbox
from tests.e2e.conftest import LIMIT_S, Fleet, needs_store

pytestmark = needs_store


class Shared:
    """A store that several hosts could share: a server of nobody's, on a socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "shared.sock"
        words = [str(find_server(os.environ)), "--port", "0", "--unixsocket", str(self.socket)]
        self._server = subprocess.Popen(
            [*words, "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
        )
        self.client = Redis(unix_socket_path=str(self.socket))
        end = time.monotonic() + LIMIT_S
        while not self.socket.exists():
            assert time.monotonic() < end
            time.sleep(0.01)

    @property
    def setting(self) -> str:
        return f"store: {{url: 'unix://{self.socket}'}}"

    def said(self, key: str) -> str:
        value = self.client.get(f"nova:{{demo}}:{key}")
        return value.decode() if isinstance(value, bytes) else ""

    def send(self, number: signal.Signals) -> None:
        self._server.send_signal(number)

    def end(self) -> None:
        self.client.close()
        self.send(signal.SIGCONT)
        self._server.kill()
        self._server.wait()


@pytest.fixture
def shared(stage: Path) -> Iterator[Shared]:
    made = Shared(stage)
    yield made
    made.end()


@pytest.fixture
def up(fleet: Fleet, shared: Shared) -> Fleet:
    """A daemon whose lease is in a store that is named, and so perhaps shared."""
    fleet.settings(shared.setting, "sync: {poll: 300ms}")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    return fleet


def daemon(fleet: Fleet) -> int:
    pid = holder_pid(fleet.state.lock)
    assert pid is not None
    return pid


def obeyed(fleet: Fleet) -> int:
    said = fleet.tmux("display-message", "-p", f"#{{@novaorch_epoch_{fleet.name}}}").strip()
    return int(said or 0)


def kept(fleet: Fleet) -> int:
    return int(fleet.state.epoch.read_text())


def unlock(fleet: Fleet) -> None:
    """Delete every lock, as one who cleans up too much does."""
    fleet.state.lock.unlink()
    for path in Path(os.environ["TMUX_TMPDIR"]).glob("tmux-*/.*.lock"):
        path.unlink()


def clone(fleet: Fleet, folder: Path) -> Fleet:
    """Another clone of the same repository: the same fleet, the same tmux socket."""
    shutil.copytree(fleet.repo.path, folder, ignore=shutil.ignore_patterns("nudge", "ask"))
    made = object.__new__(Fleet)
    made.name, made.socket, made._children = fleet.name, fleet.socket, []
    made.repo = Sandbox(folder)
    return made


def everything(fleet: Fleet) -> str:
    told = "#{session_id} #{session_name} #{pane_id} #{pane_pid} #{@novaorch_pane}"
    return fleet.tmux("list-panes", "-a", "-F", told) + fleet.tmux("show-options", "-g")


def test_an_epoch_is_written_to_all_that_remember_it(up: Fleet, shared: Shared) -> None:
    assert shared.said("lease").startswith("1 ")
    assert (obeyed(up), kept(up)) == (1, 1)
    up.run("down", expect=0)
    assert shared.said("lease") == ""
    up.run("apply", expect=0)
    up.run("up", expect=0)
    assert (obeyed(up), kept(up), shared.said("epoch")[:2]) == (3, 3, "3 ")


def test_a_sleeper_that_was_overtaken_writes_nothing_when_it_wakes(
    up: Fleet, shared: Shared
) -> None:
    """It slept for longer than its lease, its locks are gone, another daemon is at work."""
    old = daemon(up)
    os.kill(old, signal.SIGSTOP)
    unlock(up)
    shared.client.pexpire("nova:{demo}:lease", 60_000)  # for as long as a Python needs to start
    assert "has the lease of epoch 1" in up.run("run", expect=5).err, "it may be at work still"
    shared.client.pexpire("nova:{demo}:lease", 1)
    up.until(lambda: shared.said("lease") == "", "its lease is over")
    up.agent("anvil")
    up.remove("web/agents/torch.yaml")
    up.commit("Something that both would do")
    up.run("up", expect=0)
    up.until(lambda: up.sessions() == {"web/anvil"}, "the new one does it")
    before = everything(up)
    os.kill(old, signal.SIGCONT)
    up.until(lambda: not born(old), "the old one ends")
    assert everything(up) == before
    assert obeyed(up) == 2
    assert "another controller keeps this fleet true by now" in up.log()
    assert daemon(up) != old


def test_two_clones_of_one_fleet_on_one_server(up: Fleet, tmp_path: Path) -> None:
    other = clone(up, tmp_path / "clone")
    pid = str(daemon(up))
    for words in (("run",), ("apply",), ("apply", "--worktree")):
        other.agent("anvil")
        other.commit()
        said = other.run(*words, expect=5)
        assert pid in said.err
    assert up.sessions() == {"web/torch"}
    up.run("down", expect=0)
    other.run("apply", expect=0)
    assert up.sessions() == {"web/torch", "web/anvil"}


def test_another_host_holds_the_lease(up: Fleet, shared: Shared) -> None:
    up.run("down", expect=0)
    shared.client.set("nova:{demo}:lease", "9 anvil 4242 1 elsewhere t", px=60_000)
    for verb in ("run", "apply"):
        up.agent("anvil")
        up.commit()
        said = up.run(verb, expect=5).err
        assert "host anvil, pid 4242 has the lease of epoch 9 until 20" in said
    assert up.sessions() == {"web/torch"}
    assert holder_pid(up.state.lock) is None
    shared.client.delete("nova:{demo}:lease")
    up.run("apply", expect=0)
    assert obeyed(up) > 1


def test_a_killed_holder_is_followed_at_once(up: Fleet, shared: Shared) -> None:
    old = daemon(up)
    os.kill(old, signal.SIGKILL)
    up.until(lambda: not born(old), "it is dead")
    assert shared.said("lease").startswith("1 "), "the lease does not know yet"
    up.run("up", expect=0)
    assert obeyed(up) == 2


def test_a_store_that_is_wiped_again_and_again(up: Fleet, shared: Shared) -> None:
    for _ in range(3):
        shared.client.flushall()
        up.until(lambda: shared.said("lease").startswith("1 "), "it takes its lease again")
    up.agent("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "and goes on")
    shared.client.flushall()
    up.run("down", expect=0)
    shared.client.flushall()
    up.run("up", expect=0)
    assert obeyed(up) == 2, "no epoch is given twice"


@pytest.mark.parametrize("lost", ["file", "server"])
def test_a_lost_epoch_is_known_elsewhere(lost: str, up: Fleet, shared: Shared) -> None:
    up.run("down", expect=0)
    shared.client.flushall()
    if lost == "file":
        up.state.epoch.unlink()
    else:
        up.tmux("kill-server")
    up.run("apply", expect=0)
    assert obeyed(up) == kept(up) == 2


def test_a_stalled_store_stops_no_healing_and_ends_nothing(up: Fleet, shared: Shared) -> None:
    before = up.pids()["web/torch"]
    shared.send(signal.SIGSTOP)
    up.until(lambda: "the lease is not confirmed" in up.log(), "the daemon says so")
    os.kill(int(before), signal.SIGKILL)
    up.until(lambda: up.pids().get("web/torch", before) != before, "torch runs again")
    up.agent("anvil")
    up.remove("web/agents/torch.yaml")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    time.sleep(0.5)
    assert "web/torch" in up.sessions(), "to end something takes a lease"
    shared.send(signal.SIGCONT)
    up.until(lambda: up.sessions() == {"web/anvil"}, "and with it, torch ends")
    assert "the lease is confirmed: epoch 1" in up.log()


def test_a_daemon_that_loses_its_lease_ends_by_itself(up: Fleet, shared: Shared) -> None:
    up.run("down", expect=0)
    child = up.start("run")
    up.until(lambda: shared.said("lease").startswith("2 "), "it has the lease")
    shared.client.set("nova:{demo}:lease", "9 anvil 4242 1 elsewhere t", px=60_000)
    out, _ = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 5, out
    assert "host anvil, pid 4242" in out
    assert up.sessions() == {"web/torch"}
    assert shared.said("lease").startswith("9 "), "what is another's is left alone"


def test_two_fleets_on_one_server_and_one_store(
    make: Callable[[str], Fleet], shared: Shared
) -> None:
    one, two = make("demo"), make("demo-2")
    two.socket = one.socket
    for fleet in (one, two):
        fleet.settings(shared.setting)
        fleet.agent("torch", project=f"web-{fleet.name}")
        fleet.commit()
        fleet.run("up", expect=0)
    both = {"web-demo/torch", "web-demo-2/torch"}
    one.until(lambda: one.sessions() == both, "both run")
    assert daemon(one) != daemon(two)
    before = one.pids()
    for _ in range(2):
        two.run("down", expect=0)
        two.run("up", expect=0)
    assert (obeyed(one), obeyed(two)) == (1, 3)
    for fleet in (one, two):
        fleet.run("diff", expect=0)
    one.repo.git("rm", "-q", "desired-state/web-demo/agents/torch.yaml")
    one.repo.write(
        "web-demo/agents/anvil.yaml",
        (two.repo.path / "desired-state/web-demo-2/agents/torch.yaml")
        .read_text()
        .replace("name: torch", "name: anvil"),
    )
    one.commit()
    one.until(lambda: one.sessions() == {"web-demo/anvil", "web-demo-2/torch"}, "one's alone")
    assert one.pids()["web-demo-2/torch"] == before["web-demo-2/torch"]


def test_consent_is_handed_over_whole(up: Fleet) -> None:
    pid = daemon(up)
    os.kill(pid, signal.SIGSTOP)
    up.agent("anvil")
    up.commit()
    child = up.start("apply", "--now")
    up.until(up.state.confirmed.exists, "it is left for the daemon")
    assert up.state.confirmed.read_text() == '{"word": "", "now": true}'
    os.kill(pid, signal.SIGCONT)
    assert child.wait(timeout=LIMIT_S) == 0
    assert not up.state.confirmed.exists()
    assert "web/anvil" in up.sessions()
