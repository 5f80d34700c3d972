"""Whether a branch has a run already, whoever brought it there: by history, by name, by content.

Reads objects alone, in the clean room. What cannot be told is not taken for contained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import parse_commit
from reconciler.adapters.git.judge.candidate import ClashError, Workbench
from reconciler.core.trailers import read
from reconciler.model.promotion import KnownRun

LOOKED_AT_MAX = 300


@dataclass(frozen=True, slots=True)
class Landing:
    """The commit of a branch with which a run came into it, and who made it: `Name <mail>`."""

    commit: str
    by: str


def landed(room: CleanRoom, bench: Workbench, known: KnownRun, target: str) -> Landing | None:
    """Return how a run came into the branch at `target`, None when it is not known to be there."""
    commit = _found(room, bench, known, target)
    if not commit:
        return None
    body = room.objects.contents([commit], "commit")[0]
    return Landing(commit, parse_commit(commit, body).author)


def _found(room: CleanRoom, bench: Workbench, known: KnownRun, target: str) -> str:
    for oid in filter(None, (known.run.tip, known.pushed)):
        if _ancestor(room, oid, target):
            return _brought(room, oid, target)
    return (
        _named(room, known, target)
        or _same_files(bench, known, target)
        or _same_change(room, known, target)
    )


def _ancestor(room: CleanRoom, older: str, newer: str) -> bool:
    return room.command().run("merge-base", "--is-ancestor", older, newer).ok


def _brought(room: CleanRoom, oid: str, target: str) -> str:
    """Return the first commit of the branch itself that has a commit: its merge, or that one."""
    words = ("rev-list", "--first-parent", "--ancestry-path", target, f"^{oid}")
    found = room.command().run(*words).out.decode("ascii", "replace").split()
    line = room.command().run("rev-list", "--first-parent", "--max-count=1", f"{oid}").ok
    if not found or not line:
        return oid
    parents = parse_commit(found[-1], room.objects.contents([found[-1]], "commit")[0]).parents
    return oid if parents[:1] == (oid,) else found[-1]


def _named(room: CleanRoom, known: KnownRun, target: str) -> str:
    """Return the commit that says of itself that it is a copy of the run's tip."""
    reply = room.command().run(
        "rev-list", "--fixed-strings", f"--grep=Nova-Recorded: {known.run.tip}",
        "--max-count=5", target, f"^{known.run.tip}",
    )  # fmt: skip
    for oid in reply.out.decode("ascii", "replace").split() if reply.ok else ():
        body = room.objects.contents([oid], "commit")[0]
        noted = read(body.partition(b"\n\n")[2].decode("utf-8", "replace"))
        ours = noted is not None and noted.recorded == known.run.tip
        if ours and noted is not None and noted.unit == known.run.unit:
            return oid
    return ""


def _same_files(bench: Workbench, known: KnownRun, target: str) -> str:
    """Return the target itself when merging the run there would change nothing."""
    if not known.run.commits:
        return ""
    try:
        same = bench.merged_tree(target, known.run.tip) == bench.commit(target).tree
    except ClashError:
        return ""
    return target if same else ""


def _same_change(room: CleanRoom, known: KnownRun, target: str) -> str:
    """Return the commit that makes the very change of the whole run: people squashed it."""
    git = room.command()
    begun = git.run("merge-base", known.run.tip, target)
    if not begun.ok:
        return ""
    start = begun.out.decode("ascii").split()[0]
    whole = git.run("diff-tree", "-p", "--full-index", start, known.run.tip)
    mine = {change for change, _ in _ids(room, whole.out)}
    if not mine:
        return ""
    line = git.run(
        "log", "-p", "--full-index", "--first-parent", "--no-merges", "--format=commit %H",
        f"--max-count={LOOKED_AT_MAX}", target, f"^{start}",
    )  # fmt: skip
    return next((oid for change, oid in _ids(room, line.out) if change in mine), "")


def _ids(room: CleanRoom, patch: bytes) -> Iterator[tuple[str, str]]:
    reply = room.command().run("patch-id", "--stable", given=patch)
    for line in reply.out.decode("ascii", "replace").splitlines():
        change, _, oid = line.partition(" ")
        yield change, oid
