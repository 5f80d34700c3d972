"""The journal as it lies in git: a chain of commits below one ref, read through `cat-file`.

Never writes. What is not what novaorch writes is a SourceError, and `verify` says where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reconciler.adapters.git.loose import Folder, read_folder
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.process import GitCommand, said
from reconciler.adapters.git.refs import OwnRef, own_ref
from reconciler.core.journal import Page, page_path, unit_at
from reconciler.model.problems import SourceError

BATCH = 500


class Repository(Protocol):
    """What is needed of a repository: `GitRepository`."""

    objects: ObjectReader
    root: Path
    common_dir: Path

    @property
    def command(self) -> GitCommand:
        """Git, hardened, at this place."""
        ...

    def own_ref(self, name: str) -> OwnRef:
        """Return a ref of ours."""
        ...


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that one commit of the chain holds."""

    head: dict[str, Any]
    folder: Folder
    pages: dict[str, Page]


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of the chain; `said` is its record, None at a checkpoint."""

    oid: str
    body: bytes
    said: dict[str, Any] | None


class Chain:
    """One journal in one repository. One thread only."""

    def __init__(self, repository: Repository, host: str, fleet: str = "") -> None:
        self._objects, self._git = repository.objects, repository.command
        self.ref = _ref(repository, host, fleet)
        self.name = self.ref.name

    def tip(self) -> str:
        """Return the newest commit's id, '' when nothing was ever written."""
        return self.ref.tip()

    def archive(self, number: int) -> str:
        """Return the name of the ref that keeps what a checkpoint stands for."""
        return f"{self.name.replace('/journal/', '/journal-archive/', 1)}/{number}"

    def oids(self, tip: str) -> list[str]:
        """Return the commits of one segment, oldest first."""
        reply = self._git.run("rev-list", "--first-parent", "--reverse", tip, "--")
        if not reply.ok:
            raise SourceError(
                f"the journal cannot be read from {tip[:12]} on",
                why=said(reply.err),
                fix="see what is wrong with it: novaorch verify; and run `git fsck`",
            )
        return reply.out.decode("ascii", "replace").split()

    def tail(self, tip: str, count: int) -> list[str]:
        """Return the last `count` commits, oldest first."""
        words = ("rev-list", "--first-parent", "--reverse", f"--max-count={count}", tip, "--")
        return self._git.run(*words).out.decode("ascii", "replace").split()

    def segments(self, tip: str) -> list[list[str]]:
        """Return the kept segments, oldest first: the archived one, if it is still there."""
        found = [self.oids(tip)] if tip else []
        before = (self.head(tip).get("checkpoint") or {}).get("tip", "") if tip else ""
        if before and self._objects.find([before])[0] is not None:
            found.insert(0, self.oids(before))
        return found

    def entries(self, oids: Sequence[str]) -> Iterator[Entry]:
        """Yield commits with their records, in the order given; many at once by pipe."""
        for start in range(0, len(oids), BATCH):
            some = oids[start : start + BATCH]
            bodies = self._objects.contents(some, "commit")
            found = self._objects.find([f"{oid}:record.json" for oid in some])
            texts = self._objects.contents([one.oid for one in found if one], "blob")
            said_of = iter(texts)
            for oid, body, one in zip(some, bodies, found, strict=True):
                yield Entry(oid, body, _object(next(said_of), oid) if one else None)

    def records(self, oids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the records of commits, with the commit's id; checkpoints hold none."""
        for entry in self.entries(oids):
            if entry.said is not None:
                yield entry.oid, entry.said

    def head(self, commit: str) -> dict[str, Any]:
        """Return `head.json` of a commit."""
        return self._file(commit, "head.json") or {}

    def page(self, commit: str, unit: str) -> Page | None:
        """Return what a commit says of a unit; None when it was never heard of."""
        return self._file(commit, page_path(unit))

    def units(self, commit: str) -> list[str]:
        """Return every unit that has a page."""
        return sorted(unit_at(path) for path, _ in self.folder(commit).files() if "/" in path)

    def folder(self, commit: str) -> Folder:
        """Return the folder that a commit holds."""
        found = self._objects.find([f"{commit}^{{tree}}"])[0]
        if found is None:
            raise SourceError(f"{commit[:12]} names no tree", fix="novaorch verify")
        return read_folder(self._objects, found.oid)

    def contents(self, commit: str) -> Contents:
        """Return everything that a commit holds."""
        folder = self.folder(commit)
        files = {path: oid for path, oid in folder.files() if path != "record.json"}
        bodies = self._objects.contents(list(files.values()), "blob") if files else []
        texts = dict(zip(files, bodies, strict=True))
        pages = {
            unit_at(path): _object(text, commit)
            for path, text in texts.items()
            if path != "head.json"
        }
        return Contents(_object(texts.get("head.json", b"{}"), commit), folder, pages)

    def before(self, tip: str, hour: float) -> str:
        """Return the last commit that was made at or before an hour, '' when there is none."""
        for start in (tip, (self.head(tip).get("checkpoint") or {}).get("tip", "")):
            if not start or self._objects.find([start])[0] is None:
                continue
            words = ("rev-list", "--first-parent", "-1", f"--min-age={int(hour)}", start, "--")
            found = self._git.run(*words).out.decode("ascii", "replace").strip()
            if found and self._objects.find([f"{found}:record.json"])[0] is not None:
                return found
        return ""

    def _file(self, commit: str, path: str) -> dict[str, Any] | None:
        found = self._objects.find([f"{commit}:{path}"])[0]
        if found is None or found.kind != "blob":
            return None
        return _object(self._objects.contents([found.oid], "blob")[0], commit)


def mark_of(chain: Chain) -> str:
    """Return what the word about a chain's newest commit is kept under outside of git."""
    return chain.name.removeprefix("refs/novaorch/")


def _object(text: bytes, commit: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        found = error
    if isinstance(found, dict):
        return found
    raise SourceError(
        f"commit {commit[:12]} of the journal holds what novaorch did not write",
        why=str(found)[:200],
        fix="see what was changed: novaorch verify",
    )


def _ref(repository: Repository, host: str, fleet: str) -> OwnRef:
    """Return the host's ref; a second fleet of the same repository and host has its own."""
    plain = repository.own_ref(own_ref("journal", host))
    if not fleet:
        return plain
    apart = repository.own_ref(own_ref("journal", f"{host}@{fleet}"))
    if apart.tip():
        return apart
    tip = plain.tip()
    if not tip:
        return plain
    objects = repository.objects
    found = objects.find([f"{tip}:head.json"])[0]
    head = _object(objects.contents([found.oid], "blob")[0], tip) if found else {}
    return plain if head.get("fleet", fleet) == fleet else apart
