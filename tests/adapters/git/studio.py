"""An agent's work tree as the reconciler makes it, and a recorder that commits its work."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.raw.rawfiles import FRESH_NS
from reconciler.adapters.git.raw.treefiles import Leaf, Place, read_tree
from reconciler.adapters.git.record.recorder import GitRecorder
from reconciler.core.masks import Mask
from reconciler.model.ids import UnitId
from reconciler.model.training import Recorded, Turn
from reconciler.model.unit import Training
from reconciler.model.workspace import SeenWorkspace
from tests.adapters.git.sandbox import Sandbox

AGENT = UnitId("shop/agent/torch")
POLICY = Training()


class Studio:
    """`repo` is the user's checkout on main, `tree` the agent's own, `recorder` watches it."""

    def __init__(self, folder: Path, *options: str, key: Path | None = None) -> None:
        self.repo = Sandbox(folder / "repo", *options)
        (self.repo.path / "app.py").write_text("print('one')\n")
        (self.repo.path / "lib").mkdir()
        (self.repo.path / "lib" / "deep.py").write_text("deep = 1\n")
        (self.repo.path / ".gitignore").write_text("*.log\nbuild/\n")
        self.repo.commit("first")
        self.common = self.repo.path / ".git"
        self.recorder = GitRecorder(key, Mask(b"k" * 32))
        self.seen = self.tree_of("torch")
        self.tree = Path(self.seen.path)
        self.turns = 0

    def tree_of(self, name: str, run: int = 1) -> SeenWorkspace:
        """Make a work tree on the branch of a run."""
        path = self.repo.path.parent / "trees" / name
        branch = f"training/shop/{name}/{run}"
        self.repo.git("worktree", "add", "--quiet", "-b", branch, str(path), "main")
        unit = UnitId(f"shop/workspace/{name}")
        return SeenWorkspace(unit, str(path), str(self.common), branch)

    @property
    def admin(self) -> Path:
        return self.common / "worktrees" / self.tree.name

    def write(self, path: str, text: str | bytes = "new\n") -> Path:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def record(
        self, summary: str = "", policy: Training = POLICY, **said: object
    ) -> Recorded | None:
        self.turns += 1
        turn = Turn(AGENT, 1_800_000_000.0 + self.turns, summary=summary, **said)  # type: ignore[arg-type]
        return self.recorder.record(self.seen, policy, turn)

    def recorded(self, summary: str = "", policy: Training = POLICY, **said: object) -> Recorded:
        made = self.record(summary, policy, **said)
        assert made is not None
        return made

    def git(self, *args: str, ok: bool = True, given: bytes = b"") -> str:
        """Run git in the agent's tree, as the agent would."""
        done = subprocess.run(
            ["git", "-C", str(self.tree), *args],
            input=given,
            capture_output=True,
            env=dict(os.environ),
            check=False,
            timeout=60,
        )
        if ok and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def tip(self, ref: str = "") -> str:
        return self.repo.git("rev-parse", "--verify", "--quiet", ref or self.branch, ok=False)

    @property
    def branch(self) -> str:
        return f"refs/heads/{self.seen.branch}"

    def files(self, commit: str) -> dict[str, tuple[str, str]]:
        """Return the files of a commit: mode and blob id by path."""
        found = {}
        for line in self.repo.git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, _, oid = head.split(" ")
            found[path] = (mode, oid)
        return found

    def files_raw(self, commit: str) -> dict[str, str]:
        """Return mode by path, whatever the repository's configuration has become."""
        room = CleanRoom(self.common)
        try:
            out = room.command().run("ls-tree", "-r", commit).out.decode()
        finally:
            room.close()
        return {line.partition("\t")[2]: line[:6] for line in out.splitlines()}

    def content(self, commit: str, path: str) -> str:
        return self.repo.git("cat-file", "blob", f"{commit}:{path}")

    def close(self) -> None:
        self.recorder.close()


def settle() -> None:
    """Wait until a stamp tells the next change for certain."""
    time.sleep(2 * FRESH_NS / 1e9)


class Room:
    """A clean room on a studio, for the scan alone."""

    def __init__(self, studio: Studio) -> None:
        self.room = CleanRoom(studio.common)
        self.place = Place(studio.tree, studio.admin / "index")
        self.studio = studio

    def base(self) -> dict[str, Leaf]:
        with self.room.reading() as objects:
            found = objects.find([f"{self.studio.branch}^{{tree}}"])[0]
            assert found is not None
            return read_tree(objects, found.oid).files()
