"""A repository of plain dictionaries. Ids come from content alone, blob ids are git's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.fleet import Verification
from reconciler.model.manifest import Blob, Tree
from reconciler.model.problems import BlindError, ConflictError, SourceError

_ANCESTOR = re.compile(r"(.+?)(?:\^|~(\d{1,6}))")


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    parent: str
    files: Mapping[str, bytes] | None
    author: str
    subject: str


class MemoryRepository:
    """One branch of commits (`ports.Repository`).

    Paths are those below `desired-state/`. `worktree` and `staged` are what a person has not
    committed yet; None means: as the last commit. With `blind`, nothing answers.
    """

    def __init__(self) -> None:
        self._commits: dict[str, _Commit] = {}
        self._blobs: dict[str, bytes] = {}
        self.head = ""
        self.modes: dict[str, str] = {}
        self.worktree: Mapping[str, bytes] | None = None
        self.staged: Mapping[str, bytes] | None = None
        self.bad_signatures: dict[str, str] = {}
        self.blind = False
        self.closed = False

    def commit(
        self,
        files: Mapping[str, bytes] | None,
        *,
        subject: str = "change",
        author: str = "Ada <ada@example.org>",
    ) -> str:
        """Add a commit with exactly these files and return its id; None: the folder is gone."""
        said = "\0".join((self.head, _tree_id(self._take(files)), author, subject))
        made = _Commit(_sha1(said.encode()), self.head, files, author, subject)
        self._commits[made.id] = made
        self.head = made.id
        return made.id

    def rewind(self, revision: str) -> None:
        """Move the branch, as a forced push or a reset does."""
        self.head = self._find(revision).id

    def tree(self, revision: str) -> Tree:
        """Return the entries at a revision: an id, a prefix of one, `HEAD`, `HEAD~2`."""
        self._look()
        if revision in (":worktree", ":staged"):
            loose = self.worktree if revision == ":worktree" else self.staged
            if loose is None:
                loose = self._find("HEAD").files
            blobs = self._take(loose)
            return Tree(revision[1:], _tree_id(blobs), blobs, exists=loose is not None)
        found = self._find(revision)
        blobs = self._take(found.files)
        return Tree(
            found.id, _tree_id(blobs), blobs, found.author, found.subject, found.files is not None
        )

    def read(self, oids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the content of blobs by id; SourceError when one is not there."""
        self._look()
        missing = [oid for oid in oids if oid not in self._blobs]
        if missing:
            raise SourceError(f"blob {missing[0]} is not in the repository", fix="run `git fsck`")
        return {oid: self._blobs[oid] for oid in oids}

    def descends(self, older: str, newer: str) -> bool:
        """Return whether commit `newer` contains commit `older`."""
        self._look()
        at: str = self._find(newer).id
        wanted = self._find(older).id
        while at in self._commits and at != wanted:
            at = self._commits[at].parent
        return at == wanted

    def unsigned(self, older: str, newer: str, policy: Verification) -> tuple[str, str] | None:
        """Return the first commit of the range that `bad_signatures` names, and why."""
        self._look()
        if policy.commits == "off" or newer == older:
            return None
        at, found = self._find(newer).id, None
        while at in self._commits and not (older and self.descends(at, older)):
            if at in self.bad_signatures:
                found = (at, self.bad_signatures[at])
            if policy.commits == "head" or not older:
                break
            at = self._commits[at].parent
        return found

    def line(self, commit: str) -> Iterator[tuple[str, str]]:
        """Yield (commit, id of its content, '' for none), backwards."""
        self._look()
        at = self._find(commit).id
        while at in self._commits:
            files = self._commits[at].files
            yield at, _tree_id(self._take(files)) if files is not None else ""
            at = self._commits[at].parent

    def close(self) -> None:
        """Nothing to end."""
        self.closed = True

    def _look(self) -> None:
        if self.blind:
            raise BlindError("the repository does not answer", fix="set `blind` to False")

    def _find(self, revision: str) -> _Commit:
        name, steps = revision, 0
        if (match := _ANCESTOR.fullmatch(revision)) is not None:
            name, steps = match[1], int(match[2] or 1)
        name = self.head if name == "HEAD" else name
        found = [c for c in self._commits.values() if len(name) >= 4 and c.id.startswith(name)]
        if len(found) != 1:
            raise _unknown(revision)
        commit = found[0]
        for _ in range(steps):
            if commit.parent not in self._commits:
                raise _unknown(revision)
            commit = self._commits[commit.parent]
        return commit

    def _take(self, files: Mapping[str, bytes] | None) -> tuple[Blob, ...]:
        """Keep the contents and return the entries in git's order: by the bytes of the path."""
        blobs = []
        for path, content in sorted((files or {}).items(), key=lambda item: item[0].encode()):
            oid = _sha1(b"blob %d\0" % len(content) + content)
            self._blobs[oid] = content
            blobs.append(Blob(path, oid, self.modes.get(path, "100644"), len(content)))
        return tuple(blobs)


def _unknown(revision: str) -> SourceError:
    return SourceError(
        f"{revision} is not a commit", why="nothing has that name", fix="see `git log --oneline`"
    )


def _tree_id(blobs: tuple[Blob, ...]) -> str:
    return _sha1("".join(f"{b.mode} {b.path}\0{b.oid}\n" for b in blobs).encode())


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


class MemoryMark:
    """One commit kept under a name of ours (`ports.Mark`). With `damaged`, nobody can tell."""

    def __init__(self) -> None:
        self.commit = ""
        self.damaged = False

    def tip(self) -> str:
        """Return its id, '' when there is none."""
        if self.damaged:
            raise BlindError("the mark holds what novaorch did not write", fix="mend it")
        return self.commit

    def move(self, commit: str, parent: str) -> None:
        """Let the name mean `commit` if it means `parent` now."""
        if self.tip() != parent:
            raise ConflictError("the mark was moved by somebody else meanwhile", fix="look again")
        self.commit = commit
