"""Where a repository is: found by git itself, with its ownership check on.

Never trusts a place that the user's own configuration does not trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.process import GitCommand, Reply, said
from reconciler.model.problems import SourceError

_QUESTIONS = (
    "--path-format=absolute",
    "--git-dir",
    "--git-common-dir",
    "--is-bare-repository",
    "--show-object-format",
    "--show-toplevel",
)


class NoRepositoryError(SourceError):
    """There is no repository here at all."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What git hands to a hook: the index being committed, the objects still in quarantine."""

    index_file: Path | None = None
    object_dir: Path | None = None
    alternates: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Handed:
        """Return what git handed over, if one of our hooks is calling; else nothing."""
        if not environ.get("NOVAORCH_HOOK"):
            return cls()
        index, objects = environ.get("GIT_INDEX_FILE"), environ.get("GIT_OBJECT_DIRECTORY")
        others = environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
        return cls(
            Path(index).absolute() if index else None,
            Path(objects).absolute() if objects else None,
            ":".join(
                p if p.startswith('"') else str(Path(p).absolute()) for p in others.split(":") if p
            ),
        )

    def variables(self) -> dict[str, str]:
        """Return it as git's own variables."""
        named = {
            "GIT_INDEX_FILE": self.index_file,
            "GIT_OBJECT_DIRECTORY": self.object_dir,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": self.alternates,
        }
        return {name: str(value) for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Place:
    """One repository. `root` is the work tree, or the git directory of a bare one."""

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool
    object_format: str
    trusted: tuple[str, ...] = ()

    @property
    def anchor(self) -> Path:
        """The directory git is run in, from where it finds this repository at once."""
        return self.root if (self.root / ".git").exists() else self.git_dir


def locate(directory: Path) -> Place:
    """Find the repository that `directory` is in, or raise a SourceError that says how to mend."""
    if not directory.is_dir():
        raise SourceError(
            f"{directory} is not a directory", fix="name an existing directory with -C"
        )
    directory = directory.absolute()
    trusted: tuple[str, ...] = ()
    reply = GitCommand(directory).run("rev-parse", *_QUESTIONS)
    if not reply.ok and "dubious ownership" in reply.err:
        trusted = _trusted_by_user()
        reply = GitCommand(directory, trusted=trusted).run("rev-parse", *_QUESTIONS)
    place = _understood(directory, reply, trusted)
    if place.bare:
        _refuse_embedded(place)
    return place


def _understood(directory: Path, reply: Reply, trusted: tuple[str, ...]) -> Place:
    lines = reply.out.decode("utf-8", "surrogateescape").splitlines()
    whole, bare = 5, lines[2:3] == ["true"]
    if bare and len(lines) == whole - 1:  # git refuses to name the top level of a bare one
        lines.append(lines[0])
    elif not reply.ok:
        raise _refusal(directory, reply)
    if len(lines) != whole:
        raise SourceError(
            f"the path of the repository at {directory!s} holds a line break",
            fix="move the repository to a path without line breaks",
        )
    git_dir, common_dir, _, object_format, root = lines
    return Place(Path(root), Path(git_dir), Path(common_dir), bare, object_format, trusted)


def _refusal(directory: Path, reply: Reply) -> SourceError:
    if "not a git repository" in reply.err:
        return NoRepositoryError(
            f"{directory} is not in a git repository",
            why=said(reply.err),
            fix=f"run `novaorch -C {directory} init`, or name the repository with -C",
        )
    if "dubious ownership" in reply.err:
        return SourceError(
            f"the repository at {directory} belongs to another user",
            why="git does not trust it, so novaorch does not read wishes from it",
            fix=f"if you trust it: git config --global --add safe.directory {directory}",
        )
    if "must be run in a work tree" in reply.err:
        return SourceError(
            f"{directory} is inside a git directory",
            fix="name the work tree beside it with -C",
        )
    return SourceError(
        f"the repository at {directory} cannot be read",
        why=said(reply.err),
        fix=f"run `git -C {directory} fsck` and mend what it names",
    )


def _trusted_by_user() -> tuple[str, ...]:
    """Return the user's own `safe.directory` values; a repository's are never looked at."""
    command = GitCommand(Path("/"), handed={"GIT_DIR": "/dev/null"}, user_config=True)
    reply = command.run("config", "--null", "--get-all", "safe.directory")
    return tuple(reply.out.decode("utf-8", "surrogateescape").split("\0")[:-1])


def _refuse_embedded(place: Place) -> None:
    """Refuse a bare repository that another repository ships among its files."""
    outside = GitCommand(place.git_dir.parent, trusted=place.trusted)
    reply = outside.run("ls-files", "-z", "--", f"{place.git_dir.name}/HEAD")
    if reply.ok and reply.out:
        raise SourceError(
            f"{place.git_dir} is a file of another repository that looks like a bare one",
            why="whoever wrote that commit would decide its configuration",
            fix="name the outer repository with -C, or clone the inner one elsewhere",
        )
