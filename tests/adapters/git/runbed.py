"""A repository in which an agent has worked: its tree, its run, and everything that judges it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.git.judge.promote import GitYard
from reconciler.adapters.git.place import locate
from reconciler.adapters.git.seal import Seal
from reconciler.core.trailers import compose
from reconciler.loop.promotion import Promotions
from reconciler.model.ids import UnitId
from reconciler.model.promotion import Ask, Candidate, Facts, KnownRun, Proof, Settled
from reconciler.model.training import Turn
from reconciler.model.unit import Training
from tests.adapters.git.sandbox import Sandbox

ADA = "Ada <ada@example.org>"
TORCH = UnitId("shop/agent/torch")
AGENT = {
    "GIT_AUTHOR_NAME": "torch",
    "GIT_AUTHOR_EMAIL": "torch.shop@agents.novaorch.localhost",
    "GIT_COMMITTER_NAME": "novaorch",
    "GIT_COMMITTER_EMAIL": "novaorch@localhost",
}
LINES = "".join(f"line {n}\n" for n in range(20))


class Clock:
    """Hours that go on by a second each time they are asked for."""

    def __init__(self) -> None:
        self.hour = 1_800_000_000.0

    def __call__(self) -> float:
        self.hour += 1
        return self.hour


@dataclass
class FakeBench:
    """An agent whose tree holds what a test says; `record` commits it."""

    left: int = 0
    busy: bool = False
    records: Callable[[], str] = lambda: ""

    def unsaved(self, known: KnownRun) -> tuple[int, bool]:  # noqa: ARG002
        return self.left, self.busy

    def record(self, known: KnownRun) -> str:  # noqa: ARG002
        self.left = 0
        return self.records()


@dataclass
class FakeProver:
    """A gate that says what a test wants, after doing what a test wants."""

    proof: Proof = field(default_factory=Proof)
    meanwhile: Callable[[Facts, Candidate], None] = lambda _facts, _made: None
    asked: list[str] = field(default_factory=list)

    def prove(self, facts: Facts, candidate: Candidate) -> Proof:
        self.asked.append(candidate.tree)
        self.meanwhile(facts, candidate)
        return self.proof


class Bed:
    """`repo` is on main; `tree` is the agent's work tree, on its run's branch."""

    def __init__(self, folder: Path, *options: str, bare: bool = False) -> None:
        self.folder = folder
        self.repo = Sandbox(folder / "repo", *options)
        (self.repo.path / "app.txt").write_text(LINES)
        (self.repo.path / "other.txt").write_text(LINES)
        self.base = self.repo.commit("base")
        if bare:
            self.repo.git("clone", "--quiet", "--bare", str(self.repo.path), str(folder / "bare"))
            self.repo.path = folder / "bare"
        self.tree = folder / "trees" / "torch"
        self.bench, self.prover = FakeBench(), FakeProver()
        self.said: list[str] = []
        self.turn = 0
        self.begin(1)
        self.yards: list[GitYard] = []
        self.seal: Seal | None = None

    def begin(self, run: int, start: str = "main") -> None:
        """Put the agent's tree on a run of its own."""
        name = f"training/shop/torch/{run}"
        if self.tree.exists():
            self.at("switch", "--quiet", "-c", name, start)
        else:
            self.repo.git("worktree", "add", "--quiet", "-b", name, str(self.tree), start)
        self.run = run

    def at(self, *words: str, ok: bool = True) -> str:
        """Run git in the agent's tree."""
        return self.repo.git("-C", str(self.tree), *words, given=b"", ok=ok, **AGENT)

    def work(self, text: str, path: str = "new.txt", summary: str = "") -> str:
        """Write a file and commit it as a turn of the run is committed."""
        self.turn += 1
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)
        turn = Turn(TORCH, 0, summary or f"Change {path}", "do it", "c-1", model="opus",
                    tokens_in=10, tokens_out=5, cost_usd=0.25)  # fmt: skip
        self.at("add", "--all")
        self.at("commit", "--quiet", "--no-verify", "-m", compose(turn, self.run, self.turn))
        return self.at("rev-parse", "HEAD")

    def change(self, line: int, word: str, path: str = "app.txt") -> str:
        """Change one line of a file in the agent's tree, as a turn."""
        return self.work(changed((self.tree / path).read_text(), line, word), path)

    def main(self, line: int, word: str, path: str = "app.txt") -> str:
        """Change one line in the user's checkout, and commit."""
        file = self.repo.path / path
        file.write_text(changed(file.read_text(), line, word))
        return self.repo.commit(f"{word} on main")

    def yard(self) -> GitYard:
        """Open the yard; the bed closes it."""
        made = GitYard(locate(self.repo.path), Clock(), self.seal)
        made.aim({}, "main")
        self.yards.append(made)
        return made

    def known(self, run: int = 0) -> KnownRun:
        """Return a run as it is listed now."""
        found = self.yard().run(f"shop/torch/{run or self.run}")
        assert found is not None
        return found

    def promotions(self, yard: GitYard | None = None) -> Promotions:
        """Return who promotes here."""
        return Promotions(yard or self.yard(), self.prover, self.bench, Clock(), self.said.append)

    def promote(self, policy: str = "squash", run: int = 0, **more: object) -> Settled:
        """Promote a run of the agent."""
        ask = Ask(f"shop/torch/{run or self.run}", ADA, **more)  # type: ignore[arg-type]
        return self.promotions().promote(ask, Training(merge=policy, file_max=1000))

    def reject(self, why: str = "no", run: int = 0) -> Settled:
        """Reject a run of the agent."""
        return self.promotions().reject(Ask(f"shop/torch/{run or self.run}", ADA), why)

    def refs(self) -> dict[str, str]:
        """Return every ref."""
        lines = self.repo.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ") for line in lines)

    def tip(self, name: str = "main") -> str:
        """Return the commit of a branch, or of any ref."""
        return self.repo.git("rev-parse", "--verify", "--quiet", name, ok=False)

    def files(self, rev: str = "main") -> dict[str, str]:
        """Return path and blob of every file of a commit."""
        lines = self.repo.git("ls-tree", "-r", rev).splitlines()
        return {line.split("\t")[1]: line.split()[2] for line in lines}

    def message(self, rev: str = "main") -> str:
        """Return the message of a commit."""
        return self.repo.git("log", "-1", "--format=%B", rev)

    def clean(self) -> bool:
        """Whether git sees nothing to commit in the user's checkout, as the user runs it."""
        return not self.repo.git("status", "--porcelain")

    def close(self) -> None:
        """Let go of everything."""
        for yard in self.yards:
            with suppress(Exception):
                yard.close()


def changed(text: str, line: int, word: str) -> str:
    """Return a text with one line replaced."""
    lines = text.splitlines()
    lines[line] = word
    return "\n".join(lines) + "\n"


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, byte by byte; of a link what it says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.fsencode(path.readlink())
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found
