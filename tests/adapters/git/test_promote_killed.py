"""Killed at any boundary, the same words again end the same way, and nothing is lost or doubled.

A git on PATH ends whoever started it, by KILL, right before or right after one of its calls that
write; so every boundary is one that a real crash can have.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.loop.promotion import Promotions
from reconciler.model.promotion import Ask, Candidate, Facts, Proof, State
from reconciler.model.unit import Training
from tests.adapters.git.runbed import ADA, Bed, Clock

WRITES = "hash-object|update-ref|read-tree|update-index|merge-tree"


class DeadlyGit:
    """A git that kills its parent at the n-th call that writes; 0: at none."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.fatal = folder / "count", folder / "fatal"
        real, place = shutil.which("git"), folder / "deadly"
        place.mkdir()
        (place / "git").write_text(
            f"""#!/bin/sh
hit=no
for word in "$@"; do case "$word" in {WRITES}) hit=yes ;; esac; done
if [ $hit = no ]; then exec {real} "$@"; fi
n=$(($(cat {self.count}) + 1)); echo $n > {self.count}
if [ "before $n" = "$(cat {self.fatal})" ]; then kill -9 $PPID; exit 1; fi
{real} "$@"; code=$?
if [ "after $n" = "$(cat {self.fatal})" ]; then kill -9 $PPID; fi
exit $code
"""
        )
        (place / "git").chmod(0o755)
        self.path = f"{place}:{os.environ['PATH']}"
        self.usual = os.environ["PATH"]
        self._set = monkeypatch.setenv
        self.arm("")

    def arm(self, fatal: str) -> None:
        self.count.write_text("0")
        self.fatal.write_text(f"{fatal}\n")

    def on(self, really: bool) -> None:
        self._set("PATH", self.path if really else self.usual)

    def calls(self) -> int:
        return int(self.count.read_text())


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


def in_a_process(bed: Bed, policy: str) -> int:
    """Promote in a process of its own; return how it ended: 0, or minus the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        bed.promote(policy)
        code = 0
    finally:
        bed.close()
        os._exit(code)


@pytest.mark.parametrize("policy", ["squash", "ff"])
def test_every_boundary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    git = DeadlyGit(tmp_path, monkeypatch)
    boundaries = _boundaries(tmp_path / "count-them", git, policy)
    assert boundaries >= 5
    kills = 0
    for n in range(1, boundaries + 1):
        for word in ("before", "after"):
            bed = _ready(tmp_path / f"{word}{n}")
            git.arm(f"{word} {n}")
            git.on(True)
            ended = in_a_process(bed, policy)
            git.on(False)
            assert ended == -signal.SIGKILL, (word, n)
            kills += 1
            _all_there(bed)
            assert in_a_process(bed, policy) == 0, (word, n)
            _as_if_nothing_had_happened(bed, (word, n))
            bed.close()
    assert kills == 2 * boundaries


def _ready(folder: Path) -> Bed:
    bed = Bed(folder)
    bed.change(3, "three")
    bed.work("1\n")
    bed.main(12, "twelve")
    return bed


def _boundaries(folder: Path, git: DeadlyGit, policy: str) -> int:
    bed = _ready(folder)
    git.arm("")
    git.on(True)
    assert in_a_process(bed, policy) == 0
    git.on(False)
    _as_if_nothing_had_happened(bed, ("never", 0))
    bed.close()
    return git.calls()


def _all_there(bed: Bed) -> None:
    """Right after a kill: the run's work is reachable, and no work tree lost a byte."""
    kept = [ref for ref in bed.refs() if ref.startswith(("refs/heads/training", "refs/novaorch/a"))]
    assert kept
    assert "three" in (bed.tree / "app.txt").read_text()
    assert "twelve" in (bed.repo.path / "app.txt").read_text()


def _as_if_nothing_had_happened(bed: Bed, when: tuple[str, int]) -> None:
    known = bed.known()
    assert known.state is State.PROMOTED, when
    lines = (bed.repo.path / "app.txt").read_text().splitlines()
    assert (lines[3], lines[12]) == ("three", "twelve"), when
    assert (bed.repo.path / "new.txt").read_text() == "1\n", when
    assert bed.clean(), when
    subjects = bed.repo.git("log", "--format=%s", f"{bed.base}..main").splitlines()
    assert len(subjects) == len(set(subjects)), f"{when}: nothing is there twice"
    assert known.run.result, when
    assert bed.repo.git("merge-base", "--is-ancestor", known.run.result, "main") == "", when


def test_killed_while_the_gate_was_asked(bed: Bed) -> None:
    bed.work("1\n")
    before = bed.refs()

    def die(_facts: Facts, _made: Candidate) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    bed.prover.meanwhile = die
    assert in_a_process(bed, "squash") == -signal.SIGKILL
    assert bed.refs() == before
    assert bed.clean()
    bed.prover.meanwhile = lambda _f, _m: None
    bed.prover.proof = Proof(1, 1)
    bed.promote()
    assert bed.known().state is State.PROMOTED


def test_a_reader_of_files_that_was_cut_off_in_the_middle(bed: Bed) -> None:
    """git itself died between two files: some are new, the index is not."""
    bed.change(3, "three")
    bed.work("1\n")
    bed.work("2\n", "more/second.txt")
    (bed.repo.path / "new.txt").write_text("1\n")
    (bed.repo.path / "app.txt").write_text((bed.tree / "app.txt").read_text())
    bed.promote()
    assert bed.clean()
    assert (bed.repo.path / "more" / "second.txt").read_text() == "2\n"


def test_but_one_byte_more_is_somebodys_work(bed: Bed) -> None:
    bed.change(3, "three")
    (bed.repo.path / "app.txt").write_text((bed.tree / "app.txt").read_text() + "mine\n")
    with pytest.raises(Exception, match="not committed"):
        bed.promote()
    assert (bed.repo.path / "app.txt").read_text().endswith("mine\n")


def test_two_at_once_through_one_door(bed: Bed) -> None:
    """Without the queue, the compare-and-swap alone lets each be whole."""
    bed.work("1\n")
    yard = bed.yard()
    other = Promotions(bed.yard(), bed.prover, bed.bench, Clock(), bed.said.append)

    def meanwhile(_facts: Facts, _made: Candidate) -> None:
        bed.prover.meanwhile = lambda _f, _m: None
        other.promote(Ask("shop/torch/1", ADA), Training())

    bed.prover.meanwhile = meanwhile
    bed.promotions(yard).promote(Ask("shop/torch/1", ADA), Training())
    assert len(bed.repo.git("log", "--format=%H", f"{bed.base}..main").splitlines()) == 1
    assert bed.known().state is State.PROMOTED
