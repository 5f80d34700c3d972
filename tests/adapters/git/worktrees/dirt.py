"""Random dirty work trees, by seed: whatever an agent may leave behind, and git can hold."""

# ruff: noqa: PTH101, PTH102, PTH103, PTH108, PTH110, PTH112, PTH114, PTH120, PTH211
# Names of bytes that are no text are what this is about.

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

from tests.adapters.git.sandbox import Sandbox

NAMES = [
    b"plain.txt", b"two words.md", b"line\nbreak", b'quo"te', b"tab\there", b"back\\slash",
    b"\xff\xfe raw", "käse".encode(), b"-n", b":(glob)*", b"*.star", b"deep/er/still/x.py",
    b"src/more.py", b".hidden", b".gitattributes", b"x" * 200, b"novaorch.json", b"sub/.gitignore",
]  # fmt: skip


class Dirt:
    """Makes one tree dirty, a few things at a time."""

    def __init__(self, tree: Sandbox, seed: int) -> None:
        self.tree, self.chance = tree, random.Random(seed)
        self.done: list[str] = []

    def make(self, steps: int) -> None:
        """Do so many random things."""
        deeds: list[Callable[[], None]] = [
            self.write, self.write, self.append, self.stage, self.stage, self.delete, self.rename,
            self.rights, self.link, self.empty, self.large, self.unstage, self.intend, self.commit,
            self.folder, self.crlf, self.swap, self.flag, self.branch, self.amend, self.odd_rights,
            self.ignore,
        ]  # fmt: skip
        for _ in range(steps):
            deed = self.chance.choice(deeds)
            self.done.append(deed.__name__)
            deed()

    def content(self) -> bytes:
        size = self.chance.choice([0, 1, 20, 300, 5000])
        return self.chance.choice([self.chance.randbytes(size), b"line\n" * (size // 5)])

    def path(self) -> bytes:
        return os.fsencode(self.tree.path) + b"/" + self.chance.choice(NAMES)

    def files(self) -> list[bytes]:
        found = []
        for here, folders, files in os.walk(os.fsencode(self.tree.path)):
            folders[:] = sorted(f for f in folders if f != b".git")
            found += [here + b"/" + f for f in sorted(files) if f != b".git"]
        return found

    def some(self) -> bytes | None:
        found = self.files()
        return self.chance.choice(found) if found else None

    def put(self, path: bytes, body: bytes) -> None:
        if Path(os.fsdecode(path)).is_dir() and not os.path.islink(path):
            return
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return
        if os.path.islink(path):
            os.unlink(path)
        if os.path.exists(path):
            os.chmod(path, 0o644)
        Path(os.fsdecode(path)).write_bytes(body)

    def write(self) -> None:
        self.put(self.path(), self.content())

    def append(self) -> None:
        path = self.some()
        if path is not None and stat.S_ISREG(os.lstat(path).st_mode):
            self.put(path, Path(os.fsdecode(path)).read_bytes() + self.content())

    def stage(self) -> None:
        path = self.some()
        words = ["--", os.fsdecode(path)] if path and self.chance.random() < 0.7 else ["--all"]
        self.tree.git("--literal-pathspecs", "add", "--force", *words, ok=False)

    def delete(self) -> None:
        path = self.some()
        if path is not None:
            os.unlink(path)

    def rename(self) -> None:
        path, other = self.some(), self.path()
        if path is not None and not os.path.lexists(other):
            words = ("mv", "--", os.fsdecode(path), os.fsdecode(other))
            self.tree.git(*words, ok=False)

    def rights(self) -> None:
        path = self.some()
        if path is not None and stat.S_ISREG(os.lstat(path).st_mode):
            os.chmod(path, self.chance.choice([0o755, 0o644]))

    def odd_rights(self) -> None:
        path = self.some()
        if path is not None and stat.S_ISREG(os.lstat(path).st_mode):
            os.chmod(path, self.chance.choice([0o600, 0o400, 0o700, 0o664]))

    def link(self) -> None:
        path = self.path()
        if not os.path.lexists(path) and os.path.isdir(os.path.dirname(path)):
            target = self.chance.choice(
                [b"src/app.py", b"/etc/passwd", b"../../..", b"no\xffwhere"]
            )
            os.symlink(target, path)

    def empty(self) -> None:
        self.put(self.path(), b"")

    def large(self) -> None:
        self.put(self.path(), self.chance.randbytes(1_500_000))

    def unstage(self) -> None:
        path = self.some()
        if path is not None:
            words = ("rm", "--cached", "--quiet", "--", os.fsdecode(path))
            self.tree.git("--literal-pathspecs", *words, ok=False)

    def intend(self) -> None:
        path = self.path()
        if not os.path.lexists(path):
            self.put(path, self.content())
            words = ("add", "--force", "--intent-to-add", "--", os.fsdecode(path))
            self.tree.git("--literal-pathspecs", *words, ok=False)

    def commit(self) -> None:
        self.tree.git("commit", "--quiet", "--allow-empty", "-m", "by the agent", ok=False)

    def amend(self) -> None:
        if self.chance.random() < 0.5:
            self.tree.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "anew", ok=False)

    def folder(self) -> None:
        path = self.tree.path / self.chance.choice(["void", "void/in/void", "src/void"])
        if not path.exists():
            path.mkdir(parents=True)

    def crlf(self) -> None:
        if self.chance.random() < 0.5:
            self.put(os.fsencode(self.tree.path) + b"/.gitattributes", b"* text=auto eol=crlf\n")
        self.put(
            os.fsencode(self.tree.path) + b"/win.txt", b"a\r\nb\r\n" * self.chance.randint(1, 9)
        )

    def swap(self) -> None:
        """A file becomes a folder of its name."""
        path = self.some()
        if path is not None:
            os.unlink(path)
            os.mkdir(path)
            self.put(path + b"/inside", self.content())

    def flag(self) -> None:
        path = self.some()
        if path is not None:
            word = self.chance.choice(["--assume-unchanged", "--skip-worktree"])
            self.tree.git("update-index", word, "--", os.fsdecode(path), ok=False)

    def branch(self) -> None:
        if self.chance.random() < 0.2:
            word = self.chance.choice(["--detach", "-c"])
            rest = [f"own-{self.chance.randint(0, 99)}"] if word == "-c" else []
            self.tree.git("switch", "--quiet", word, *rest, ok=False)

    def ignore(self) -> None:
        self.put(os.fsencode(self.tree.path) + b"/noise.log", b"ignored")
