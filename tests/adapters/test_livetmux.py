"""A real session on a private server, read through libtmux."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from reconciler.adapters.livetmux import snapshot
from reconciler.model.problems import NovaorchError

Tmux = Callable[..., str]


@pytest.fixture
def tmux(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    """Run tmux on a private server; libtmux finds the same one through the environment."""
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        for name, value in {"TMUX_TMPDIR": folder, "HOME": folder, "SHELL": "/bin/sh"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("TMUX", raising=False)

        def run(*words: str) -> str:
            argv = ["tmux", "-L", "live", "-f", "/dev/null", *words]
            return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

        run("new-session", "-d", "-s", "one two", "-x", "100", "-y", "30", "-c", "/usr")
        try:
            yield run
        finally:
            run("kill-server")


def test_windows_panes_and_their_own_options(tmux: Tmux) -> None:
    tmux("set-option", "-g", "repeat-time", "7")
    tmux("set-option", "-t", "=one two:", "mouse", "on")
    tmux("new-window", "-t", "=one two:5", "-n", "work", "-c", "/tmp", 'sleep "1000"')
    tmux("split-window", "-h", "-t", "=one two:5", "-c", "/usr", "--", "sleep", "2000")
    tmux("set-option", "-w", "-t", "=one two:5", "pane-border-style", "fg=red,bg=blue")
    deadline = time.monotonic() + 10
    while "sleep" not in tmux("list-panes", "-t", "=one two:5", "-F", "#{pane_current_command}"):
        assert time.monotonic() < deadline
    live = snapshot("live", "one two")
    assert (live.name, live.columns, live.rows) == ("one two", 100, 30)
    assert ("mouse", "on") in live.options
    assert "repeat-time" not in dict(live.options)
    first, work = live.windows
    assert (first.named, first.active, first.panes[0].started_with) == (False, False, "")
    assert (work.index, work.name, work.named, work.active) == (5, "work", True, True)
    assert dict(work.options)["pane-border-style"] == "fg=red,bg=blue"
    assert work.layout.startswith(tmux("display", "-p", "-t", "=one two:5", "#{window_layout}")[:9])
    assert [pane.active for pane in work.panes] == [False, True]
    assert [pane.path for pane in work.panes] == ["/tmp", "/usr"]
    assert all(pane.started_with for pane in work.panes)


def test_a_name_is_the_whole_name(tmux: Tmux) -> None:
    with pytest.raises(NovaorchError) as caught:
        snapshot("live", "one")
    assert "one two" in caught.value.why


def test_no_server() -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(NovaorchError):
        snapshot(f"{folder}/nothing", "one")
