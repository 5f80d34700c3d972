"""Where things are: the trees of one fleet below one folder, and of each its admin folder.

Never follows a link: what is one stands in the way, and is told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles
from reconciler.model.ids import UnitId

MAKING, LEAVING, GONE = ".making", ".leaving", ".gone"
"""Beside the projects: trees that are not whole yet, that are being saved, that are saved."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of one fleet's trees: `root/<project>/<name>`."""

    root: Path

    def of(self, unit: UnitId) -> Path:
        """Return where the tree of a workspace is."""
        return self.root / unit.project / unit.name

    def aside(self, stage: str, unit: UnitId) -> Path:
        """Return where it is while it is made or taken away."""
        return self.root / stage / unit.project / unit.name

    def stage(self, path: Path) -> str:
        """Return which of the three stages a path is in, '' for none."""
        try:
            first = path.relative_to(self.root).parts[:1]
        except ValueError:
            return ""
        return first[0] if first and first[0] in (MAKING, LEAVING, GONE) else ""

    def unit(self, path: Path) -> UnitId:
        """Return the workspace that a tree's path belongs to."""
        return UnitId.of(path.parent.name, "workspace", path.name)

    def all(self, stage: str = "") -> Iterator[str]:
        """Yield every path at which a tree may be, in the order of names. OSError: not readable."""
        top = f"{self.root}/{stage}" if stage else str(self.root)
        for project in sorted(plainfiles.folders(top)):
            if not project.startswith("."):
                above = f"{top}/{project}"
                yield from [f"{above}/{name}" for name in plainfiles.names(above)]


@dataclass(frozen=True, slots=True)
class Linked:
    """What the `.git` file of a work tree leads to; `back` is the path that git believes in."""

    admin: Path
    common: Path
    back: str


def kind(path: Path) -> str:
    """Return what stands at a place: `` for nothing, `folder`, `link`, `file`, `thing`."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else "thing"


def admin_of(place: Path) -> Path | None:
    """Return where the `.git` file of a work tree points to; None: there is no such file."""
    said = plainfiles.line(place / ".git")
    if said is None or not said.startswith("gitdir: "):
        return None
    return Path(os.path.normpath(place / said.removeprefix("gitdir: ")))


def linked(admin: Path) -> Linked | None:
    """Return what an admin folder says of itself; None: it is none of a linked work tree."""
    said, back = plainfiles.line(admin / "commondir"), plainfiles.line(admin / "gitdir")
    if said is None or back is None:
        return None
    back = os.path.normpath(admin / back).rpartition("/")[0]
    return Linked(admin, Path(os.path.normpath(admin / said)), back)


def common_dir(repository: Path) -> Path | None:
    """Return the common git directory of a work tree or a bare repository; None: it is neither."""
    inner = repository / ".git"
    what = kind(inner)
    if what == "file":
        admin = admin_of(repository)
        if admin is None:
            return None
        found = linked(admin)
        return found.common if found is not None else _itself(admin)
    return _itself(inner.resolve() if what in ("folder", "link") else repository)


def _itself(folder: Path) -> Path | None:
    there = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return folder.resolve() if there else None


def same(one: str | Path, other: str | Path) -> bool:
    """Whether two paths mean the same place, however they are spelled."""
    if os.fspath(one) == os.fspath(other):
        return True
    return os.path.realpath(one) == os.path.realpath(other)
