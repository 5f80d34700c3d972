"""The workshop on real git keeps the promises that the one in memory keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.adapters.git.worktrees import GitWorkshop
from reconciler.model.ids import UnitId
from reconciler.ports.workspaces import Workshop
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.git.worktrees.farm import at
from tests.adapters.workshop_contract import FLEET, WorkshopContract


class GitPlace:
    """A real disk (`workshop_contract.Place`)."""

    def __init__(self, path: Path) -> None:
        self.root = str(path / "trees")
        self._boxes = {str(path / name): Sandbox(path / name) for name in ("repo", "other")}
        self.repository, self.other = self._boxes
        self._shops: list[GitWorkshop] = []
        for box in self._boxes.values():
            (box.path / "README").write_text("hello\n")
            box.commit("first")

    def close(self) -> None:
        for shop in self._shops:
            shop.close()

    def workshop(self) -> GitWorkshop:
        self._shops.append(GitWorkshop(Path(self.root), FLEET))
        return self._shops[-1]

    def write(self, path: str, name: str, text: str) -> None:
        Path(path, name).write_text(text)

    def stage(self, path: str, name: str) -> None:
        at(Path(path)).git("add", "--", name)

    def commit(self, path: str) -> str:
        return at(Path(path)).commit("by the agent")

    def detach(self, path: str) -> None:
        at(Path(path)).git("switch", "--quiet", "--detach")

    def advance(self, repository: str) -> str:
        (Path(repository) / "x").write_text("y")
        return self._boxes[repository].commit("by a person")

    def finish(self, unit: UnitId, path: str) -> None:
        tree = at(Path(path))
        assert unit.name == Path(path).name
        branch, tip = tree.git("symbolic-ref", "--short", "HEAD"), tree.git("rev-parse", "HEAD")
        verdict = tree.git("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "Promote")
        tree.git("update-ref", branch.replace("training/", "refs/novaorch/archive/", 1), verdict)

    def clutter(self, path: str) -> None:
        Path(path).mkdir(parents=True)
        Path(path, "mine").write_text("do not touch")

    def files(self, path: str) -> Mapping[str, str] | None:
        top = Path(path)
        if not (top / ".git").exists():
            return None
        return {p.name: p.read_text() for p in top.iterdir() if p.name != ".git"}

    def tip(self, repository: str, branch: str) -> str:
        name = f"refs/heads/{branch}"
        return self._boxes[repository].git("rev-parse", "--verify", "--quiet", name, ok=False)

    def kept(self, repository: str, unit: UnitId) -> list[Mapping[str, str]]:
        box, prefix = self._boxes[repository], f"refs/novaorch/kept/{unit.project}/{unit.name}/"
        refs = box.git("for-each-ref", "--format=%(refname)", "--sort=refname", prefix).split()
        return [self._files(box, ref) for ref in refs]

    @staticmethod
    def _files(box: Sandbox, ref: str) -> Mapping[str, str]:
        names = box.git("ls-tree", "-r", "--name-only", ref).splitlines()
        return {name: box.git("show", f"{ref}:{name}") + "\n" for name in names}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[GitPlace]:
    made = GitPlace(tmp_path)
    yield made
    made.close()


class TestGitWorkshop(WorkshopContract):
    """Every promise."""


def test_it_is_a_workshop(place: GitPlace) -> None:
    workshop: Workshop = place.workshop()
    assert workshop.photograph([]) == {}
