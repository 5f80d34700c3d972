"""What every test stands on: a home, a git configuration and a tmux folder of its own.

At the end of the run, whatever process a test left behind is named, ended, and fails the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.git.sandbox import Sandbox

RUN = "PYTEST_NOVAORCH_RUN"
"""Names the folder of this run; every process that a test starts carries it, or lives in it."""

PATIENCE_S = 5.0


def pytest_configure() -> None:
    """Make one folder for the run; the workers of a parallel run find it in their environment."""
    if RUN not in os.environ:
        os.environ[RUN] = tempfile.mkdtemp(prefix="nvt-", dir="/tmp")
        os.environ["_" + RUN] = str(os.getpid())
    tempfile.tempdir = os.environ[RUN]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what may take longest, so that at the end nobody waits for a single worker."""
    items.sort(key=_patience, reverse=True)


def _patience(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None else 0.0


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a process of its tests is still there."""
    if os.environ.get("_" + RUN) != str(os.getpid()):
        return
    left = _left_behind()
    deadline = time.monotonic() + PATIENCE_S
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _left_behind()
    for pid, what in left.items():
        print(f"\nleft behind by a test: {pid} {what}")
        os.kill(pid, signal.SIGKILL)
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(os.environ[RUN], ignore_errors=True)
    del os.environ[RUN], os.environ["_" + RUN]


def _left_behind() -> dict[int, str]:
    """Return the processes of this run besides pytest itself: pid, command line, guilty test."""
    run = os.fsencode(os.environ[RUN])
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            line, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        ours = run in line or run in environ
        if not ours or pid in (os.getpid(), os.getppid()) or _is_pytest(line):
            continue
        test = environ.partition(b"PYTEST_CURRENT_TEST=")[2].partition(b"\0")[0]
        found[pid] = b" ".join((*line.split(b"\0"), test)).decode("utf-8", "replace")
    return found


def _is_pytest(line: bytes) -> bool:
    return b"execnet" in line or b"pytest" in line


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short path that is HOME, XDG and TMUX_TMPDIR. Hides the user's own."""
    folder = Path(tempfile.mkdtemp(prefix="t"))
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    foreign = ("GIT_", "NOVAORCH", "XDG_", "TMUX", "REDIS")
    for name in [name for name in os.environ if name.startswith(foreign)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("TMUX_TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def repo(tmp_path: Path) -> Sandbox:
    """An empty repository, with an author set, on the branch `main`."""
    return Sandbox(tmp_path / "repo")
