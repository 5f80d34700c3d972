"""One work tree as it is, or what stands at the place of one; why none can be made there.

Reads a few small files, starts no process (but for a verdict that git has packed away, once), and
never takes what it cannot read for absent.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees import runs
from reconciler.adapters.git.worktrees.heads import Heads, head_of
from reconciler.adapters.git.worktrees.places import (
    Linked,
    admin_of,
    common_dir,
    kind,
    linked,
    same,
)
from reconciler.adapters.git.worktrees.refbook import RefBook
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Workspace
from reconciler.model.workspace import RUNS, SeenWorkspace

Said = tuple[str, str]
"""What is wrong, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of one repository: its refs, who is on which branch, parents of commits."""

    book: RefBook
    heads: Heads
    parent: runs.FirstParent


Grounds = Callable[[Path], Ground]
"""Returns what is known of the repository with this common git directory."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Looks at single trees for one fleet."""

    fleet: str
    grounds: Grounds

    def look(self, path: Path, unit: UnitId, wanted: Workspace | None) -> SeenWorkspace | None:
        """Return what is at a place. None: nothing, or something that is no concern of ours."""
        try:
            return self._looked(path, unit, wanted)
        except OSError as error:
            why = error.strerror or str(error)
            fix = f"look at the permissions there: ls -la {shlex.quote(str(path))}"
            return SeenWorkspace(unit, str(path), trouble=f"it cannot be read: {why}", fix=fix)
        except NovaorchError as error:
            told = f"{error.what} ({error.why})" if error.why else error.what
            return SeenWorkspace(unit, str(path), trouble=told, fix=error.fix)

    def hindrance(self, wanted: Workspace) -> SeenWorkspace | None:
        """Return why a tree that is not there yet cannot be made; None: it can."""
        try:
            said = self._hindered(wanted)
        except (OSError, NovaorchError) as error:
            said = (f"its repository cannot be read: {error}", f"look at {wanted.repository}")
        if said is None:
            return None
        return SeenWorkspace(wanted.id, wanted.path, trouble=said[0], fix=said[1])

    # -- what is there -------------------------------------------------------------------------

    def _looked(self, path: Path, unit: UnitId, wanted: Workspace | None) -> SeenWorkspace | None:
        what = kind(path)
        if not what or (what == "folder" and not plainfiles.names(path)):
            return None
        inner = kind(path / ".git") if what == "folder" else ""
        if inner != "file":
            said = _in_the_way(path, what, inner)
            return SeenWorkspace(unit, str(path), trouble=said[0], fix=said[1]) if wanted else None
        admin = admin_of(path)
        found = linked(admin) if admin is not None else None
        if admin is None or found is None or not same(admin.parent, found.common / "worktrees"):
            said = _unlinked(path, admin, wanted)
            return SeenWorkspace(unit, str(path), trouble=said[0], fix=said[1])
        return self._whose(path, unit, found, wanted)

    def _whose(
        self, path: Path, unit: UnitId, found: Linked, wanted: Workspace | None
    ) -> SeenWorkspace | None:
        mark = marks.read(found.admin)
        ours = mark is not None and mark.fleet == self.fleet and mark.unit == unit
        if not ours and wanted is None:
            return None
        seen = self._as_it_is(path, unit, found)
        if mark is not None and ours:
            seen = replace(
                seen, fleet=mark.fleet, digest=mark.digest, protect=mark.protect,
                applied=mark.applied,
            )  # fmt: skip
        said = self._troubled(seen, found, wanted, mark)
        return replace(seen, trouble=said[0], fix=said[1]) if said else seen

    def _as_it_is(self, path: Path, unit: UnitId, found: Linked) -> SeenWorkspace:
        ground = self.grounds(found.common)
        branch, tip = head_of(found.admin)
        if branch:
            tip = ground.book.tip(f"refs/heads/{branch}")
        seen = SeenWorkspace(unit, str(path), str(found.common), branch, tip)
        over = bool(seen.run) and runs.finished(ground.book, branch, unit, ground.parent)
        return replace(seen, finished=over)

    def _troubled(
        self, seen: SeenWorkspace, found: Linked, wanted: Workspace | None, mark: marks.Mark | None
    ) -> Said | None:
        if mark is not None and not seen.fleet:
            return _belongs(seen, mark)
        if not seen.fleet and wanted is not None:
            strange = _strange(seen, wanted)
            if strange is not None:
                return strange
        if seen.fleet and wanted is not None and self._moves(seen, wanted):
            hindered = self._hindered(wanted)
            if hindered is not None:
                return hindered
        if not same(found.back, _own_place(seen, mark)):
            repository = shlex.quote(seen.repository)
            return (
                f"git believes that this work tree is at {found.back}",
                f"git -C {repository} worktree repair {shlex.quote(seen.path)}",
            )
        if not seen.branch and not seen.tip:
            return (
                "its HEAD cannot be read",
                f"write the branch into it: echo 'ref: refs/heads/{RUNS}/...' > "
                f"{shlex.quote(str(found.admin / 'HEAD'))}",
            )
        where = self.grounds(found.common).heads.elsewhere(seen.branch, found.admin)
        return _checked_out(seen.branch, where) if where else None

    @staticmethod
    def _moves(seen: SeenWorkspace, wanted: Workspace) -> bool:
        """Whether a tree of ours is one of another repository than is wished for."""
        common = common_dir(Path(wanted.repository))
        return common is None or not same(common, seen.repository)

    # -- what could be made --------------------------------------------------------------------

    def _hindered(self, wanted: Workspace) -> Said | None:
        repository = Path(wanted.repository)
        common = common_dir(repository)
        quoted = shlex.quote(wanted.repository)
        if common is None:
            return (
                f"there is no git repository at {wanted.repository}",
                f"make one (git init {quoted}), or name the right one: spec.workspace.repository",
            )
        if (common / "reftable").is_dir():
            return (
                "its repository keeps refs in a format that novaorch does not read (reftable)",
                f"git -C {quoted} refs migrate --ref-format=files",
            )
        crooked = _crooked(Path(wanted.path))
        if crooked is not None:
            return crooked
        ground = self.grounds(common)
        said = blocked(ground.book, wanted) or baseless(ground.book, wanted)
        if said is not None:
            return said
        number, _ = runs.current(ground.book, wanted.id, ground.parent)
        branch = runs.name_of(wanted.id, number)
        where = ground.heads.elsewhere(branch, None, wanted.path)
        return _checked_out(branch, where) if where else None


def begin_at(book: RefBook, wanted: Workspace) -> str:
    """Return the commit that a new run begins at, '' when there is none."""
    if wanted.base:
        return book.tip(f"refs/heads/{wanted.base}")
    branch, tip = head_of(book.common)
    return book.tip(f"refs/heads/{branch}") if branch else tip


def baseless(book: RefBook, wanted: Workspace) -> Said | None:
    """Return why there is nothing that a run could begin at."""
    if begin_at(book, wanted):
        return None
    quoted = shlex.quote(wanted.repository)
    if not wanted.base or not book.below("refs/heads/"):
        return (
            f"the repository {wanted.repository} has no commit yet",
            f"git -C {quoted} commit --allow-empty -m 'Begin'",
        )
    return (
        f"there is no branch {wanted.base!r} in {wanted.repository}",
        f"git -C {quoted} branch {shlex.quote(wanted.base)}, or name another: spec.workspace.base",
    )


def blocked(book: RefBook, wanted: Workspace) -> Said | None:
    """Return the branch that stands where a folder of branches is to be."""
    name = RUNS
    for part in ("", wanted.id.project, wanted.id.name):
        name = f"{name}/{part}" if part else name
        if book.stands(f"refs/heads/{name}"):
            quoted = shlex.quote(wanted.repository)
            return (
                f"a branch {name!r} stands in the way of the branches {name}/...",
                f"git -C {quoted} branch -m {name} {name}-before",
            )
    return None


def _in_the_way(path: Path, what: str, inner: str) -> Said:
    told = {
        "link": "a symbolic link",
        "file": "a file",
        "thing": "something that is neither file nor folder",
    }.get(what, "a repository of its own" if inner else "a folder that is no work tree")
    quoted = shlex.quote(str(path))
    return f"{told} stands where its work tree is to be", f"mv -T {quoted} {quoted}.before"


def _unlinked(path: Path, admin: Path | None, wanted: Workspace | None) -> Said:
    quoted = shlex.quote(str(path))
    if admin is None or admin.is_dir():
        return (
            "its .git file leads to no folder of a linked work tree",
            f"mv -T {quoted} {quoted}.before",
        )
    place = "REPOSITORY"
    if wanted is not None:
        common = common_dir(Path(wanted.repository))
        if common is not None and (common / "worktrees" / admin.name).is_dir():
            place = shlex.quote(wanted.repository)
    where = "" if place != "REPOSITORY" else " (REPOSITORY is where it is now)"
    return (
        f"its repository was moved or removed: there is no {admin}",
        f"git -C {place} worktree repair {quoted}{where}",
    )


def _own_place(seen: SeenWorkspace, mark: marks.Mark | None) -> str:
    """Return where a tree should believe to be: one that is set aside still names its place."""
    return mark.path if mark is not None and f"/{seen.unit.project}/" in mark.path else seen.path


def _belongs(seen: SeenWorkspace, mark: marks.Mark) -> Said:
    quoted = shlex.quote(seen.path)
    return (
        f"the work tree there is that of {mark.unit} of the fleet {mark.fleet!r}",
        f"git -C {shlex.quote(seen.repository)} worktree move {quoted} {quoted}.before",
    )


def _strange(seen: SeenWorkspace, wanted: Workspace) -> Said | None:
    """Return why a work tree without our mark is not taken over."""
    quoted, repository = shlex.quote(seen.path), shlex.quote(seen.repository)
    away = f"git -C {repository} worktree move {quoted} {quoted}.before"
    common = common_dir(Path(wanted.repository))
    if common is None or not same(common, seen.repository):
        return f"a work tree of another repository is there: {seen.repository}", away
    if not seen.run:
        on = f"on the branch {seen.branch!r}" if seen.branch else "on no branch"
        return f"somebody's work tree {on} is there", away
    return None


def _checked_out(branch: str, where: str) -> Said:
    if not Path(where).exists():
        return (
            f"the branch {branch} is kept by a work tree that is gone: {where}",
            f"git worktree prune, in the repository; or bring back {where}",
        )
    return (
        f"the branch {branch} is checked out at {where}, too",
        f"git -C {shlex.quote(where)} switch --detach",
    )


def _crooked(path: Path) -> Said | None:
    """Return what is no folder on the way to a place."""
    for folder in (path.parent, path.parent.parent):
        what = kind(folder)
        if what not in ("", "folder"):
            quoted = shlex.quote(str(folder))
            return f"{folder} is to be a folder, and is none", f"mv -T {quoted} {quoted}.before"
    return None
