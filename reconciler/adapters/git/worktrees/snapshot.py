"""A snapshot read back from its commits: files, index, HEAD, and what git had under way.

Never believes a name in it: an agent can write such commits, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import Commit, parse_commit
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.raw import indexfile
from reconciler.adapters.git.raw.dotgit import refused_name
from reconciler.adapters.git.raw.indexfile import Entry
from reconciler.adapters.git.raw.treefiles import Leaf, read_tree
from reconciler.adapters.git.worktrees.keeping import UNDERWAY
from reconciler.model.problems import SourceError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was kept of a work tree. `underway` are small files by name."""

    commit: str
    branch: str
    head: str
    files: Mapping[str, Leaf]
    entries: Sequence[Entry]
    empty: tuple[str, ...] = ()
    modes: Mapping[str, int] = field(default_factory=dict)
    underway: Mapping[str, bytes] = field(default_factory=dict)


def read(room: CleanRoom, oid: str) -> Snapshot:
    """Return what a snapshot's commit holds. SourceError: it is none, or not whole."""
    with room.reading() as objects:
        body = objects.contents([oid], "commit")[0]
        commit = _commit(objects, oid)
        said = _trailers(body)
        files = read_tree(objects, commit.tree).files()
        head, index, rest = (said.get(n, "") for n in ("Nova-Head", "Nova-Index", "Nova-Rest"))
        if {p for p in (head, index, rest) if p} != set(commit.parents) or not index:
            raise _no_snapshot(oid, "its parents are not those that it names")
        staged = read_tree(objects, _commit(objects, index).tree).files()
        beside = read_tree(objects, _commit(objects, rest).tree).files() if rest else {}
        kept = {n: objects.contents([leaf.oid], "blob")[0] for n, leaf in _small(beside).items()}
    try:
        told = json.loads(kept.get("beside.json", b"{}"))
        empty, modes = _safe(told.get("empty", [])), told.get("modes", {})
        if not isinstance(modes, dict):
            raise TypeError("its list of rights is none")
        entries = _entries(kept.get("index"), staged, room.object_format)
        rights = {p: int(modes[p]) & 0o777 for p in _safe(modes) if p in files}
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_snapshot(oid, str(error)) from None
    if any(refused_name(path) for path in (*files, *staged)):
        raise _no_snapshot(oid, "it holds a file that git would refuse")
    underway = {n.removeprefix("git/"): b for n, b in kept.items() if n.startswith("git/")}
    branch = said.get("Nova-Branch", "")
    return Snapshot(oid, branch, head, files, entries, empty, rights, underway)


def _commit(objects: ObjectReader, oid: str) -> Commit:
    try:
        return parse_commit(oid, objects.contents([oid], "commit")[0])
    except ValueError as error:
        raise _no_snapshot(oid, str(error)) from None


def _trailers(body: bytes) -> dict[str, str]:
    block = body.rstrip(b"\n").rpartition(b"\n\n")[2].decode("utf-8", "surrogateescape")
    pairs = (line.partition(": ") for line in block.split("\n"))
    return {name: value for name, _, value in pairs if name.startswith("Nova-")}


def _small(beside: Mapping[str, Leaf]) -> dict[str, Leaf]:
    """Return the files of the rest that are known, and lead nowhere else."""
    found = {}
    for name, leaf in beside.items():
        first = name.removeprefix("git/").split("/")[0]
        known = name in ("index", "beside.json") or (name.startswith("git/") and first in UNDERWAY)
        if known and not refused_name(name.removeprefix("git/")) and leaf.mode == "100644":
            found[name] = leaf
    return found


def _safe(paths: object) -> tuple[str, ...]:
    if not isinstance(paths, list | dict):
        raise TypeError("its list of folders is none")
    return tuple(p for p in paths if isinstance(p, str) and not refused_name(p) and "\0" not in p)


def _entries(index: bytes | None, staged: Mapping[str, Leaf], object_format: str) -> list[Entry]:
    if index is not None:
        return indexfile.parse(index, object_format)
    return [Entry(os.fsencode(path), leaf.mode, leaf.oid) for path, leaf in staged.items()]


def _no_snapshot(oid: str, why: str) -> SourceError:
    return SourceError(
        f"{oid[:12]} is no snapshot that novaorch took",
        why=why,
        fix="look at it: git show, and take from it what you need",
    )
