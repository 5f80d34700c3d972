"""From a line to its turn and prompt, whole process, beside `git blame` and `git log -L`."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.adapters.git.keys import Key
from tests.adapters.git.linebed import LineBed

NOVAORCH = str(Path(sys.executable).parent / "novaorch")


@dataclass(frozen=True)
class Row:
    """One line that was asked for: seconds of each whole process; `first` is the first ask."""

    name: str
    first: float
    ours: list[float]
    blame: list[float]
    log: list[float]


def measure(commits: int, rounds: int) -> list[Row]:
    """Return a row a kind of line, in a repository of so many commits."""
    with _home() as folder:
        bed = LineBed(folder / "bed", key=Key(folder / "key"))
        try:
            past = _Past(bed.repo.path)
            past.grow(commits // 2)
            bed.begin(3)
            bed.turn_of({"src/agent.py": "".join(f"agent_{n}\n" for n in range(50))})
            bed.turn_of({"src/agent.py": "".join(f"agent_{n}\n" for n in range(80))})
            bed.promote("squash")
            past.grow(commits - commits // 2)
            bed.repo.git("gc", "--quiet")
            bed.repo.git("commit-graph", "write", "--reachable")
        finally:
            bed.close()
        lines = (
            ("never touched since the first commit", "docs/never.md:3"),
            ("old, file touched by one commit in ten", "docs/often.md:3"),
            ("old, file touched by every commit", "docs/every.md:3"),
            ("new, file touched by every commit", past.newest),
            ("an agent's, signed, out of a squash", "src/agent.py:60"),
        )
        return [_row(bed.repo.path, name, where, rounds) for name, where in lines]


def _row(repo: Path, name: str, where: str, rounds: int) -> Row:
    file, _, line = where.rpartition(":")
    place = f"{line},{line}"
    ours = [NOVAORCH, "-C", str(repo), "why", where]
    blame = ["git", "-C", str(repo), "blame", "--porcelain", "-L", place, "--", file]
    log = ["git", "-C", str(repo), "log", "-1", "-s", f"-L{place}:{file}"]
    first = _seconds(ours)
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(rounds):
        for kept, argv in zip(times, (ours, blame, log), strict=True):
            kept.append(_seconds(argv))
    return Row(name, first, *times)


def _seconds(argv: list[str]) -> float:
    """Return how long a process takes until all of its output is there."""
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode or not done.stdout:
        raise SystemExit(f"{' '.join(argv)} failed:\n{done.stderr.decode()}")
    return seconds


class _Past:
    """History by the thousand: a file that is never touched, one often, one always, many seldom."""

    def __init__(self, repo: Path) -> None:
        self.repo, self.chance = repo, random.Random(7)
        self.often, self.every = ([f"{n} at birth" for n in range(400)] for _ in range(2))
        self.seldom = [[f"{n}.{m}" for m in range(80)] for n in range(300)]
        self.number, self.newest = 0, ""

    def grow(self, commits: int) -> None:
        """Add commits to main, and check it out."""
        argv = ["git", "-C", str(self.repo), "fast-import", "--quiet"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            for at in range(commits):
                process.stdin.write(b"".join(self._commit(first=at == 0)))
        subprocess.run(["git", "-C", str(self.repo), "reset", "-q", "--hard", "main"], check=True)

    def _commit(self, *, first: bool) -> Iterator[bytes]:
        number, self.number = self.number, self.number + 1
        yield b"commit refs/heads/main\n"
        yield b"committer Ada <ada@example.org> %d +0000\n" % (1_600_000_000 + number * 60)
        yield _data(f"Change {number}\n")
        if first:
            yield b"from refs/heads/main^0\n"
        if number == 0:
            yield from _file("docs/never.md", [f"never {n}" for n in range(500)])
            for at, lines in enumerate(self.seldom):
                yield from _file(f"src/p{at // 30}/m{at}.py", lines)
        if number % 10 == 0:
            self.often[self.chance.randrange(10, 400)] = f"often {number}"
            yield from _file("docs/often.md", self.often)
        place = self.chance.randrange(10, 400)
        self.every[place] = f"every {number}"
        self.newest = f"docs/every.md:{place + 1}"
        yield from _file("docs/every.md", self.every)
        at = self.chance.randrange(300)
        self.seldom[at][self.chance.randrange(80)] = f"seldom {number}"
        yield from _file(f"src/p{at // 30}/m{at}.py", self.seldom[at])


def _file(path: str, lines: list[str]) -> Iterator[bytes]:
    yield f"M 100644 inline {path}\n".encode()
    yield _data("\n".join(lines) + "\n")


def _data(text: str) -> bytes:
    return b"data %d\n%s\n" % (len(text.encode()), text.encode())


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Give a folder that is HOME, and put the environment back."""
    folder = Path(tempfile.mkdtemp(prefix="nvwhy"))
    before = dict(os.environ)
    (folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    for name in [name for name in os.environ if name.startswith(("GIT_", "NOVAORCH", "XDG_"))]:
        del os.environ[name]
    # Compiled files are kept, as they are where it is installed.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {
        "HOME": str(folder),
        "PYTHONPYCACHEPREFIX": str(folder / "pyc"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    try:
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
