"""What came before what: parents, lines and ranges of commits.

Reads commit objects by pipe where it can; starts a process only for what no parent answers.
Never guesses: where a history is cut off, nobody can tell, and that is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from reconciler.adapters.git.folders import FolderReader
from reconciler.adapters.git.formats import Commit, parse_commit
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.process import GitCommand, Reply, said
from reconciler.model.problems import SourceError

RANGE_MAX = 10_000
_REMEMBERED_MAX = 512
_K = TypeVar("_K")
_V = TypeVar("_V")
_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class History:
    """The commits of one repository. One thread only. All ids are full ids of commits."""

    def __init__(
        self, git: GitCommand, objects: ObjectReader, folders: FolderReader, common_dir: Path
    ) -> None:
        self._git, self._objects, self._folders = git, objects, folders
        self._common_dir = common_dir
        self._commits: dict[str, Commit] = {}
        self._contains: dict[tuple[str, str], bool] = {}
        self._ranges: dict[tuple[str, str], list[str]] = {}

    def commit(self, oid: str) -> Commit:
        """Return what a commit says about itself; SourceError when it is malformed or missing."""
        known = self._commits.get(oid)
        if known is None:
            body = self._objects.contents([oid], "commit")[0]
            try:
                known = parse_commit(oid, body)
            except (ValueError, UnicodeError) as error:
                raise SourceError(
                    f"commit {oid} is malformed", why=str(error), fix="run `git fsck`"
                ) from None
            _remember(self._commits, oid, known)
        return known

    def contains(self, older: str, newer: str) -> bool:
        """Return whether `newer` contains `older`. SourceError: nobody can tell."""
        if older == newer or older in self.commit(newer).parents:
            return True
        pair = (older, newer)
        if pair not in self._contains:
            reply = self._git.run("merge-base", "--is-ancestor", older, newer)
            if reply.code == 1 and (self._common_dir / "shallow").exists():
                raise _cut_off(older, newer)
            _remember(self._contains, pair, _said_yes(reply))
        return self._contains[pair]

    def since(self, older: str, newer: str) -> list[str]:
        """Return every commit that `newer` contains and `older` does not, oldest first."""
        if self.commit(newer).parents == (older,):
            return [newer]
        if (self._common_dir / "shallow").exists():
            raise _cut_off(older, newer)
        pair = (older, newer)
        if pair not in self._ranges:
            _remember(self._ranges, pair, self._listed(older, newer), most=4)
        return self._ranges[pair]

    def _listed(self, older: str, newer: str) -> list[str]:
        reply = self._git.run(
            "rev-list", "--reverse", "--topo-order", f"--max-count={RANGE_MAX + 1}", newer,
            f"^{older}",
        )  # fmt: skip
        _said_yes(reply)
        found = reply.out.decode("ascii").split()
        if len(found) > RANGE_MAX:
            raise SourceError(
                f"{newer[:12]} holds more than {RANGE_MAX} new commits",
                why="each of them would have to be looked at",
                fix="merge and push them in several steps",
            )
        return found

    def folder(self, commit: Commit) -> str:
        """Return the id of a commit's `desired-state/`; '' when it has none that is a folder."""
        try:
            return self._folders.find(commit.tree) or ""
        except SourceError:
            if self._objects.find([commit.tree])[0] is None:
                raise
            return ""

    def line(self, commit: str) -> Iterator[tuple[str, str]]:
        """Yield (commit, id of its `desired-state/`, '' for none), backwards by first parents.

        Ends where a shallow clone is cut off.
        """
        at: str | None = commit
        while at is not None:
            found = self.commit(at)
            yield at, self.folder(found)
            at = found.parents[0] if found.parents else None
            if at is not None and self._objects.find([at])[0] is None:
                return


@dataclass(frozen=True, slots=True)
class Ground:
    """One repository, for whoever writes to it: hardened git, objects, commits, its place."""

    git: GitCommand
    objects: ObjectReader
    history: History
    common_dir: Path


def _remember(memory: dict[_K, _V], key: _K, value: _V, most: int = _REMEMBERED_MAX) -> None:
    memory[key] = value
    while len(memory) > most:
        del memory[next(iter(memory))]


def _cut_off(older: str, newer: str) -> SourceError:
    return SourceError(
        f"cannot tell whether {newer[:12]} contains {older[:12]}",
        why="this clone is shallow: its history is cut off",
        fix="run `git fetch --unshallow`",
    )


def _said_yes(reply: Reply) -> bool:
    if reply.code not in (0, 1):
        raise SourceError(
            "git could not answer",
            why=said(reply.err),
            fix="run `git fsck` in the repository and mend what it names",
        )
    return reply.ok


def branch_underway(git_dir: Path) -> str:
    """Return the branch that is being rebased or bisected while HEAD walks through its commits.

    A full ref name, or the id of the commit where a detached HEAD began; '' when nothing of the
    kind goes on. Its old tip is what a person stands by until the end.
    """
    for place in ("rebase-merge", "rebase-apply"):
        name = _word(git_dir / place / "head-name")
        if name.startswith("refs/heads/"):
            return name
        if name:
            began = _word(git_dir / place / "orig-head")
            return began if _FULL_ID.fullmatch(began) else ""
    began = _word(git_dir / "BISECT_START")
    if not began or _FULL_ID.fullmatch(began):
        return began
    return f"refs/heads/{began}"


def _word(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.readline(1000).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""
