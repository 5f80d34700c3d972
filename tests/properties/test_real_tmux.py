"""The same work on a real tmux ends where it ends on the pretended one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.tmux import Tmux
from reconciler.loop.converge import converge
from reconciler.loop.cycle import Ports, think
from reconciler.model.unit import Desired
from tests.bench import Bench, Wish, said, shape_of
from tests.properties.test_crash import WORKS

NAMES = [name for name, work in WORKS.items() if work.event.__name__ == "nothing"]


def real(wish: Desired) -> Desired:
    """The same wish, with programs that are there; what they are is told apart by a variable."""
    processes = {
        unit: replace(
            process,
            launch=replace(
                process.launch,
                argv=("sleep", "1000") if process.launch.argv else (),
                directory="/",
                env=(("WHAT", "".join(process.launch.argv)),),
            ),
        )
        for unit, process in wish.processes.items()
    }
    return replace(wish, processes=processes)


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    folder = Path(tempfile.mkdtemp(prefix="nv"))  # a socket's path must be short
    environ = {key: value for key, value in os.environ.items() if key != "TMUX"}
    environ |= {"TMUX_TMPDIR": str(folder), "HOME": str(folder)}
    host = Tmux("works", fleet="f", environ=environ)
    yield host
    host.close()
    subprocess.run(["tmux", "-L", "works", "kill-server"], env=environ, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def apply(ports: Ports) -> None:
    for _ in range(8):
        done = converge(ports, think(ports), lambda _: None)
        assert not done.failed, [(o.action.unit, o.error) for o in done.failed]
        if not done.after.plan.moves:
            return
    raise AssertionError(said(done.after.plan.actions))


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")
@pytest.mark.parametrize("name", NAMES)
def test_a_real_server_ends_as_the_pretended_one(name: str, tmux: Tmux) -> None:
    work, wish = WORKS[name], Wish(real(WORKS[name].before))
    ports = Ports(tmux, wish, SystemClock())
    apply(ports)
    wish.wish = real(work.after)
    apply(ports)
    pretended = Bench(work.before).run().run(work.after)
    seen = [s for s in tmux.photograph(0).sessions if s.mark is not None]
    assert shape_of(seen) == pretended.shape()
    assert think(ports).plan.actions == ()
