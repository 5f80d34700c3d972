"""A real tmux server of one's own for each test: private socket folder, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.tmux import Tmux
from reconciler.model.action import Expect
from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_text
from reconciler.model.step import NewPane, NewWindow, OpenSession, Step
from reconciler.model.unit import Launch
from reconciler.model.world import FrameMark, PaneMark, SeenPane, SeenSession, World
from reconciler.ports import Order, Receipt

BINARY = os.environ.get("NOVAORCH_TEST_TMUX", "tmux")
SLEEP = ("sleep", "100000")
FLEET = "demo"


class Box:
    """One private tmux world: its folder, its environment, and adapters upon it."""

    def __init__(self, folder: str, mode: str) -> None:
        self.folder, self.mode = folder, mode
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TMUX_TMPDIR": folder,
        }
        self.open: list[Tmux] = []
        self.events: list[str] = []
        self.host = self.make()

    def make(self, **more: Any) -> Tmux:
        settings: dict[str, Any] = {"fleet": FLEET, "mode": self.mode, "environ": self.environ}
        host = Tmux("t", **(settings | {"binary": BINARY} | more))
        self.open.append(host)
        return host

    def tmux(self, *words: str, check: bool = True) -> str:
        """Run a plain client, as a person would."""
        done = subprocess.run(
            [BINARY, "-u", "-L", "t", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout

    def foreign(self, name: str = "theirs", *words: str) -> None:
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", name, *words, *SLEEP)

    def server_pid(self) -> int:
        return int(self.tmux("display-message", "-p", "#{pid}"))

    def perform(self, *orders: Order) -> list[Receipt]:
        return list(self.host.perform(orders))

    def do(self, *steps: Step, expects: tuple[Expect, ...] = ()) -> Receipt:
        return self.perform(Order(unit("x"), steps, expects))[0]

    def world(self) -> World:
        return self.host.photograph(1.0)

    def session(self, name: str) -> SeenSession:
        return next(s for s in self.world().sessions if s.name == name)

    def pane(self, name: str) -> SeenPane:
        return self.session(name).windows[0].panes[0]

    def until(self, true: Callable[[], bool], timeout_s: float = 10.0) -> None:
        end = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < end, "did not come true in time"
            time.sleep(0.01)

    def destroy(self) -> None:
        for host in self.open:
            host.close()
        for found in Path(self.folder).glob("tmux-*/*"):
            words = [BINARY, "-S", str(found)]
            done = subprocess.run(
                [*words, "display-message", "-p", "#{pid}"], capture_output=True, check=False
            )
            subprocess.run([*words, "kill-server"], capture_output=True, check=False, timeout=20)
            if done.stdout.strip().isdigit():
                _gone(int(done.stdout))
        shutil.rmtree(self.folder, ignore_errors=True)


def _gone(pid: int) -> None:
    for _ in range(500):
        if not living(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def living(pid: int) -> bool:
    """Whether a process runs; the dead that nobody has buried yet do not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture(params=["auto", "plain"])
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    """The contract is the same both ways."""
    made = Box(tempfile.mkdtemp(prefix="nova-", dir="/tmp"), request.param)
    try:
        yield made
    finally:
        made.destroy()


@pytest.fixture
def fast() -> Iterator[Box]:
    """Control mode only."""
    made = Box(tempfile.mkdtemp(prefix="nova-", dir="/tmp"), "auto")
    try:
        yield made
    finally:
        made.destroy()


def unit(name: str) -> UnitId:
    return UnitId(f"proj/agent/{name}")


def mark(name: str, **more: Any) -> PaneMark:
    return PaneMark(FLEET, unit(name), "d" * 16, "c" * 40, **more)


def pane(name: str, argv: tuple[str, ...] | None = SLEEP, **launch: Any) -> NewPane:
    if argv is None:
        return NewPane(mark(name, placeholder=True), None, "")
    settings: dict[str, Any] = {"directory": "/tmp"} | launch
    return NewPane(mark(name), Launch(argv, **settings), f'{{"name":"{name}"}}')


def window(key: str, *panes: NewPane, layout: str = "", **more: Any) -> NewWindow:
    return NewWindow(key, key, layout, panes, **more)


def opening(name: str, *windows: NewWindow, **more: Any) -> OpenSession:
    frame = FrameMark(FLEET, unit(name), "d" * 16, "c" * 40)
    values: dict[str, Any] = {"columns": 120, "rows": 40, "history_lines": 10_000} | more
    return OpenSession(
        name=name, mark=frame_text(frame), applied='{"frame":true}', windows=windows, **values
    )


def order(name: str, argv: tuple[str, ...] = SLEEP, *, session: str = "", **launch: Any) -> Order:
    step = opening(session or name, window("main", pane(name, argv, **launch)))
    return Order(unit(name), (step,))


def expect(seen: SeenPane) -> Expect:
    assert seen.mark is not None
    return Expect(seen.pane_id, seen.pid, seen.dead, seen.mark.unit, seen.mark.digest)


def environment(pid: int) -> Mapping[str, str]:
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "surrogateescape")
    return dict(word.split("=", 1) for word in raw.split("\0") if "=" in word)


def argv_of(pid: int) -> list[str]:
    raw = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape")
    return raw.split("\0")[:-1]


def running_in_group(group: int) -> list[int]:
    """The living of a process group; the dead that nobody has buried yet do not count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text(errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[2]) == group and words[0] != "Z":
            found.append(int(entry.parent.name))
    return found
