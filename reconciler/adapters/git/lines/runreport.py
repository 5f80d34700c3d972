"""A run read for a report: its commits in order, each with its story and its diff.

Diffs are made in a clean room and are never more than a person would read: what is too much is cut
off and counted.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.git.lines.blame import unquoted
from reconciler.adapters.git.lines.leanroom import ended
from reconciler.adapters.git.lines.provenance import Tracer
from reconciler.core.plain import clean
from reconciler.core.trailers import trailers
from reconciler.model.promotion import KnownRun
from reconciler.model.report import FilePart, Report, TurnPart

LINES_A_FILE, LINES_A_TURN, LINES_MAX = 600, 3_000, 20_000
COMMITS_MAX, FILES_A_TURN, LINE_MAX = 400, 200, 400
BYTES_A_TURN = 64 * 2**20
_DIFF = (
    "-c", "core.bigFileThreshold=8m", "diff-tree", "-r", "--no-commit-id", "--no-ext-diff",
    "--no-textconv", "--no-color", "-M", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip
_TRAILER = re.compile(r"[A-Za-z0-9-]+: .*")


@dataclass(slots=True)
class _Budget:
    """How many lines of diffs may still be told."""

    left: int = LINES_MAX


@dataclass(slots=True)
class _Patch:
    """One file of a diff, as it is read."""

    path: str = ""
    before: str = ""
    lines: list[str] = field(default_factory=list)
    left_out: int = 0
    added: int = 0
    deleted: int = 0
    binary: bool = False
    inside: bool = False

    def part(self) -> FilePart:
        """Return it as it is told."""
        added = -1 if self.binary else self.added
        lines = tuple(self.lines)
        return FilePart(self.path, added, self.deleted, lines, self.left_out, self.before)


def told(tracer: Tracer, known: KnownRun, commits: Sequence[str]) -> Report:
    """Return the report of a run; `commits` are its own, oldest first."""
    budget = _Budget()
    shown = list(commits)[-COMMITS_MAX:]
    tracer.shelf.fetch(shown)
    turns = tuple(_turn(tracer, oid, budget) for oid in shown)
    noted = tracer.noted(commits[-1]) if commits else None
    return Report(
        known.name,
        str(known.run.unit if noted is None else noted.unit),
        known.state.value,
        clean(known.target),
        known.run.base,
        known.run.tip,
        turns,
        tracer.landing(known.archive),
        _gate_tail(tracer, known.archive),
        len(commits) - len(shown),
    )


def _turn(tracer: Tracer, oid: str, budget: _Budget) -> TurnPart:
    story = tracer.commit(oid)
    message = (tracer.shelf.body(oid, "commit") or b"").partition(b"\n\n")[2]
    text = message.decode("utf-8", "replace")
    held = trailers(text).get("Nova-Held-Back", "")
    rows = tuple(clean(row) for row in held.split("\n") if row)
    if budget.left <= 0:
        why = f"the report has {LINES_MAX} lines of diffs already: git show {oid[:12]}"
        return TurnPart(story, _body(text), rows, left_out=why)
    files, left_out = _files(tracer, oid, budget)
    return TurnPart(story, _body(text), rows, files, left_out)


def _files(tracer: Tracer, oid: str, budget: _Budget) -> tuple[tuple[FilePart, ...], str]:
    found = tracer.shelf.commit(oid)
    parents = found.parents if found is not None else ()
    between = (parents[0], oid) if parents else ("--root", oid)
    process = tracer.room.start(*_DIFF, "-p", *between)
    parts: list[FilePart] = []
    budget_a_turn = min(LINES_A_TURN, budget.left)
    left_out = ""
    try:
        for patch in _patches(process):
            if len(parts) == FILES_A_TURN:
                left_out = f"more than {FILES_A_TURN} files: git show {oid[:12]}"
                break
            keep = min(len(patch.lines), budget_a_turn)
            patch.left_out += len(patch.lines) - keep
            del patch.lines[keep:]
            budget_a_turn -= keep
            budget.left -= keep
            parts.append(patch.part())
    except OverflowError:
        left_out = f"the rest of the diff is too large: git show {oid[:12]}"
    finally:
        ended(process)
    return tuple(parts), left_out


def _patches(process: subprocess.Popen[bytes]) -> Iterator[_Patch]:
    """Yield a diff file by file. OverflowError: it is too large to be read on."""
    patch: _Patch | None = None
    for line in _pieces(process):
        if line.startswith(b"diff --git "):
            if patch is not None:
                yield patch
            patch = _Patch(_named(line[11:]))
        elif patch is not None:
            _take(patch, line)
    if patch is not None:
        yield patch


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield lines without their end, each cut short; the rest of a long one is passed over."""
    size, within = 0, False
    while process.stdout is not None and (piece := process.stdout.readline(8 * LINE_MAX)):
        size += len(piece)
        if size > BYTES_A_TURN:
            raise OverflowError
        if not within:
            yield piece.rstrip(b"\n")
        within = not piece.endswith(b"\n")


def _take(patch: _Patch, line: bytes) -> None:
    """Take one line of a file's diff: its heads say names, its hunks what changed."""
    first = line[:1]
    if patch.inside or line.startswith(b"@@ "):
        patch.inside = True
        patch.added += first == b"+"
        patch.deleted += first == b"-"
        if len(patch.lines) < LINES_A_FILE:
            patch.lines.append(_shown(line))
        else:
            patch.left_out += 1
    elif line.startswith((b"rename from ", b"copy from ")):
        patch.before = _text(line.partition(b" from ")[2])
    elif line.startswith((b"rename to ", b"copy to ")):
        patch.path = _text(line.partition(b" to ")[2])
    elif line.startswith((b"--- ", b"+++ ")) and line[4:] != b"/dev/null":
        patch.path = _text(line[4:].removesuffix(b"\t"), 2)
    elif line.startswith(b"Binary files "):
        patch.binary = True
    elif not line.startswith((b"index ", b"--- ", b"+++ ", b"similarity ")):
        patch.lines.append(_shown(line))


def _named(both: bytes) -> str:
    """Return the name in `a/NAME b/NAME`, which are alike unless later heads say otherwise."""
    half = (len(both) - 1) // 2
    return _text(both[half + 1 :], 2)


def _text(written: bytes, prefix: int = 0) -> str:
    try:
        raw = unquoted(written)[prefix:]
    except (KeyError, ValueError):
        raw = written
    return clean(raw.decode("utf-8", "backslashreplace"))


def _shown(line: bytes) -> str:
    text = clean(line[: 4 * LINE_MAX].decode("utf-8", "replace").rstrip("\r").expandtabs(4))
    return text if len(text) <= LINE_MAX else f"{text[: LINE_MAX - 1]}…"


def _body(message: str) -> str:
    """Return what is between the subject and the trailers."""
    rest = message.strip("\n").partition("\n")[2].strip("\n")
    head, _, block = rest.rpartition("\n\n")
    last = all(_TRAILER.fullmatch(line) for line in block.split("\n"))
    return head.strip("\n") if last else rest


def _gate_tail(tracer: Tracer, archive: str) -> str:
    """Return the end of what the gate printed, as the verdict keeps it."""
    body = tracer.shelf.body(archive, "commit") if archive else None
    if body is None:
        return ""
    text = _body(body.partition(b"\n\n")[2].decode("utf-8", "replace"))
    _, said, tail = text.partition("The gate said:\n\n")
    return "\n".join(line.removeprefix("    ") for line in tail.splitlines()) if said else ""
