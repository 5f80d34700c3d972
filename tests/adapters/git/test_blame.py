"""Whose lines are whose: the same as git itself says, with and without what was learned before."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.adapters.git.lines.blame import Blamer, LineMemory, unquoted
from reconciler.adapters.git.lines.leanroom import LeanRoom, spot
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.model.problems import SourceError
from reconciler.model.provenance import Span
from tests.adapters.git.sandbox import Sandbox


class Slowly:
    """A clock that jumps: everything takes a second, so everything is worth remembering."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@contextmanager
def blamer(
    box: Sandbox, memory: Path | None = None, clock: Callable[[], float] | None = None
) -> Iterator[Blamer]:
    kept = LineMemory(memory) if memory is not None else None
    with LeanRoom(spot(box.path), kept.graph if kept is not None else None) as room:
        shelf = Shelf(room)
        try:
            yield Blamer(room, shelf, kept, clock or Slowly())
        finally:
            shelf.close()


def truth(box: Sandbox, commit: str, path: str) -> list[tuple[str, int]]:
    """Return commit and line there of each line, as git says it."""
    lines = box.git("blame", "--porcelain", commit, "--", path).splitlines()
    heads = [line.split(" ") for line in lines if len(line) > 40 and line[40] == " "]
    return [(head[0], int(head[1])) for head in heads if len(head[0]) == 40]


def flat(spans: list[Span]) -> list[tuple[str, int]]:
    return [(span.commit, span.origin + n) for span in spans for n in range(span.count)]


class Past:
    """A repository whose history is made by chance: edits, renames, side branches, merges."""

    def __init__(self, box: Sandbox, seed: int) -> None:
        self.box, self.chance = box, random.Random(seed)
        self.path, self.count = "a.txt", 0
        (box.path / self.path).write_text("".join(f"line {n}\n" for n in range(30)))
        box.commit("birth")

    def edit(self) -> None:
        file = self.box.path / self.path
        lines = file.read_text().splitlines()
        for _ in range(self.chance.randint(1, 3)):
            self.count += 1
            place = self.chance.randrange(len(lines))
            match self.chance.randrange(4):
                case 0:
                    lines.insert(place, f"new {self.count}")
                case 1 if len(lines) > 5:
                    del lines[place]
                case 2:
                    lines[place] = "the same"
                case _:
                    lines[place] = f"changed {self.count}"
        file.write_text("\n".join(lines) + "\n")
        self.box.commit(f"edit {self.count}")

    def rename(self) -> None:
        self.count += 1
        new = f"moved{self.count}.txt"
        self.box.git("mv", self.path, new)
        self.path = new
        self.box.commit(f"rename {self.count}")

    def fork_and_merge(self) -> None:
        base = self.box.git("rev-parse", "HEAD")
        self.edit()
        self.box.git("checkout", "-q", "-B", "side", base)
        self.edit()
        self.box.git("checkout", "-q", "main")
        self.box.git("merge", "-q", "-X", "theirs", "side", "-m", "merged")

    def step(self) -> str:
        self.chance.choices([self.edit, self.rename, self.fork_and_merge], [8, 1, 3])[0]()
        return self.box.git("rev-parse", "HEAD")


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_git_says_whatever_was_learned_before(
    repo: Sandbox, tmp_path: Path, seed: int
) -> None:
    past = Past(repo, seed)
    commits = []
    for number in range(10):
        commit = past.step()
        commits.append((commit, past.path))
        if number % 3 == 0:  # learn now, so that later ones begin from here
            with blamer(repo, tmp_path / "memory") as ours:
                assert flat(ours.file(commit, past.path)) == truth(repo, commit, past.path)
                ours.learn()
    assert list((tmp_path / "memory").glob("*.json"))
    assert (tmp_path / "memory" / "commit-graph").is_file()
    for commit, path in [*commits[-2:], commits[0]]:
        wanted = truth(repo, commit, path)
        with blamer(repo, tmp_path / "memory") as ours:
            for line in range(1, len(wanted) + 1, 3):
                found = ours.line(commit, path, line)
                assert (found.commit, found.origin) == wanted[line - 1]
            assert flat(ours.file(commit, path)) == wanted


def test_a_quick_answer_is_not_remembered(repo: Sandbox, tmp_path: Path) -> None:
    past = Past(repo, 1)
    commit = past.step()
    with blamer(repo, tmp_path / "memory", Slowly(0.0)) as ours:
        ours.line(commit, past.path, 1)
        ours.learn()
    assert not (tmp_path / "memory").exists()


def test_a_commit_graph_that_cannot_be_had_is_not_asked_for_again(
    repo: Sandbox, tmp_path: Path
) -> None:
    past = Past(repo, 1)
    commit = past.step()
    (repo.path / ".git" / "objects" / "info" / "alternates").write_text(f"{tmp_path}\n")
    memory = tmp_path / "memory"
    with blamer(repo, memory) as ours:
        ours.file(commit, past.path)
        ours.learn()
    assert not (memory / "commit-graph").exists()
    (repo.path / ".git" / "objects" / "info" / "alternates").unlink()
    for file in memory.glob("*.json"):
        file.unlink()
    with blamer(repo, memory) as ours:
        ours.file(commit, past.path)
        ours.learn()
    assert not (memory / "commit-graph").exists()
    assert (memory / "no-commit-graph").exists()


def test_a_memory_that_is_damaged_or_of_a_lost_commit_is_none(
    repo: Sandbox, tmp_path: Path
) -> None:
    past = Past(repo, 1)
    commit = past.step()
    memory = LineMemory(tmp_path / "memory")
    memory.save(past.path, "0" * 40, [Span(1, 99, "f" * 40, past.path, 1)])
    with blamer(repo, memory.folder) as ours:
        assert ours.line(commit, past.path, 1).commit != "f" * 40
    for body in ("", "{", "[1]", '{"v": 1, "path": 3}', "[" * 5000):
        memory._file(past.path).write_text(body)
        assert memory.load(past.path) is None
    memory.save(past.path, commit, [Span(2, 1, commit, past.path, 2)])
    assert memory.load(past.path) is None
    memory.save(past.path, commit, [Span(1, 0, commit, past.path, 1)])
    with blamer(repo, memory.folder) as ours:  # it knows the commit, and none of its lines
        assert (ours.line(commit, past.path, 1).commit, 1) == truth(repo, commit, past.path)[0]


def lie(graph: Path, commit: str) -> None:
    """Let a repository's commit-graph say that a commit has no parents."""
    body = bytearray(graph.read_bytes())
    chunks = {}
    for at in range(8, 8 + 12 * body[6], 12):
        chunks[bytes(body[at : at + 4])] = int.from_bytes(body[at + 4 : at + 12], "big")
    ids = chunks[b"OIDL"]
    count = int.from_bytes(body[chunks[b"OIDF"] + 1020 : chunks[b"OIDF"] + 1024], "big")
    known = [body[ids + 20 * n : ids + 20 * n + 20].hex() for n in range(count)]
    parent = chunks[b"CDAT"] + 36 * known.index(commit) + 20
    body[parent : parent + 4] = (0x70000000).to_bytes(4, "big")
    body[-20:] = hashlib.sha1(bytes(body[:-20])).digest()
    graph.chmod(0o644)
    graph.write_bytes(bytes(body))


def test_what_a_repository_says_of_its_own_past_is_not_believed(
    repo: Sandbox, tmp_path: Path
) -> None:
    past = Past(repo, 2)
    past.edit()
    past.edit()
    commit = repo.git("rev-parse", "HEAD")
    wanted = truth(repo, commit, past.path)
    assert len({commit for commit, _ in wanted}) > 1
    repo.git("commit-graph", "write", "--reachable")
    lie(repo.path / ".git" / "objects" / "info" / "commit-graph", commit)
    assert {who for who, _ in truth(repo, commit, past.path)} == {commit}  # git believes it
    repo.git("replace", "--graft", f"{commit}^", ok=False)
    (repo.path / ".git" / "info" / "grafts").write_text(f"{commit}\n")
    for _ in range(2):  # without, then with a commit-graph of our own
        with blamer(repo, tmp_path / "memory") as ours:
            assert flat(ours.file(commit, past.path)) == wanted
            ours.learn()
        assert (tmp_path / "memory" / "commit-graph").is_file()
        for file in (tmp_path / "memory").glob("*.json"):
            file.unlink()


def test_nothing_of_the_repository_is_run(repo: Sandbox, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho ran >> {canary}\ncat\n")
    script.chmod(0o755)
    (repo.path / "a.txt").write_text("1\n2\n")
    (repo.path / ".gitattributes").write_text("* diff=evil filter=evil\n")
    one = repo.commit()
    (repo.path / "a.txt").write_text("1\nTWO\n")
    two = repo.commit()
    for name in ("diff.evil.textconv", "diff.evil.command", "diff.external", "filter.evil.clean",
                 "filter.evil.smudge", "core.fsmonitor", "core.pager", "gpg.program",
                 "core.alternateRefsCommand"):  # fmt: skip
        repo.git("config", name, str(script))
    (repo.path / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    canary.unlink(missing_ok=True)
    with blamer(repo, tmp_path / "memory") as ours:
        assert [span.commit for span in ours.file(two, "a.txt")] == [one, two]
        blobs = [repo.git("rev-parse", f"{c}:a.txt") for c in (one, two)]
        canary.unlink(missing_ok=True)
        assert len(ours.changes(blobs[0], ours.room.put(b"1\n2\n3\n"))) == 1
        ours.learn()
    assert not canary.exists()


def test_a_room_leaves_nothing_and_takes_nothing(
    repo: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "rooms"))
    (tmp_path / "rooms").mkdir()
    past = Past(repo, 3)
    commit = past.step()
    before = sorted(str(path) for path in (repo.path / ".git").rglob("*"))
    with blamer(repo, tmp_path / "memory") as ours:
        ours.room.put(b"mine\n")
        ours.file(commit, past.path)
        ours.learn()
    assert list((tmp_path / "rooms").iterdir()) == []
    assert sorted(str(path) for path in (repo.path / ".git").rglob("*")) == before


def test_what_git_cannot_answer_is_said(repo: Sandbox) -> None:
    past = Past(repo, 1)
    commit = past.step()
    with blamer(repo) as ours, pytest.raises(SourceError, match="nobody can say"):
        ours.line(commit, "no such file", 1)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"plain", b"plain"),
        (rb'"a\nb\t\"c\\"', b'a\nb\t"c\\'),
        (rb'"\303\274\377"', b"\xc3\xbc\xff"),
        (b'""', b""),
    ],
)
def test_names_as_git_quotes_them(written: bytes, name: bytes) -> None:
    assert unquoted(written) == name
