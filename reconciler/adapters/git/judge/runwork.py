"""What a run changes, commit by commit and as a whole, for people. Reads objects alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import Commit, parse_commit
from reconciler.adapters.git.process import Reply, said
from reconciler.core.trailers import read
from reconciler.model.problems import SourceError
from reconciler.model.promotion import KnownRun
from reconciler.model.training import Noted


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that a run changes; -1 lines: it is no text."""

    path: str
    added: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Work:
    """One commit of a run, and what its trailers say."""

    commit: Commit
    message: str
    noted: Noted | None


def begin(room: CleanRoom, known: KnownRun, target: str) -> str:
    """Return the commit that a run's own work begins after; '' when it has no beginning here."""
    if known.run.base:
        return known.run.base
    if known.promoted:
        return known.promoted
    reply = room.command().run("merge-base", known.run.tip, target) if target else None
    return reply.out.decode("ascii").split()[0] if reply is not None and reply.ok else ""


def commits(room: CleanRoom, known: KnownRun, start: str) -> list[Work]:
    """Return the commits of a run, oldest first."""
    words = ["rev-list", "--reverse", "--topo-order", known.run.tip, *([f"^{start}"] * bool(start))]
    oids = _must(room.command().run(*words)).out.decode("ascii").split()
    bodies = room.objects.contents(oids, "commit") if oids else []
    return [_work(oid, body) for oid, body in zip(oids, bodies, strict=True)]


def files(room: CleanRoom, known: KnownRun, start: str) -> list[FileChange]:
    """Return what a run changes as a whole, by path."""
    reply = _diff(room, known, start, "--numstat", "-z", "--no-renames")
    return list(_numbers(reply.out.decode("utf-8", "surrogateescape")))


def patch(room: CleanRoom, known: KnownRun, start: str) -> str:
    """Return what a run changes as a whole, as a patch."""
    return _diff(room, known, start, "-p", "-M").out.decode("utf-8", "surrogateescape")


def _diff(room: CleanRoom, known: KnownRun, start: str, *how: str) -> Reply:
    before = start or _empty(room)
    words = ("diff-tree", "-r", "--no-ext-diff", "--no-textconv", "--no-color", *how)
    return _must(room.command().run(*words, before, known.run.tip))


def _empty(room: CleanRoom) -> str:
    return _must(room.command().run("mktree")).out.decode("ascii").strip()


def _numbers(text: str) -> Iterator[FileChange]:
    for line in text.split("\0"):
        if line.count("\t") >= 2:
            added, deleted, path = line.split("\t", 2)
            yield FileChange(path, _count(added), _count(deleted))


def _count(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _work(oid: str, body: bytes) -> Work:
    message = body.partition(b"\n\n")[2].decode("utf-8", "replace")
    try:
        return Work(parse_commit(oid, body), message, read(message))
    except (ValueError, UnicodeError) as error:
        raise SourceError(
            f"commit {oid} is malformed", why=str(error), fix="run `git fsck`"
        ) from None


def _must(reply: Reply) -> Reply:
    if not reply.ok:
        raise SourceError(
            "git could not compare the work of this run",
            why=said(reply.err),
            fix="run `git fsck` in the repository and mend what it names",
        )
    return reply
