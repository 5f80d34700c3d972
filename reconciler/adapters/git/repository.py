"""`GitRepository`: wishes, read from git as objects.

Never checks out, never runs what a repository holds, and spawns nothing on a pass that finds
the helper alive: one question to a long-lived `cat-file` tells whether anything changed.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.adapters.git import writes
from reconciler.adapters.git.folders import FOLDER, FolderReader
from reconciler.adapters.git.formats import SUBMODULE, Commit, printable, tree_id
from reconciler.adapters.git.history import Ground, History, branch_underway
from reconciler.adapters.git.objects import SILENCE_S, ObjectReader
from reconciler.adapters.git.place import Handed, NoRepositoryError, Place, locate
from reconciler.adapters.git.process import GitCommand, Reply, said
from reconciler.adapters.git.refs import OwnRef
from reconciler.adapters.git.uncommitted import FILE_MAX, read_index, read_work_tree
from reconciler.model.fleet import Verification
from reconciler.model.manifest import Blob, Tree
from reconciler.model.problems import SourceError

if TYPE_CHECKING:
    from reconciler.adapters.git.signatures import Signatures

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REVISION_MAX = 1000
_ON_BRANCH = "ref: refs/heads/"
_ELSEWHERE = "ref: refs/heads/.invalid"  # the refs are in a reftable, and HEAD too


class GitRepository:
    """One repository. `root` is its work tree, or the git directory of a bare one.

    One thread only. `close` ends the helper; a later question starts it anew.
    """

    def __init__(
        self, place: Place, handed: Handed | None = None, silence_s: float = SILENCE_S
    ) -> None:
        self.root, self.git_dir = place.root, place.git_dir
        self.common_dir, self.bare = place.common_dir, place.bare
        self._format = place.object_format
        variables = (handed or Handed()).variables()
        self._git = GitCommand(place.anchor, place.trusted, variables, fenced=True)
        self.objects = ObjectReader(self._git.start, self._format, silence_s)
        self._folders = FolderReader(self.objects, self._format)
        self._history = History(self._git, self.objects, self._folders, self.common_dir)
        self._signatures: Signatures | None = None
        self._last: Tree | None = None
        self._local: dict[str, bytes] = {}

    @classmethod
    def discover(cls, directory: Path, *, handed: Handed | None = None) -> GitRepository:
        """Find the repository that `directory` is in; a SourceError says why there is none."""
        return cls(locate(directory), handed)

    def tree(self, revision: str) -> Tree:
        """Return the files below `desired-state/` at `revision`, `:worktree` or `:staged`.

        A branch wins over a tag of the same name. Without a change since the last call the very
        same value is returned.
        """
        if revision == ":worktree":
            return self._work_tree()
        if revision == ":staged":
            return self._staged()
        oid = self._resolve(revision)
        if self._last is None or self._last.commit != oid:
            self._last = self._tree_of(self._history.commit(oid))
        return self._last

    def read(self, oids: Sequence[str]) -> Mapping[str, bytes]:
        """Return contents by id. More than 2 MiB in one blob is refused before it is read."""
        local = {oid: self._local[oid] for oid in oids if oid in self._local}
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in local]
        for oid in wanted:
            if not _FULL_ID.fullmatch(oid):
                raise SourceError(
                    f"{printable(oid)} is no blob id", fix="run the command again: files changed"
                )
        for oid, size in self._folders.sizes(wanted).items():
            if size > FILE_MAX:
                raise SourceError(
                    f"blob {oid} holds {size} bytes, more than the {FILE_MAX} that are read",
                    fix="keep manifests small; move data out of desired-state/",
                )
        bodies = self.objects.contents(wanted, "blob") if wanted else []
        return {**local, **dict(zip(wanted, bodies, strict=True))}

    def beside(self, handed: Handed) -> GitRepository:
        """Return the same repository seen with what git handed to a hook: another index.

        Both share one helper process; only the original is to be closed.
        """
        twin = copy.copy(self)
        twin._git = replace(self._git, handed=handed.variables())
        twin._last, twin._local = None, {}
        return twin

    def close(self) -> None:
        """End the helper process."""
        self.objects.close()

    def head_branch(self) -> str | None:
        """Return the branch that HEAD is on, even one without a commit; None when detached."""
        text, file = "", self.git_dir / "HEAD"
        with contextlib.suppress(OSError):
            text = "" if file.is_symlink() else file.read_text("utf-8", "surrogateescape").strip()
        if _FULL_ID.fullmatch(text):
            return None
        if not text.startswith(_ON_BRANCH) or text == _ELSEWHERE:
            reply = self._git.run("symbolic-ref", "--quiet", "HEAD")
            text = f"ref: {reply.out.decode('utf-8', 'surrogateescape').strip()}"
        return text.removeprefix(_ON_BRANCH) if text.startswith(_ON_BRANCH) else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return whether `newer` contains `older`. A shallow clone that cannot know raises."""
        return self._history.contains(self._resolve(older), self._resolve(newer))

    def descends(self, older: str, newer: str) -> bool:
        """Return whether commit `newer` contains `older` (full ids). SourceError: nobody knows.

        When one is the other's parent, no process is started.
        """
        return self._history.contains(older, newer)

    def unsigned(self, older: str, newer: str, policy: Verification) -> tuple[str, str] | None:
        """Return the first commit that no principal of `policy` signed well, and why; or None.

        Of a range every commit counts, those of merged branches too. Without an `older` one there
        is no range yet: `newer` alone is looked at.
        """
        if policy.commits == "off" or older == newer:
            return None
        from reconciler.adapters.git.signatures import Signatures  # noqa: PLC0415 - seldom used

        self._signatures = self._signatures or Signatures(self.objects)
        whole = policy.commits == "range" and older
        commits = self._history.since(older, newer) if whole else [newer]
        return self._signatures.first_bad(commits, policy)

    def line(self, commit: str) -> Iterator[tuple[str, str]]:
        """Yield (commit, id of its `desired-state/`, '' for none), backwards by first parents."""
        return self._history.line(self._resolve(commit))

    def config(self, name: str) -> str | None:
        """Return a path setting as the user's git sees it, `~` expanded; None when not set."""
        # Without our hardening, which would answer in the user's stead.
        reply = replace(self._git, user_config=True, overridden=False).run(
            "config", "--null", "--type=path", "--get", name
        )
        value = reply.out.decode("utf-8", "surrogateescape").removesuffix("\0")
        return value if self._said_yes(reply) else None

    def commit_paths(self, paths: Sequence[Path], message: str) -> str:
        """Commit just these paths as the user (identity, hooks) and return the commit's id."""
        if self.bare:
            raise _bare()
        return writes.commit(self.root, paths, message)

    def ground(self) -> Ground:
        """Return what `revert` works on."""
        return Ground(self._git, self.objects, self._history, self.common_dir)

    def own_ref(self, name: str) -> OwnRef:
        """Return a ref of ours by its full name: see `refs.own_ref`."""
        return OwnRef(self._git, self.objects, self.common_dir, name)

    @property
    def command(self) -> GitCommand:
        """Git, hardened, at this repository: for what else keeps something in it."""
        return self._git

    def _said_yes(self, reply: Reply) -> bool:
        if reply.code not in (0, 1):
            raise SourceError(
                "git could not answer",
                why=said(reply.err),
                fix="run `git fsck` in the repository and mend what it names",
            )
        return reply.ok

    def _resolve(self, revision: str) -> str:
        """Return the commit's id. Revisions travel by pipe, where nothing is an option."""
        refused = _refused(revision)
        if refused:
            raise SourceError(
                f"{printable(revision)[:80]!r} is not a revision",
                why=refused,
                fix="name a branch, a tag or a commit",
            )
        names = [self._head() if revision == "HEAD" else revision]
        if revision != "HEAD" and not _FULL_ID.fullmatch(revision):
            names.insert(0, f"refs/heads/{revision}")
        for found in self.objects.find([f"{name}^{{commit}}" for name in names]):
            if found is not None:
                return found.oid
        raise self._unresolved(revision)

    def _head(self) -> str:
        """Return what HEAD stands for: during a rebase or bisect, the branch that it is about."""
        underway = branch_underway(self.git_dir)
        return underway if underway and self.head_branch() is None else "HEAD"

    def _unresolved(self, revision: str) -> SourceError:
        branch = self.head_branch() if revision == "HEAD" else None
        if branch is None:
            return SourceError(
                f"{revision!r} names no commit in {self.root}",
                why="no branch, tag or commit of that name is here, or its object is missing",
                fix="look at `git branch --all`, fetch it, or run `git fsck`",
            )
        broken = self.common_dir / "refs" / "heads" / branch
        if broken.is_file():
            return SourceError(
                f"the branch {branch!r} points at no commit that can be read",
                why=f"{broken} holds a damaged id, or its object is missing",
                fix="run `git fsck`, then `git reset` the branch to a good commit",
            )
        return SourceError(
            f"there is no commit yet on {branch!r} in {self.root}",
            why="novaorch reads wishes from commits, and the branch is new or was deleted",
            fix=f"commit {FOLDER}/ first, or look at it with --worktree",
        )

    def _tree_of(self, commit: Commit) -> Tree:
        oid = self._folders.find(commit.tree)
        if oid is None:
            return Tree(commit.oid, "", (), commit.author, commit.subject, exists=False)
        last = self._last
        blobs = last.blobs if last and last.oid == oid else self._folders.read(oid)
        said = (commit.author, commit.subject)
        return Tree(commit.oid, oid, blobs, *said, committed=commit.committed)

    def _work_tree(self) -> Tree:
        if self.bare:
            raise _bare()
        found = read_work_tree(self._git, self.root, self._format)
        self._local = found.contents
        return self._uncommitted("worktree", found.blobs)

    def _staged(self) -> Tree:
        if self.bare:
            raise _bare()
        blobs = read_index(self._git)
        known = self._folders.sizes([b.oid for b in blobs if b.mode != SUBMODULE])
        return self._uncommitted("staged", [replace(b, size=known.get(b.oid, 0)) for b in blobs])

    def _uncommitted(self, word: str, blobs: list[Blob]) -> Tree:
        try:
            oid = tree_id(blobs, self._format) if blobs else ""
        except ValueError as error:
            raise SourceError(
                f"the {word} files of {FOLDER}/ make no tree",
                why=str(error),
                fix="look at `git status` and mend the index",
            ) from None
        return Tree(word, oid, tuple(blobs), exists=bool(blobs))


def _refused(revision: str) -> str:
    """Return why a text cannot be a revision, or ''."""
    if not revision.strip():
        return "it is empty"
    if revision.startswith("-"):
        return "it begins with a dash, as an option would"
    if not revision.isprintable():
        return "it holds control characters"
    return "it is too long" if len(revision) > _REVISION_MAX else ""


def _bare() -> SourceError:
    return SourceError(
        "a bare repository has no work tree and no index",
        fix="name a branch or a commit, or work in a clone of it",
    )


def init_repository(directory: Path) -> GitRepository:
    """Open the repository that `directory` is in; without one, make it (and the folder)."""
    writes.make_folder(directory)
    try:
        return GitRepository.discover(directory)
    except NoRepositoryError:
        writes.init(directory)
    return GitRepository.discover(directory)
