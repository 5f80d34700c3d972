"""Long walks of agents, people and verdicts in any order: nothing is ever lost or taken back."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.problems import RefusedError, SourceError
from reconciler.model.promotion import Move, State
from tests.adapters.git.runbed import Bed

STEPS = 14


class Walk:
    """One walk: everything that happens is chosen by a seed."""

    def __init__(self, bed: Bed, seed: int) -> None:
        self.bed, self.chance = bed, random.Random(seed)
        self.commits: list[str] = []
        self.mains = [bed.base]
        self.count = 0
        self.told: list[str] = []

    def step(self) -> None:
        acts: list[Callable[[], None]] = [
            self.works, self.works, self.works, self.person, self.promotes, self.promotes,
            self.promotes, self.rejects, self.merges_main, self.begins, self.merged_by_hand,
        ]  # fmt: skip
        act = self.chance.choice(acts)
        self.told.append(act.__name__)
        act()
        self.check()

    def works(self) -> None:
        self.count += 1
        if self.chance.random() < 0.4:
            self.commits.append(self.bed.work(f"{self.count}\n", f"file{self.count % 5}.txt"))
        else:
            line = self.chance.randrange(20)
            self.commits.append(self.bed.change(line, f"agent {self.count}"))

    def person(self) -> None:
        self.count += 1
        self.mains.append(self.bed.main(self.chance.randrange(20), f"person {self.count}"))

    def promotes(self) -> None:
        before = self.bed.known()
        policy = self.chance.choice(["squash", "merge", "ff"])
        self.told[-1] += f" {policy}"
        try:
            done = self.bed.promote(policy)
        except RefusedError:
            return
        except SourceError as error:
            self.told[-1] += error.what
            return
        if done.clashes:
            assert self.bed.tip() == self.mains[-1]
            assert self.bed.known().state is State.CONFLICT
            return
        if done.move is not Move.NOTHING:
            assert self.bed.known().state is State.PROMOTED
            assert before.state is not State.PROMOTED
        self.mains.append(self.bed.tip())

    def rejects(self) -> None:
        if self.chance.random() < 0.5:
            self.bed.reject("no")

    def merges_main(self) -> None:
        self.bed.at("merge", "--quiet", "--no-edit", "main", ok=False)
        if self.bed.at("diff", "--name-only", "--diff-filter=U"):
            self.bed.at("checkout", "--quiet", "--theirs", ".", ok=False)
            self.bed.at("add", "--all")
            self.bed.at("commit", "--quiet", "--no-edit")
        self.commits.append(self.bed.at("rev-parse", "HEAD"))

    def begins(self) -> None:
        if self.bed.known().state in (State.PROMOTED, State.REJECTED):
            self.bed.begin(self.bed.run + 1)

    def merged_by_hand(self) -> None:
        if self.chance.random() < 0.5:
            return
        self.bed.repo.git("merge", "--quiet", "--no-edit", f"training/shop/torch/{self.bed.run}",
                          ok=False)  # fmt: skip
        if self.bed.repo.git("diff", "--name-only", "--diff-filter=U"):
            self.bed.repo.git("merge", "--abort")
        self.mains.append(self.bed.tip())

    def check(self) -> None:
        """Every commit of the agent is kept by a ref; the target only ever grew; files agree."""
        kept = set(self.bed.repo.git("rev-list", "--all").split())
        assert [one for one in self.commits if one not in kept] == [], self.told
        line = set(self.bed.repo.git("rev-list", "main").split())
        assert [one for one in self.mains if one not in line] == [], self.told
        assert self.bed.clean(), self.told
        assert not self.bed.at("status", "--porcelain"), self.told


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_ever_lost(tmp_path: Path, seed: int) -> None:
    bed = Bed(tmp_path)
    walk = Walk(bed, seed)
    try:
        for _ in range(STEPS):
            walk.step()
    finally:
        bed.close()
    assert any(word.startswith("promotes") for word in walk.told)
