"""Runs as they are listed: from refs alone, in few processes, whoever wrote those refs."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git.judge.queue import LOCK, turn
from reconciler.adapters.git.judge.runwork import begin, commits, files, patch
from reconciler.model.promotion import Ask, Candidate, Proof, State
from reconciler.model.unit import Training
from tests.adapters.git.runbed import ADA, Bed


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


class CountedGit:
    """A git on PATH that writes down each time it is started."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "log"
        real = shutil.which("git")
        place = folder / "bin"
        place.mkdir()
        (place / "git").write_text(f'#!/bin/sh\necho "$@" >> {self.log}\nexec {real} "$@"\n')
        (place / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")

    def calls(self) -> list[str]:
        found = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        return found


def test_many_runs_are_listed_in_two_processes(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in range(2, 12):
        bed.work(f"{run}\n")
        if run % 3:
            bed.promote()
        bed.begin(run)
    bed.repo.git("update-ref", "refs/novaorch/kept/shop/torch/1", bed.tip())
    counted = CountedGit(tmp_path, monkeypatch)
    yard = bed.yard()
    counted.calls()
    found = yard.runs()
    assert len(counted.calls()) == 2
    assert [known.run.number for known in found.runs] == list(range(1, 12))
    assert {known.state for known in found.runs} == {State.OPEN, State.PROMOTED}
    assert [kept.name for kept in found.kept] == ["shop/torch/1"]


def test_counts_and_hours(bed: Bed) -> None:
    assert bed.known().empty
    bed.work("1\n")
    bed.change(3, "three")
    bed.main(12, "twelve")
    known = bed.known()
    assert (known.run.commits, known.state, known.target) == (2, State.OPEN, "main")
    assert known.run.began > 0


def test_refs_that_are_no_runs_are_passed_over(bed: Bed) -> None:
    bed.work("1\n")
    tip = bed.tip()
    for name in ("heads/training/q", "heads/training/shop/w", "heads/training/shop/x/01",
                 "heads/training/shop/x/y", "heads/training/Shop/x/1", "heads/training/-x/y/1",
                 "heads/training/a/b/1/2", "novaorch/archive/shop/torch/one",
                 "novaorch/archive/a/b/9999999999", "novaorch/conflict/no/run/1"):  # fmt: skip
        bed.repo.git("update-ref", f"refs/{name}", tip)
    found = bed.yard().runs()
    assert [known.name for known in found.runs] == ["shop/torch/1"]


def test_an_archive_that_nobody_of_us_wrote_decides_nothing(bed: Bed) -> None:
    tip = bed.work("1\n")
    bed.repo.git("update-ref", "refs/novaorch/archive/shop/torch/1", tip)
    assert bed.known().state is State.OPEN
    bed.promote()
    assert bed.known().state is State.PROMOTED


def test_a_commit_without_words_of_ours_counts_too(bed: Bed) -> None:
    (bed.tree / "own").write_text("x\n")
    bed.at("add", "--all")
    bed.at("commit", "--quiet", "-m", "by itself")
    assert bed.known().run.commits == 1
    bed.promote()
    assert "own" in bed.files()


def test_what_a_run_changes(bed: Bed) -> None:
    bed.change(3, "three")
    bed.work("1\n2\n")
    (bed.tree / "b.bin").write_bytes(b"\0\1")
    bed.work("x\n", "näme\twith tab")
    bed.main(12, "twelve")
    yard, known = bed.yard(), bed.known()
    start = begin(yard.room, known, bed.tip())
    assert start == bed.base
    found = {file.path: (file.added, file.deleted) for file in files(yard.room, known, start)}
    assert found == {
        "app.txt": (1, 1), "new.txt": (2, 0), "b.bin": (-1, -1), "näme\twith tab": (1, 0),
    }  # fmt: skip
    text = patch(yard.room, known, start)
    assert "+three" in text
    assert "twelve" not in text
    works = commits(yard.room, known, start)
    assert [work.noted.number for work in works if work.noted] == [1, 2, 3]
    bed.promote()
    ended = bed.known()
    assert begin(yard.room, ended, bed.tip()) == start, "the verdict remembers it"


# -- one at a time --------------------------------------------------------------------------------


def hold(folder: Path, name: str, until: Path, log: Path) -> None:
    def say(text: str) -> None:
        with log.open("a") as file:
            file.write(f"{text}\n")

    with turn(folder, name, say):
        say(f"{name} has it")
        (folder / f"{name.replace('/', '-')}.in").touch()
        while not until.exists():
            time.sleep(0.01)
        say(f"{name} lets go")


def wait(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists()


def test_the_second_waits_and_is_told_for_whom(tmp_path: Path) -> None:
    log, go = tmp_path / "log", tmp_path / "go"
    spawn = multiprocessing.get_context("fork")
    first = spawn.Process(target=hold, args=(tmp_path, "shop/torch/1", go, log))
    first.start()
    wait(tmp_path / "shop-torch-1.in")
    second = spawn.Process(target=hold, args=(tmp_path, "shop/anvil/4", go, log))
    second.start()
    end = time.monotonic() + 20
    while "waiting" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.01)
    go.touch()
    first.join(20)
    second.join(20)
    lines = log.read_text().splitlines()
    assert lines == [
        "shop/torch/1 has it",
        f"waiting for shop/torch/1 (pid {first.pid}), which is being promoted here",
        "shop/torch/1 lets go",
        "shop/anvil/4 has it",
        "shop/anvil/4 lets go",
    ]


def test_whoever_is_killed_has_it_no_more(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    args = (tmp_path, "shop/torch/1", tmp_path / "never", tmp_path / "log")
    first = spawn.Process(target=hold, args=args)
    first.start()
    wait(tmp_path / "shop-torch-1.in")
    first.kill()
    first.join(20)
    said: list[str] = []
    with turn(tmp_path, "shop/anvil/4", said.append):
        assert said == []
    assert (tmp_path / LOCK).exists()


# -- for people to merge --------------------------------------------------------------------------


class Forge:
    """A bare remote that lets nobody push to main."""

    def __init__(self, bed: Bed) -> None:
        self.bed, self.path = bed, bed.folder / "forge"
        bed.repo.git("clone", "--quiet", "--bare", str(bed.repo.path), str(self.path))
        hook = self.path / "hooks" / "update"
        hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/main || exit 1\n')
        hook.chmod(0o755)

    def push(self, commit: str, name: str) -> None:
        self.bed.repo.git("push", "--quiet", str(self.path), f"{commit}:refs/heads/{name}")

    def merge(self, name: str, how: str) -> str:
        """Merge as people do there; return where main is then."""
        clone = self.bed.folder / f"clone-{how}"
        git = self.bed.repo.git
        git("clone", "--quiet", str(self.path), str(clone))
        git("-C", str(clone), "merge", "--quiet", f"--{how}", f"origin/{name}")
        if how == "squash":
            git("-C", str(clone), "commit", "--quiet", "-m", "by people")
        (self.path / "hooks" / "update").unlink()
        git("-C", str(clone), "push", "--quiet", "origin", "HEAD:main")
        git("fetch", "--quiet", str(self.path), "main:refs/novaorch/remote/main")
        return git("rev-parse", "refs/novaorch/remote/main")


@pytest.mark.parametrize("how", ["ff-only", "no-ff", "squash"])
@pytest.mark.parametrize("policy", ["squash", "merge"])
def test_a_protected_branch(bed: Bed, how: str, policy: str) -> None:
    forge = Forge(bed)
    bed.change(3, "three")
    bed.change(4, "four")
    before = bed.tip()
    yard = bed.yard()
    yard.push = forge.push
    bed.prover.proof = Proof(1, 1)
    done = bed.promotions(yard).promote(Ask("shop/torch/1", ADA, publish=True), Training(policy))
    assert done.pushed_as == "novaorch/promote/shop/torch/1"
    assert bed.tip() == before
    assert len(bed.prover.asked) == 1
    known = bed.known()
    assert (known.state, known.pushed) == (State.PUSHED, done.result)
    forge.merge(done.pushed_as, how)
    assert yard.landing(bed.known()) is not None
    ended = bed.promote()
    assert bed.tip() == before, "the user's own branch is for the user to pull"
    assert bed.known().state is State.PROMOTED
    assert ended.archive
    assert bed.tip("refs/novaorch/pushed/shop/torch/1") == ""


def test_more_work_after_a_push_is_open_again_and_nothing_is_forced(bed: Bed) -> None:
    forge = Forge(bed)
    bed.change(3, "three")
    yard = bed.yard()
    yard.push = forge.push
    asked = Ask("shop/torch/1", ADA, publish=True)
    first = bed.promotions(yard).promote(asked, Training())
    again = bed.promotions(yard).promote(asked, Training())
    assert (again.pushed_as, again.result) == (first.pushed_as, first.result)
    bed.change(4, "four")
    assert bed.known().state is State.OPEN
    second = bed.promotions(yard).promote(asked, Training())
    assert second.pushed_as.startswith(f"{first.pushed_as}-")
    assert bed.known().state is State.PUSHED


def test_a_candidate_is_laid_out_raw_and_leads_nowhere(bed: Bed, tmp_path: Path) -> None:
    (bed.tree / ".gitattributes").write_text("*.txt text eol=crlf export-ignore\n")
    (bed.tree / "link").symlink_to("/etc/passwd")
    (bed.tree / "tool").write_text("x")
    (bed.tree / "tool").chmod(0o755)
    bed.work("1\n")
    folder = tmp_path / "laid"
    folder.mkdir()
    tree = bed.repo.git("rev-parse", "training/shop/torch/1^{tree}")
    bed.yard().lay_out(Candidate("", tree, "", 1), folder)
    there = sorted(path.name for path in folder.iterdir())
    assert there == [".gitattributes", "app.txt", "link", "new.txt", "other.txt", "tool"]
    assert b"\r" not in (folder / "app.txt").read_bytes()
    assert (folder / "link").is_symlink()
    assert os.access(folder / "tool", os.X_OK)
