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
Tick = Callable[[str], None]


def at(path: Path) -> Sandbox:
    """Return a work tree that is there, to run git in."""
    made = Sandbox.__new__(Sandbox)
    made.path = path
    return made


class Farm:
    """One repository at `repo`, trees below `trees`."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self.root = path / "trees"
        self.box = Sandbox(path / "repo", *options)
        self.shop = GitWorkshop(self.root, FLEET)
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

    def again(self, tick: Tick | None = None) -> None:
        """Let another process take over, which knows nothing."""
        self.shop.close()
        self.shop = GitWorkshop(self.root, FLEET, tick=tick)

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
        return self.shop.perform([Order(getattr(step, "unit", UNIT), (step,))])[0]

    def opened(self, wanted: Workspace | None = None) -> Path:
        """Open a tree, which must go well, and return where it is."""
        workspace = wanted or self.wanted()
        receipt = self.do(OpenWorkspace(workspace.id, workspace))
        assert receipt.error == "", receipt
        return Path(workspace.path)

    def do_open(self, wanted: Workspace | None = None) -> Receipt:
        """Try to open a tree."""
        workspace = wanted or self.wanted()
        return self.do(OpenWorkspace(workspace.id, workspace))

    def refused(self, wanted: Workspace | None = None) -> Receipt:
        """Open a tree, which must not go well; photograph and perform say the same."""
        workspace = wanted or self.wanted()
        seen = self.seen(workspace)
        receipt = self.do(OpenWorkspace(workspace.id, workspace))
        assert seen.trouble
        assert (seen.trouble, seen.fix) == (receipt.error, receipt.fix)
        return receipt

    def mark(self, wanted: Workspace) -> Receipt:
        return self.do(MarkWorkspace(wanted.id, wanted))

    def begin(self, tip: str, wanted: Workspace | None = None) -> Receipt:
        workspace = wanted or self.wanted()
        return self.do(BeginRun(workspace.id, workspace, tip))

    def shut(self, seen: SeenWorkspace | None = None) -> Receipt:
        """Take a tree away as a plan would that nobody wants it in."""
        seen = seen or self.seen()
        return self.do(CloseWorkspace(seen.unit, seen.path, seen.branch, seen.tip))

    def settle(self, wanted: Workspace | None = None) -> None:
        """Do what the plan would, until nothing is left to do: wanted and there, or gone."""
        for _ in range(5):
            seen = self.look(*([wanted] if wanted else []))
            if wanted is None:
                if seen is None:
                    return
                receipt = self.shut(seen)
            elif seen is not None and seen.digest:
                return
            else:
                receipt = self.do(OpenWorkspace(wanted.id, wanted))
            assert receipt.error == "", receipt
        raise AssertionError(f"it does not settle: {seen}")

    def tree(self, unit: UnitId = UNIT) -> Sandbox:
        """Return the work tree of an agent, to run git in as the agent would."""
        return at(self.root / unit.project / unit.name)

    @property
    def admin(self) -> Path:
        """Where git keeps what belongs to the agent's tree."""
        return self.box.path / ".git" / "worktrees" / f"{FLEET}.{UNIT.project}.{UNIT.name}"

    def refs(self, prefix: str = "refs/novaorch/kept/") -> list[str]:
        return self.box.git("for-each-ref", "--format=%(refname)", prefix).split()

    def archive(self, number: int = 1, unit: UnitId = UNIT) -> str:
        """Say that a run is over, as a verdict does; return its tip."""
        tip = self.box.git("rev-parse", f"training/{unit.project}/{unit.name}/{number}")
        verdict = self.box.git("commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "Promote")
        ref = f"refs/novaorch/archive/{unit.project}/{unit.name}/{number}"
        self.box.git("update-ref", ref, verdict)
        return tip

    def left_over(self) -> list[str]:
        """Return what lies about beside whole trees: it must be nothing in the end."""
        self.shop.close()
        stages = [p for p in self.root.glob(".*/**/*") if p.is_file() or p.is_symlink()]
        drafts = self.box.path.glob(".git/worktrees/*/*nova[0-9]*")
        return [str(p) for p in (*stages, *drafts)]


def everything(top: Path) -> dict[str, tuple[str, object]]:
    """Return all that lies below a folder but git's own, read plainly: kind, content, rights."""
    found: dict[str, tuple[str, object]] = {}
    for here, folders, files in os.walk(os.fsencode(top)):
        for name in (*folders, *files):
            path = here + b"/" + name
            inside = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            if inside == ".git" or inside.startswith(".git/"):
                continue
            found.update(one(path, inside))
    return found


def one(path: bytes, inside: str) -> dict[str, tuple[str, object]]:
    """Return what a single thing is."""
    place = Path(os.fsdecode(path))
    if place.is_symlink():
        return {inside: ("link", os.readlink(path))}  # noqa: PTH115 - as bytes
    if place.is_dir():
        return {} if any(place.iterdir()) else {inside: ("folder", None)}
    if not place.is_file():
        return {inside: ("thing", None)}
    return {inside: (f"file {place.stat().st_mode & 0o777:o}", place.read_bytes())}


def staged(tree: Sandbox) -> str:
    """Return every line of an index as git itself tells it: flags, modes, ids, stages, paths."""
    return tree.git("ls-files", "-v", "--stage", "-z") + tree.git("ls-files", "-t", "-z")
