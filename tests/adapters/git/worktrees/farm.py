"""A real repository and a real workshop, driven as the loop would and as an agent would."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.git.worktrees import GitWorkshop
from reconciler.model.ids import UnitId
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace, Step
from reconciler.model.unit import Disruption, Field, Source, Workspace, fields_digest
from reconciler.model.workspace import SeenWorkspace
from reconciler.ports import Order, Receipt
from tests.adapters.git.sandbox import Sandbox

UNIT = UnitId("shop/workspace/torch")
FLEET = "night"


class Farm:
    """One repository at `repo`, trees below `trees`."""

    def __init__(self, path: Path, tick: Callable[[str], None] | None = None) -> None:
        self.path = path
        self.root = path / "trees"
        self.box = Sandbox(path / "repo")
        self.shop = GitWorkshop(self.root, FLEET, tick=tick)
        if not self.box.git("rev-parse", "--verify", "--quiet", "main", ok=False):
            self.fill(self.box.path)
            self.box.commit("first")

    @staticmethod
    def fill(top: Path) -> None:
        """Write a small project."""
        (top / "src").mkdir(exist_ok=True)
        (top / "src" / "app.py").write_text("print('hello')\n")
        (top / "run.sh").write_text("#!/bin/sh\n")
        (top / "run.sh").chmod(0o755)
        (top / "link").symlink_to("src/app.py")
        (top / ".gitignore").write_text("*.log\n")

    def close(self) -> None:
        self.shop.close()

    def wanted(self, unit: UnitId = UNIT, base: str = "main", **more: object) -> Workspace:
        """Return a workspace as `kinds` would lower it."""
        repository = str(more.pop("repository", self.box.path))
        fields = (
            Field("repository", repository, Disruption.RECREATE),
            Field("base", base, Disruption.HOT),
        )
        made = Workspace(
            id=unit,
            agent=UnitId.of(unit.project, "agent", unit.name),
            source=Source(f"{unit.project}/agents/{unit.name}.yaml"),
            repository=repository,
            path=str(self.root / unit.project / unit.name),
            base=base,
            fields=fields,
            digest=fields_digest(fields),
        )
        return replace(made, **more)  # type: ignore[arg-type]

    def look(self, *wanted: Workspace) -> SeenWorkspace | None:
        """Return the one tree there is."""
        found = self.shop.photograph(wanted)
        assert len(found) < 2
        return next(iter(found.values()), None)

    def seen(self, *wanted: Workspace) -> SeenWorkspace:
        one = self.look(*wanted)
        assert one is not None
        return one

    def do(self, step: Step) -> Receipt:
        """Carry out one order of one step."""
        unit = getattr(step, "unit", UNIT)
        return self.shop.perform([Order(unit, (step,))])[0]

    def open(self, wanted: Workspace | None = None) -> Path:
        """Open a tree, which must go well, and return where it is."""
        workspace = wanted or self.wanted()
        receipt = self.do(OpenWorkspace(workspace.id, workspace))
        assert receipt.error == "", receipt
        return Path(workspace.path)

    def mark(self, wanted: Workspace) -> Receipt:
        return self.do(MarkWorkspace(wanted.id, wanted))

    def begin(self, wanted: Workspace, tip: str) -> Receipt:
        return self.do(BeginRun(wanted.id, wanted, tip))

    def shut(self, seen: SeenWorkspace | None = None) -> Receipt:
        """Take a tree away as a plan would that nobody wants it in."""
        seen = seen or self.seen()
        return self.do(CloseWorkspace(seen.unit, seen.path, seen.branch, seen.tip))

    def tree(self, unit: UnitId = UNIT) -> Sandbox:
        """Return the work tree of an agent, to run git in as the agent would."""
        made = Sandbox.__new__(Sandbox)
        made.path = self.root / unit.project / unit.name
        return made

    def refs(self, prefix: str = "refs/novaorch/kept/") -> list[str]:
        return self.box.git("for-each-ref", "--format=%(refname)", prefix).split()

    def archive(self, number: int = 1, unit: UnitId = UNIT) -> str:
        """Say that a run is over, as a verdict does."""
        tip = self.box.git("rev-parse", f"training/{unit.project}/{unit.name}/{number}")
        verdict = self.box.git("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "Promote")
        ref = f"refs/novaorch/archive/{unit.project}/{unit.name}/{number}"
        self.box.git("update-ref", ref, verdict)
        return tip


def everything(top: Path) -> dict[str, tuple[str, object]]:
    """Return all that lies below a folder but git's own, read plainly: kind, content, rights."""
    found: dict[str, tuple[str, object]] = {}
    for here, folders, files in os.walk(os.fsencode(top)):
        for name in (*folders, *files):
            path = os.path.join(here, name)
            inside = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            if inside == ".git" or inside.startswith(".git/"):
                continue
            if os.path.islink(path):
                found[inside] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                if not os.listdir(path):
                    found[inside] = ("folder", None)
            else:
                with open(path, "rb") as file:
                    rights = os.stat(path).st_mode & 0o777
                    found[inside] = (f"file {rights:o}", file.read())
    return found
