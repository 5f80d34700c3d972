"""One file of desired state changed by a commit, as the user: identity, hooks and all.

Never overwrites what is not committed, never commits another path, and moves a branch only from
the very commit that was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git import writes
from reconciler.adapters.git.folders import FOLDER
from reconciler.adapters.git.history import Ground
from reconciler.adapters.git.loose import NewObjects
from reconciler.adapters.git.process import run_for_user, said
from reconciler.adapters.git.revert import Reverts, as_user, refuse_underway
from reconciler.adapters.git.splice import spliced
from reconciler.model.problems import ConflictError, NovaorchError, SourceError


@dataclass(frozen=True, slots=True)
class Edit:
    """A file below the folder as it is to be, because of `message`."""

    path: str
    content: bytes
    message: str


class Edits:
    """Changes single files of one repository; one thread only."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._as_user: Reverts = as_user(ground)

    def read(self, branch: str, path: str) -> bytes:
        """Return a file as the branch has it. SourceError: it is none, or not committed there."""
        tip = self._as_user.tip(branch)
        found = self._ground.objects.find([f"{tip}:{FOLDER}/{path}"])[0]
        if found is None or found.kind != "blob":
            raise SourceError(
                f"{branch} has no file {FOLDER}/{path}",
                why="only what is committed is wished for",
                fix=f"commit it: git add {FOLDER} && git commit",
            )
        return self._ground.objects.contents([found.oid], "blob")[0]

    def onto_branch(self, edit: Edit, branch: str) -> str:
        """Commit on the branch itself, in its work tree if it has one; return the commit's id."""
        refuse_underway(self._ground.common_dir, branch)
        place = self._as_user.work_tree(branch)
        if place is None:
            tip = self._as_user.tip(branch)
            return self._moved(branch, self._made(edit, tip), tip)
        return self._in_work_tree(place, edit)

    def beside(self, edit: Edit, branch: str, name: str) -> str:
        """Commit on a new branch `name` that begins at the tip of the branch."""
        valid = self._ground.git.run("check-ref-format", "--branch", name)
        if not valid.ok or name.startswith("-"):
            raise SourceError(f"{name!r} is not a branch's name", fix="choose another one")
        if self._ground.objects.find([f"refs/heads/{name}"])[0] is not None:
            raise SourceError(f"there is a branch {name} already", fix="choose another name")
        return self._moved(name, self._made(edit, self._as_user.tip(branch)), "")

    def _in_work_tree(self, place: Path, edit: Edit) -> str:
        name = f"{FOLDER}/{edit.path}"
        path = place / name
        words = ("status", "--porcelain", "--untracked-files=all", "--", f":(top,literal){name}")
        if path.is_symlink() or _must(place, words, "git could not compare the files"):
            raise SourceError(
                f"{path} has changes that are not committed",
                why="they would be committed, too, or overwritten",
                fix=f"commit them (git commit -- {name}) or put them aside (git stash push "
                f"-- {name}), or commit on another branch: --branch NAME",
            )
        before = path.read_bytes()
        _put(path, edit.content)
        try:
            return writes.commit(place, [path], edit.message)
        except NovaorchError:
            _put(path, before)
            run_for_user(place, ["reset", "--quiet", "--", f":(top,literal){name}"])
            raise

    def _made(self, edit: Edit, tip: str) -> str:
        """Make the commit without any work tree, and return its id."""
        objects, history = self._ground.objects, self._ground.history
        new = NewObjects(self._ground.common_dir / "objects", objects.object_format)
        blob = new.write("blob", edit.content)
        path = f"{FOLDER}/{edit.path}"
        tree = spliced(objects, new, history.commit(tip).tree, path, blob)
        new.store()
        sign = ["-S"] if self._as_user.sign else []
        words = ["commit-tree", *sign, "-p", tip, "-F", "-", tree]
        given = edit.message.encode("utf-8", "replace")
        return _must(self._ground.git.directory, words, "git would not commit", given)

    def _moved(self, branch: str, commit: str, before: str) -> str:
        old = before or "0" * len(commit)
        words = ["update-ref", "-m", "novaorch: edit", f"refs/heads/{branch}", commit, old]
        reply = run_for_user(self._ground.git.directory, words)
        if not reply.ok:
            raise ConflictError(
                f"the branch {branch} could not be moved",
                why=said(reply.err),
                fix="somebody else may have moved it just now: run the same command again",
            )
        return commit


def _put(path: Path, content: bytes) -> None:
    """Write it whole or not at all."""
    draft = path.with_name(f".{path.name}.novaorch")
    try:
        draft.write_bytes(content)
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SourceError(
            f"{path} cannot be written", why=error.strerror or "", fix="mend that, then again"
        ) from error


def _must(directory: Path, words: Sequence[str], what: str, given: bytes = b"") -> str:
    reply = run_for_user(directory, words, given)
    if not reply.ok:
        why = said(reply.err + " " + reply.out.decode("utf-8", "replace"))
        raise SourceError(what, why=why, fix="run the same git command by hand and mend that")
    return reply.out.decode("utf-8", "replace").strip()
