"""The recorder in a process of its own does what it does in this one, and dies as harmlessly."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.adapters.git.record.apart import Apart
from reconciler.adapters.git.record.serving import Tidy
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, SourceError
from reconciler.model.training import Turn
from reconciler.model.unit import Training
from reconciler.model.workspace import SeenWorkspace
from tests.adapters.git.studio import Studio
from tests.adapters.processes import gone

ROOT = Path(__file__).parents[3]


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart(None, b"k" * 32)
    yield made
    made.close()


def a_turn(agent: str = "torch") -> Turn:
    return Turn(UnitId(f"shop/agent/{agent}"), 1_800_000_000.0, prompt="go on")


def test_it_records_as_the_recorder_does(studio: Studio, apart: Apart) -> None:
    assert apart.pid is None, "no process before anything is asked"
    studio.write("new.py", "precious\n")
    word = apart.fingerprint(studio.seen)
    made = apart.record(studio.seen, Training(), a_turn())
    assert made is not None
    assert made.commit == studio.tip()
    assert studio.content(made.commit, "new.py") == "precious"
    assert apart.fingerprint(studio.seen) == word
    assert apart.record(studio.seen, Training(), a_turn()) is None
    assert apart.pid not in (None, os.getpid())


def test_an_error_comes_over_with_its_mend(studio: Studio, apart: Apart) -> None:
    lost = SeenWorkspace(studio.seen.unit, "/nowhere/at/all", str(studio.common), "training/x/y/1")
    with pytest.raises(SourceError) as caught:
        apart.record(lost, Training(), a_turn())
    studio.seen = lost
    with pytest.raises(SourceError) as wanted:
        studio.record()
    same = (caught.value.what, caught.value.why, caught.value.fix)
    assert same == (wanted.value.what, wanted.value.why, wanted.value.fix)
    assert all(same)


def test_many_trees_at_once_are_each_their_own(studio: Studio, apart: Apart) -> None:
    trees = {name: studio.tree_of(name) for name in ("a", "b", "c", "d", "e", "f")}
    for name, seen in trees.items():
        Path(seen.path, "who.txt").write_text(name)

    def record(name: str) -> str:
        made = apart.record(trees[name], Training(), a_turn(name))
        assert made is not None
        return made.commit

    with ThreadPoolExecutor(len(trees)) as pool:
        commits = dict(zip(trees, pool.map(record, trees), strict=True))
    for name, commit in commits.items():
        assert studio.content(commit, "who.txt") == name
        assert studio.tip(f"refs/heads/{trees[name].branch}") == commit


def test_killed_in_the_middle_it_says_so_and_the_next_turn_is_recorded(
    studio: Studio, apart: Apart
) -> None:
    apart.fingerprint(studio.seen)
    pid = apart.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    studio.write("new.py", "precious\n")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(apart.record, studio.seen, Training(), a_turn())
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        error = waiting.exception(10)
    assert isinstance(error, BlindError)
    assert "nothing is lost" in error.fix
    made = apart.record(studio.seen, Training(), a_turn())
    assert made is not None
    assert studio.content(made.commit, "new.py") == "precious"
    assert apart.pid != pid


def test_killed_at_rest_nobody_notices(studio: Studio, apart: Apart) -> None:
    apart.fingerprint(studio.seen)
    pid = apart.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    time.sleep(0.1)
    assert apart.fingerprint(studio.seen)


def test_signals_for_its_owner_are_not_for_it(studio: Studio, apart: Apart) -> None:
    apart.fingerprint(studio.seen)
    pid = apart.pid
    assert pid is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert apart.fingerprint(studio.seen)
    assert apart.pid == pid


def test_closing_finishes_what_was_asked(studio: Studio, apart: Apart) -> None:
    studio.write("new.py", "precious\n")
    apart.fingerprint(studio.seen)
    pid = apart.pid
    assert pid is not None
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(apart.record, studio.seen, Training(), a_turn())
        time.sleep(0.005)
        apart.close()
        recorded = made.result(10)
    assert recorded is not None
    assert recorded.commit == studio.tip()
    assert not Path(f"/proc/{pid}").exists()
    assert apart.fingerprint(studio.seen), "and what is asked next begins another"


OWNER = textwrap.dedent(
    """
    import sys, time
    from reconciler.adapters.git.record.apart import Apart
    from reconciler.model.ids import UnitId
    from reconciler.model.workspace import SeenWorkspace

    unit, path, common, branch = sys.argv[1:]
    apart = Apart(None, b"k" * 32)
    apart.fingerprint(SeenWorkspace(UnitId(unit), path, common, branch))
    print(apart.pid, flush=True)
    time.sleep(60)
    """
)


def test_it_does_not_outlive_its_owner(studio: Studio) -> None:
    seen = studio.seen
    words = [str(seen.unit), seen.path, seen.repository, seen.branch]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    try:
        pid = int(owner.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    gone(pid)


def test_a_process_that_cannot_begin_is_an_error_and_not_a_wait(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.adapters.git.record.apart.MODULE", "reconciler.no_such_module")
    apart = Apart(None, b"k" * 32)
    try:
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(BlindError, match="ended in the middle"):
                apart.fingerprint(studio.seen)
        assert time.monotonic() - began < 20
    finally:
        apart.close()


class Knot:
    """Something that only a look for garbage takes away."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_looked_for_in_a_quiet_moment_or_after_very_much() -> None:
    try:
        tidy = Tidy(grown_max=10_000)
        gc.collect()
        knot = weakref.ref(Knot())
        tidy.may(quiet=False)
        assert knot() is not None, "somebody may be waiting"
        tidy.may(quiet=True)
        assert knot() is None
        knot = weakref.ref(Knot())
        held: list[list[int]] = []
        while knot() is not None and len(held) < 20_000:
            held.append([])
            tidy.may(quiet=False)
        assert 9_000 < len(held) <= 10_000, "no quiet moment came"
    finally:
        gc.enable()


def test_what_a_commit_leaves_behind_goes_by_itself(studio: Studio) -> None:
    def commit(number: int) -> None:
        studio.write("new.py", f"number = {number}\n")
        assert studio.recorder.record(studio.seen, Training(), a_turn()) is not None

    for number in range(3):
        commit(number)
    gc.collect()
    gc.disable()
    try:
        for number in range(10, 20):
            commit(number)
        assert gc.collect() < 10, "less than an object a commit needs to be looked for"
    finally:
        gc.enable()
