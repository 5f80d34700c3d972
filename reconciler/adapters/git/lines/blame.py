"""Whose lines are whose: `git blame` in a clean room, and what was learned of it before.

Never runs anything of the repository's. What it remembers is a cache: without it, it asks again.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.git.lines.leanroom import LeanRoom, ended, lines_of
from reconciler.adapters.git.lines.remembered import recall, remember, word
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.core.linemath import at, cover, hunks, joined
from reconciler.model.problems import BlindError, SourceError
from reconciler.model.provenance import Hunk, Span

SLOW_S = 0.12
"""An answer that took longer is worth remembering."""
PATIENCE_S = 600.0
LEARNING_S = 3.0
LEARNT_FOR_S, NOT_NOW_FOR_S = 600.0, 86_400.0
"""A commit-graph that is younger is not written anew, however slow an answer was; one that could
not be written in time is not tried again for a day."""
_VERSION = 1
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f",
            b"v": b"\v", b'"': b'"', b"\\": b"\\"}  # fmt: skip


@dataclass(slots=True)
class LineMemory:
    """Whole files that were slow to ask for, one a path: whose their lines were at a commit."""

    folder: Path

    @property
    def graph(self) -> Path:
        """Where our own commit-graph of this repository is."""
        return self.folder / "commit-graph"

    def load(self, path: str) -> tuple[str, list[Span]] | None:
        """Return the commit and the spans that are remembered; None: nothing, or nothing whole."""
        try:
            said = json.loads(recall(self._file(path)))
            if said["v"] != _VERSION or said["path"] != path:
                return None
            spans = [
                Span(int(a), int(b), str(c), str(d), int(e)) for a, b, c, d, e in said["spans"]
            ]
            whole = [span.first for span in spans] == [1, *(span.end for span in spans[:-1])]
            return (str(said["commit"]), spans) if whole else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def save(self, path: str, commit: str, spans: list[Span]) -> None:
        """Remember a whole file."""
        rows = [[s.first, s.count, s.commit, s.path, s.origin] for s in spans]
        said = {"v": _VERSION, "path": path, "commit": commit, "spans": rows}
        remember(self._file(path), json.dumps(said).encode("ascii"))

    def _file(self, path: str) -> Path:
        return self.folder / f"{word(path)}.json"


@dataclass(slots=True)
class _Walk:
    """One blame of a file: what is known so far. `cut` are commits that it did not look behind."""

    process: subprocess.Popen[bytes]
    spans: list[Span] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)

    def read(self) -> Iterator[Span]:
        """Yield each span as git finds it. ValueError: git says what nobody understands."""
        head: list[bytes] = []
        for line in lines_of(self.process):
            name, _, rest = line.partition(b" ")
            if not head:
                head = line.split(b" ")
            elif name == b"boundary":
                self.cut.add(head[0].decode("ascii"))
            elif name == b"filename":
                oid, origin, first, count = head[0].decode("ascii"), *map(int, head[1:4])
                head = []
                self.spans.append(Span(first, count, oid, os.fsdecode(unquoted(rest)), origin))
                yield self.spans[-1]


@dataclass(slots=True)
class Blamer:
    """Says whose lines are whose in one repository. One thread only.

    `learn`, called when the answer has been given, keeps what was slow to find out.
    """

    room: LeanRoom
    shelf: Shelf
    memory: LineMemory | None = None
    clock: Callable[[], float] = time.monotonic
    _owed: list[tuple[str, str, list[Span]]] = field(default_factory=list)
    _slow: str = ""

    def line(self, commit: str, path: str, line: int) -> Span:
        """Return whose a line of a file of a commit is."""
        known, found = self._known(path), None
        if known is not None and known[0] == commit:
            found = at(known[1], line)
        elif known is not None:
            found = self._resolved(self._walk(commit, path, known[0], line), line)
        if found is None:
            found = at(self._walk(commit, path, "", line).spans, line)
        if found is None:
            raise _unanswered(path, f"git named nobody for line {line}")
        return found

    def file(self, commit: str, path: str) -> list[Span]:
        """Return whose each line of a file of a commit is, in order."""
        known = self._known(path)
        if known is not None and known[0] == commit:
            return known[1]
        found = self._whole(self._walk(commit, path, known[0], 0)) if known is not None else None
        return found or joined(self._walk(commit, path, "", 0).spans)

    def changes(self, old: str, new: str) -> list[Hunk]:
        """Return where two blobs differ, line by line."""
        process = self.room.start(
            "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--text", "-U0", old, new, "--"
        )
        found = hunks(lines_of(process))
        process.communicate()
        if process.returncode:
            raise _unanswered("two versions of a file", self.room.complaint())
        return found

    def learn(self) -> None:
        """Keep what was slow: whole files, and which commits come before which."""
        if self.memory is None:
            return
        for path, commit, spans in self._owed:
            self.memory.save(path, commit, spans)
        self._owed.clear()
        graph = self.memory.graph
        not_now = graph.with_name("no-commit-graph")
        if self._slow and _age(graph) > LEARNT_FOR_S and _age(not_now) > NOT_NOW_FOR_S:
            made = self.room.learn(self._slow, graph, LEARNING_S)
            if not made:
                remember(not_now, b"it took too long\n")
        self._slow = ""

    # -- inside ------------------------------------------------------------------------------

    def _known(self, path: str) -> tuple[str, list[Span]] | None:
        known = self.memory.load(path) if self.memory is not None else None
        return known if known is not None and self.shelf.commit(known[0]) is not None else None

    def _walk(self, commit: str, path: str, without: str, line: int) -> _Walk:
        """Blame a file until `line` is known, or (0) to the end; a slow one is read to the end."""
        words = ["blame", "--incremental", "--root", commit]
        words += [f"^{without}"] if without else []
        began = self.clock()
        walk = _Walk(self.room.start(*words, "--", path))
        whole = True
        try:
            for span in walk.read():
                if line and span.first <= line < span.end and self.clock() - began < SLOW_S:
                    whole = False
                    break
                if self.clock() - began > PATIENCE_S:
                    raise BlindError(
                        f"git blame did not end within {PATIENCE_S:g} s",
                        fix="ask for an older revision, with --rev",
                    )
        except ValueError:
            raise _unanswered(path, "git says what novaorch does not understand") from None
        finally:
            ended(walk.process)
        if not walk.spans and not without:
            raise _unanswered(path, self.room.complaint() or "git named nobody")
        if whole and walk.spans and self.clock() - began >= SLOW_S:
            self._owe(walk, commit, path)
        return walk

    def _owe(self, walk: _Walk, commit: str, path: str) -> None:
        self._slow = commit
        made = self._whole(walk)
        if made is not None:
            self._owed.append((path, commit, made))

    def _whole(self, walk: _Walk) -> list[Span] | None:
        """Return all spans of a walk that was read to its end; None: it was cut off elsewhere."""
        made: list[Span] = []
        for span in walk.spans:
            if span.commit not in walk.cut:
                made.append(span)
                continue
            known = self._beneath(span)
            pieces = list(cover(known, span.origin, span.count)) if known else []
            if sum(piece.count for piece in pieces) != span.count:
                return None
            shift = span.first - span.origin
            made += [Span(p.first + shift, p.count, p.commit, p.path, p.origin) for p in pieces]
        return joined(made)

    def _resolved(self, walk: _Walk, line: int) -> Span | None:
        found = at(walk.spans, line)
        if found is None or found.commit not in walk.cut:
            return found
        deeper = at(self._beneath(found) or (), found.origin)
        return None if deeper is None else Span(line, 1, deeper.commit, deeper.path, deeper.origin)

    def _beneath(self, span: Span) -> list[Span] | None:
        known = self._known(span.path)
        return known[1] if known is not None and known[0] == span.commit else None


def unquoted(name: bytes) -> bytes:
    """Return a file name as it is, from how git writes it in a line."""
    if not name.startswith(b'"'):
        return name
    out, at_, body = bytearray(), 0, name[1:-1]
    while at_ < len(body):
        if body[at_ : at_ + 1] != b"\\":
            out += body[at_ : at_ + 1]
            at_ += 1
        elif body[at_ + 1 : at_ + 2].isdigit():
            out.append(int(body[at_ + 1 : at_ + 4], 8))
            at_ += 4
        else:
            out += _ESCAPES[body[at_ + 1 : at_ + 2]]
            at_ += 2
    return bytes(out)


def _age(path: Path) -> float:
    """Return how many seconds ago a file was written; very many when it is not there."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _unanswered(path: str, why: str) -> SourceError:
    return SourceError(
        f"nobody can say whose the lines of {path} are",
        why=why,
        fix="run `git fsck` in the repository; in a partial clone, `git fetch` what it lacks",
    )
