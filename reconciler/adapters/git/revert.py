"""Revert commits: `desired-state/` as an earlier commit had it, every other file as it is.

Never rewrites history, never touches a work tree in which something is not committed, and moves a
branch only from the very commit that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reconciler.adapters.git.folders import FOLDER
from reconciler.adapters.git.formats import TREE, parse_tree
from reconciler.adapters.git.history import Ground, branch_underway
from reconciler.adapters.git.process import GitCommand, Reply, run_for_user, said
from reconciler.model.problems import ConflictError, SourceError

OURS = "novaorch <novaorch@localhost>"


class Run(Protocol):
    """Runs git in a folder: as the user would, or as novaorch does."""

    def __call__(self, directory: Path, args: Sequence[str], given: bytes = b"") -> Reply:
        """Run one command to its end."""
        ...


@dataclass(frozen=True, slots=True)
class Revert:
    """What is to come back: the `desired-state/` of commit `base`, onto the tip of `branch`."""

    base: str
    branch: str
    message: str


@dataclass(frozen=True, slots=True)
class Reverts:
    """Makes revert commits; `run` says as whom. With `sign`, git is told to sign by itself."""

    ground: Ground
    run: Run
    sign: bool = False

    def check(self, revert: Revert) -> None:
        """Raise the SourceError that `onto_branch` would raise, as far as one can see."""
        refuse_underway(self.ground.common_dir, revert.branch)
        place = self.work_tree(revert.branch)
        if place is not None and not self.clean(place):
            raise SourceError(
                f"{FOLDER}/ in {place} has changes that are not committed",
                why="to roll back there would overwrite them",
                fix=f"commit them (git commit -- {FOLDER}) or put them aside (git stash push "
                f"-- {FOLDER}), or roll back on another branch: --branch NAME",
            )

    def onto_branch(self, revert: Revert) -> str:
        """Make the commit on the branch itself, in its work tree if it has one; return its id."""
        self.check(revert)
        place = self.work_tree(revert.branch)
        if place is None:
            tip = self.tip(revert.branch)
            return self._moved(revert.branch, self._made(revert, tip), tip)
        return self._in_work_tree(place, revert)

    def beside(self, revert: Revert, name: str) -> str:
        """Make the commit on a new branch `name` that begins at the tip of the branch."""
        tip = self.tip(revert.branch)
        valid = self.ground.git.run("check-ref-format", "--branch", name)
        if not valid.ok or name.startswith("-"):
            raise SourceError(f"{name!r} is not a branch's name", fix="choose another one")
        if self.ground.objects.find([f"refs/heads/{name}"])[0] is not None:
            raise SourceError(
                f"there is a branch {name} already",
                fix=f"choose another name, or delete it: git branch -D {name}",
            )
        return self._moved(name, self._made(revert, tip), "")

    def work_tree(self, branch: str) -> Path | None:
        """Return the work tree in which a branch is checked out, if any."""
        place = ""
        reply = self.ground.git.run("worktree", "list", "--porcelain")
        for line in reply.out.decode("utf-8", "surrogateescape").splitlines():
            word, _, value = line.partition(" ")
            place = value if word == "worktree" else place
            if word == "branch" and value == f"refs/heads/{branch}" and Path(place).is_dir():
                return Path(place)
        return None

    def clean(self, place: Path) -> bool:
        """Whether `desired-state/` there is just as its commit has it, with nothing new in it."""
        words = ("status", "--porcelain", "--untracked-files=all", "--", FOLDER)
        return not _must(self.run(place, words), "git could not compare the files").out

    # -- inside ------------------------------------------------------------------------------

    def _in_work_tree(self, place: Path, revert: Revert) -> str:
        restore = ("restore", "--staged", "--worktree", f"--source={revert.base}", "--", FOLDER)
        _must(self.run(place, restore), f"git would not bring {FOLDER}/ back")
        words = ["commit", "--quiet", "--only", "--file=-", "--", FOLDER]
        reply = self.run(place, words, revert.message.encode("utf-8", "replace"))
        if not reply.ok:
            back = ("restore", "--staged", "--worktree", "--source=HEAD", "--", FOLDER)
            self.run(place, back)
            _must(reply, "git would not commit the way back")
        return self.tip(revert.branch)

    def _made(self, revert: Revert, tip: str) -> str:
        """Make the commit without any work tree, and return its id."""
        tree = self._tree(revert.base, tip)
        words = ["commit-tree", *(["-S"] if self.sign else []), "-p", tip, "-F", "-", tree]
        return self._oid(words, revert.message.encode("utf-8", "replace"))

    def _tree(self, base: str, tip: str) -> str:
        wanted = self.ground.history.folder(self.ground.history.commit(base))
        body = self.ground.objects.contents([self.ground.history.commit(tip).tree], "tree")[0]
        entries = parse_tree(body, self.ground.objects.object_format)
        lines = [
            b"%s %s %s\t%s"
            % (
                entry.mode.encode(),
                _kind(entry.mode),
                entry.oid.encode(),
                entry.name.encode("utf-8", "surrogateescape"),
            )
            for entry in entries
            if entry.name != FOLDER
        ]
        lines.append(b"%s tree %s\t%s" % (TREE.encode(), wanted.encode(), FOLDER.encode()))
        return self._oid(["mktree", "-z"], b"\0".join([*lines, b""]))

    def _oid(self, words: Sequence[str], given: bytes) -> str:
        reply = self.run(self.ground.git.directory, words, given)
        return _must(reply, "git would not write the way back").out.decode("ascii").strip()

    def _moved(self, branch: str, commit: str, before: str) -> str:
        old = before or "0" * len(commit)
        words = ["update-ref", "-m", "novaorch: roll back", f"refs/heads/{branch}", commit, old]
        reply = self.run(self.ground.git.directory, words)
        if not reply.ok:
            raise ConflictError(
                f"the branch {branch} could not be moved",
                why=said(reply.err),
                fix="somebody else may have moved it just now: run the same command again",
            )
        return commit

    def tip(self, branch: str) -> str:
        """Return the commit that a branch is at."""
        found = self.ground.objects.find([f"refs/heads/{branch}^{{commit}}"])[0]
        if found is None:
            raise SourceError(
                f"there is no branch {branch!r} here", fix="see `git branch` for those there are"
            )
        return found.oid


def as_user(ground: Ground) -> Reverts:
    """Revert as the user's own git does it: identity, hooks, signature."""
    asked = run_for_user(ground.git.directory, ["config", "--type=bool", "--get", "commit.gpgSign"])
    return Reverts(ground, run_for_user, sign=asked.out.strip() == b"true")


def revert_to(ground: Ground, revert: Revert, author: str = OURS) -> tuple[str, str]:
    """Revert as novaorch itself, without hooks; return the commit's id and the branch it is on.

    A work tree in which something is not committed, or in the middle of something, is left alone:
    then the commit is on a new branch, `novaorch/revert-SHORT`. So it is where a filter is set, as
    writing files would run it.
    """
    ours = Reverts(ground, _Ours(ground.git, author))
    try:
        filters = ground.git.run("config", "--get-regexp", r"^filter\.").ok
        if not (filters and ours.work_tree(revert.branch)):
            return ours.onto_branch(revert), revert.branch
    except SourceError:
        pass  # a branch of its own disturbs nobody
    tip = ours.tip(revert.branch)
    name = f"novaorch/revert-{tip[:12]}"
    return ours.beside(revert, name), name


@dataclass(frozen=True, slots=True)
class _Ours:
    """Hardened git with an author of its own (`Run`)."""

    git: GitCommand
    author: str

    def __call__(self, directory: Path, args: Sequence[str], given: bytes = b"") -> Reply:
        name, _, mail = self.author.partition(" <")
        who = {
            f"GIT_{role}_{part}": text
            for role in ("AUTHOR", "COMMITTER")
            for part, text in (("NAME", name), ("EMAIL", mail.rstrip(">")))
        }
        return replace(self.git, directory=directory, handed=who).run(*args, given=given)


def _kind(mode: str) -> bytes:
    return {TREE: b"tree", "160000": b"commit"}.get(mode, b"blob")


def refuse_underway(common_dir: Path, branch: str) -> None:
    """Refuse a branch that is being rebased or bisected in any work tree."""
    for place in _git_dirs(common_dir):
        if branch_underway(place) == f"refs/heads/{branch}":
            raise SourceError(
                f"the branch {branch} is in the middle of a rebase or a bisect",
                why="a commit made now would be lost, or make it fail",
                fix="finish it (git rebase --continue) or give it up (git rebase --abort) first",
            )


def _git_dirs(common_dir: Path) -> Iterator[Path]:
    yield common_dir
    linked = common_dir / "worktrees"
    if linked.is_dir():
        yield from linked.iterdir()


def _must(reply: Reply, what: str) -> Reply:
    if not reply.ok:
        why = said(reply.err + " " + reply.out.decode("utf-8", "replace"))
        raise SourceError(what, why=why, fix="run the same git command by hand and mend that")
    return reply
