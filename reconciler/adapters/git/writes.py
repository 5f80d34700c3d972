"""What novaorch writes to git on a person's behalf, as that person: identity, hooks and all.

Never rewrites history and never commits a path that it was not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.process import Reply, run_for_user, said
from reconciler.model.problems import SourceError


def commit(root: Path, paths: Sequence[Path], message: str) -> str:
    """Commit just these paths as they lie in the work tree and return the commit's id.

    What else is staged stays staged. When nothing differs from HEAD, HEAD's id is returned.
    When a hook of the user refuses, the paths stay staged, as git does it.
    """
    names = [_inside(root, path) for path in paths]
    if not names:
        raise SourceError("nothing to commit was named", fix="name at least one path")
    _must(run_for_user(root, ["add", "--", *names]), "git would not add the files")
    if _differs(root, names):
        words = ["commit", "--quiet", "--only", "--file=-", "--", *names]
        given = message.encode("utf-8", "surrogateescape")
        _must(run_for_user(root, words, given), "git would not commit")
    head = _must(run_for_user(root, ["rev-parse", "--verify", "HEAD"]), "there is no commit")
    return head.out.decode("ascii").strip()


def init(directory: Path) -> None:
    """Make a repository, as the user's own `git init` would."""
    _must(run_for_user(directory, ["init", "--quiet"]), "git would not make a repository")


def make_folder(directory: Path) -> None:
    """Make a folder, and those above it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"{directory} cannot be made", why=str(error), fix="choose a folder you may write to"
        ) from error


def _differs(root: Path, names: list[str]) -> bool:
    reply = run_for_user(root, ["status", "--porcelain", "--untracked-files=no", "--", *names])
    return bool(_must(reply, "git could not compare the files").out)


def _inside(root: Path, path: Path) -> str:
    whole = path if path.is_absolute() else root / path
    try:
        inside = str((whole.parent.resolve() / whole.name).relative_to(root.resolve()))
        return f":(top,literal){inside}"
    except ValueError:
        raise SourceError(
            f"{path} is outside the repository {root}", fix="name a path inside it"
        ) from None


def _must(reply: Reply, what: str) -> Reply:
    if not reply.ok:
        why = said(reply.err + " " + reply.out.decode("utf-8", "replace"))
        raise SourceError(what, why=why, fix="run the same git command by hand and mend that")
    return reply


def person(root: Path) -> str:
    """Return who the user is to git, as `Name <mail>`. SourceError: git does not know."""
    reply = run_for_user(root, ["var", "GIT_AUTHOR_IDENT"])
    if not reply.ok:
        raise SourceError(
            "git does not know who you are",
            why="what you say to the controller is kept with your name",
            fix='git config --global user.name "Your Name"; '
            "git config --global user.email you@example.org",
        )
    return printable(
        reply.out.decode("utf-8", "replace").strip().rpartition(" ")[0].rpartition(" ")[0]
    )
