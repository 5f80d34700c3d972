"""Work trees that are on a branch which is to move: looked at, and brought along.

Never overwrites a byte that no commit has, and runs no filter, hook or monitor: where files are not
kept as they are in git, it says so and leaves them alone.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import LINK, object_id, printable
from reconciler.adapters.git.history import branch_underway
from reconciler.adapters.git.process import GitCommand, Reply, said
from reconciler.model.problems import RefusedError, SourceError
from reconciler.model.promotion import Checkout

DIRTY_MAX = 2000
_ABSENT = ("000000", "")
_ALONE = "--ignore-submodules=all"  # to look into one, git would run in it
_SETTINGS = r"^(core\.(autocrlf|eol|sparsecheckout|splitindex)|filter\..*)$"
_OFF = frozenset({"false", "no", "off", "0", "input", "lf", "native", ""})

Entry = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Desk:
    """One work tree: its folder, its own git directory, and the branch it is on ('': none)."""

    path: Path
    git_dir: Path
    branch: str


class Checkouts:
    """The work trees of a repository. `git` is hardened git there, for listing them."""

    def __init__(self, room: CleanRoom, git: GitCommand) -> None:
        self._room, self._git = room, git

    def desks(self) -> list[Desk]:
        """Return every work tree with the branch it is on, or is about to be on again."""
        reply = self._git.run("worktree", "list", "--porcelain", "-z")
        if not reply.ok:
            raise SourceError(
                "the work trees of this repository cannot be listed",
                why=said(reply.err),
                fix="run `git worktree list` there and mend what it names",
            )
        text = reply.out.decode("utf-8", "surrogateescape")
        return [desk for block in text.split("\0\0") if (desk := self._desk(block)) is not None]

    def look(self, desk: Desk, old: str, new: str = "") -> Checkout:
        """Say what in a work tree no commit has: neither `old`, its branch's tip, nor `new`."""
        trouble = self._trouble(desk, new or old)
        if trouble is not None:
            return trouble
        odd = sorted(self._strange(desk, old, new)[0])
        return Checkout(str(desk.path), tuple(printable(path) for path in odd))

    def fits(self, desk: Desk, old: str, new: str) -> None:
        """Raise the RefusedError that `bring` would raise; touch no file."""
        self._settle_leftovers(desk, old, new)
        self._read_tree(desk, "-n", old, new)

    def bring(self, desk: Desk, old: str, new: str) -> None:
        """Make files and index those of `new`; RefusedError: something is in the way."""
        self._read_tree(desk, old, new)

    def unsaved(self, desk: Desk, tip: str) -> int:
        """Return how many paths there no commit has: changed, staged or new, without ignored ones.

        A tree of an agent's is read raw, whatever its settings are.
        """
        self._room.excluding()
        listed = self._command(desk).run("ls-files", "-z", "--others", "--exclude-standard")
        return len(self._strange(desk, tip, "")[0]) + _must(listed).out.count(b"\0")

    # -- inside ----------------------------------------------------------------------------------

    def _desk(self, block: str) -> Desk | None:
        words = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        path = Path(words.get("worktree", "/nonexistent"))
        git_dir = self._git_dir(path)
        if "bare" in words or git_dir is None:
            return None
        branch = words.get("branch") or branch_underway(git_dir)
        return Desk(path, git_dir, branch.removeprefix("refs/heads/"))

    def _git_dir(self, path: Path) -> Path | None:
        """Return the git directory of a work tree, if it is one of this very repository."""
        dot = path / ".git"
        try:
            if dot.is_dir():
                found = dot
            else:
                text = dot.read_text("utf-8", "surrogateescape").strip()
                found = path / text.removeprefix("gitdir:").strip()
            whole, common = found.resolve(), self._room.common_dir.resolve()
        except OSError:
            return None
        return whole if whole == common or whole.parent == common / "worktrees" else None

    def _trouble(self, desk: Desk, tree: str) -> Checkout | None:
        why = self._why_not(desk, tree)
        if not why:
            return None
        place = shlex.quote(str(desk.path))
        lock = desk.git_dir / "index.lock"
        fix = f"let it be on no branch for a while: git -C {place} switch --detach"
        if lock.exists():
            fix = f"wait for the git that runs there; if none does: rm {shlex.quote(str(lock))}"
        return Checkout(str(desk.path), trouble=why, fix=fix)

    def _why_not(self, desk: Desk, tree: str) -> str:
        if (desk.git_dir / "index.lock").exists():
            return "its index is locked"
        if branch_underway(desk.git_dir):
            return "it is in the middle of a rebase or a bisect"
        if (desk.git_dir / "MERGE_HEAD").exists():
            return "it is in the middle of a merge"
        hidden = _must(self._command(desk).run("ls-files", "-z", "-v")).out.split(b"\0")
        if any(line and line[:1] not in b"HM" for line in hidden):
            return "some of its files are hidden from git (sparse, or assumed to be unchanged)"
        return self._converted(tree)

    def _converted(self, tree: str) -> str:
        """Say why files there are not kept as git has them; '' when they are."""
        seen = replace(self._git, user_config=True, overridden=False)
        reply = seen.run("config", "--null", "--get-regexp", _SETTINGS)
        settings = dict(
            pair.partition("\n")[::2] for pair in reply.out.decode("utf-8", "replace").split("\0")
        )
        filters = [name for name in settings if name.startswith("filter.")]
        for name, value in settings.items():
            if name and name not in filters and value.lower() not in _OFF:
                return f"{name} is {printable(value)}: its files are not as git has them"
        if filters and self._filtered(tree):
            return f"{printable(filters[0])} would have to be run for its files"
        return ""

    def _filtered(self, tree: str) -> bool:
        """Whether attributes name a filter, in the tree or beside it."""
        beside = self._room.common_dir / "info" / "attributes"
        try:
            if b"filter=" in beside.read_bytes():
                return True
        except OSError:
            pass
        reply = self._room.command().run("ls-tree", "-r", "-z", "--full-tree", tree)
        found = [
            line.partition(b"\t")[0].split()[2].decode()
            for line in reply.out.split(b"\0")
            if line.rpartition(b"/")[2].rpartition(b"\t")[2] == b".gitattributes"
        ]
        return any(b"filter=" in body for body in self._room.objects.contents(found, "blob"))

    def _strange(self, desk: Desk, old: str, new: str) -> tuple[list[str], dict[str, Entry]]:
        """Return the paths that no commit has, and those that are as in `new` already."""
        git = self._command(desk)
        staged = dict(
            _raw(git.run("diff-index", "--cached", "--raw", "-z", "--no-renames", _ALONE, old))
        )
        files = dict(_raw(git.run("diff-files", "--raw", "-z", _ALONE)))
        found = {path: self._on_disk(desk, path) for path in files}
        odd = [p for p in files if found[p] != files[p][0]]
        paths = list(dict.fromkeys([*staged, *odd]))
        if not new or len(paths) > DIRTY_MAX:
            return paths, {}
        after = self._entries(new, paths)
        left, done = [], {}
        for path in paths:
            wanted = after.get(path, _ABSENT)
            before, index = staged.get(path, (files.get(path, (_ABSENT,))[0],) * 2)
            there = found.get(path, index)
            if index in (before, wanted) and there == wanted:
                done[path] = wanted
            else:
                left.append(path)
        return left, done

    def _settle_leftovers(self, desk: Desk, old: str, new: str) -> None:
        """Tell the index of files that are as wanted already: somebody was killed at this."""
        left, done = self._strange(desk, old, new)
        done.update(self._came_already(desk, old, new))
        if left or not done:
            return
        width = len(new)
        given = "".join(f"{m} {o or '0' * width}\t{path}\0" for path, (m, o) in done.items())
        words = ("update-index", "-z", "--index-info")
        reply = self._command(desk).run(*words, given=given.encode("utf-8", "surrogateescape"))
        if not reply.ok:
            raise _refused(desk, reply)

    def _came_already(self, desk: Desk, old: str, new: str) -> Iterator[tuple[str, Entry]]:
        """Yield the files that `new` brings and that lie there already, byte by byte."""
        words = ("diff-tree", "-r", "--raw", "-z", "--no-renames", "--diff-filter=A", old, new)
        for path, (_, wanted) in _raw(self._room.command().run(*words)):
            if self._on_disk(desk, path) == wanted:
                yield path, wanted

    def _read_tree(self, desk: Desk, *words: str) -> None:
        reply = self._command(desk).run("read-tree", "-m", "-u", *words)
        if not reply.ok:
            raise _refused(desk, reply)

    def _entries(self, tree: str, paths: list[str]) -> dict[str, Entry]:
        if not paths:
            return {}
        reply = self._room.command().run("ls-tree", "-r", "-z", "--full-tree", tree, "--", *paths)
        found = {}
        for line in reply.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, _, oid = head.split()
            found[path] = (mode, oid)
        return found

    def _on_disk(self, desk: Desk, path: str) -> Entry:
        """Return mode and id of a file as it lies there, raw."""
        place = desk.path / path
        try:
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode):
                return LINK, object_id("blob", os.fsencode(place.readlink()), self._format)
            if not stat.S_ISREG(mode):
                return "?", ""
            body = place.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return _ABSENT
        except OSError:
            return "?", ""
        return "100755" if mode & 0o100 else "100644", object_id("blob", body, self._format)

    @property
    def _format(self) -> str:
        return self._room.object_format

    def _command(self, desk: Desk) -> GitCommand:
        return self._room.command(desk.path, desk.git_dir / "index")


def _raw(reply: Reply) -> Iterator[tuple[str, tuple[Entry, Entry]]]:
    """Yield path and (before, after) of each line of a raw diff."""
    _must(reply)
    words = reply.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    for head, path in zip(words[::2], words[1::2], strict=False):
        old_mode, new_mode, old, new, _ = head.removeprefix(":").split()
        yield path, (_entry(old_mode, old), _entry(new_mode, new))


def _must(reply: Reply) -> Reply:
    if not reply.ok:
        raise SourceError(
            "nobody can tell what in a work tree is not committed",
            why=said(reply.err),
            fix="run `git status` in each (git worktree list) and mend what it names",
        )
    return reply


def _entry(mode: str, oid: str) -> Entry:
    return _ABSENT if mode == "000000" else (mode, oid)


def _refused(desk: Desk, reply: Reply) -> RefusedError:
    place = shlex.quote(str(desk.path))
    return RefusedError(
        f"the files in {desk.path} cannot be brought along",
        why=said(reply.err),
        fix=f"see what is in the way (git -C {place} status), commit it or put it aside "
        f"(git -C {place} stash push --include-untracked), then run the same command again",
    )
