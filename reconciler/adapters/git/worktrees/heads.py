"""Who is on which branch: the HEADs of all work trees of one repository.

Never starts git: reads `HEAD` and `worktrees/*/HEAD`, and again only what changed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEAD = "ref: refs/heads/"


def head_of(admin: Path) -> tuple[str, str]:
    """Return (branch, '') or ('', commit) as HEAD says; both '' when it cannot be understood."""
    try:
        said = plainfiles.line(admin / "HEAD") or ""
    except OSError:
        return "", ""
    if said.startswith(_HEAD) and ".." not in said:
        return said.removeprefix(_HEAD).strip(), ""
    return "", said if _OID.fullmatch(said) else ""


class Heads:
    """The branches that work trees of one repository are on."""

    def __init__(self, common: Path) -> None:
        self._common = common
        self._seen: dict[str, tuple[plainfiles.Stamp | None, str]] = {}
        self._names: tuple[str, ...] = ()
        self._stamp: plainfiles.Stamp | None = None
        self._by_branch: dict[str, list[str]] = {}
        self._noted = False

    def fresh(self, settled: frozenset[str] = frozenset()) -> bool:
        """Look again; return whether anybody moved.

        Those `settled` (names of admin folders) are known to be as they were.
        """
        now = plainfiles.stamp(self._common / "worktrees")
        if now is None or now != self._stamp:
            self._names = tuple(plainfiles.folders(self._common / "worktrees"))
            self._stamp = now
        gone = self._seen.keys() - {"", *self._names}
        for name in gone:
            del self._seen[name]
        moved = [self._look(name) for name in ("", *self._names) if name not in settled]
        changed = bool(gone) or any(moved)
        if changed:
            self._sort()
        changed, self._noted = changed or self._noted, False
        return changed

    def note(self, name: str, branch: str) -> None:
        """Know from whoever looked that an admin folder is on a branch."""
        before = self._seen.get(name)
        if before is None or before[1] != branch:
            self._seen[name] = (None, branch)
            self._sort()
            self._noted = True

    def elsewhere(self, branch: str, admin: Path | None, place: str = "") -> str:
        """Return a place where a branch is checked out, other than by `admin` or at `place`."""
        own = admin.name if admin is not None else None
        for name in self._by_branch.get(branch, ()):
            where = self._place(name)
            if name != own and where != place:
                return where
        return ""

    def _sort(self) -> None:
        self._by_branch = {}
        for name, (_, branch) in self._seen.items():
            if branch:
                self._by_branch.setdefault(branch, []).append(name)

    def _look(self, name: str) -> bool:
        admin = self._common / "worktrees" / name if name else self._common
        stamp = plainfiles.stamp(admin / "HEAD")
        before = self._seen.get(name)
        if before is not None and before[0] == stamp:
            return False
        branch = head_of(admin)[0]
        self._seen[name] = (stamp, "" if not name and self._bare() else branch)
        return True

    def _bare(self) -> bool:
        """Whether nobody can be on the branch that the repository itself names."""
        return self._common.name != ".git"

    def _place(self, name: str) -> str:
        if not name:
            return str(self._common.parent)
        try:
            back = plainfiles.line(self._common / "worktrees" / name / "gitdir") or name
        except OSError:
            back = name
        return os.path.normpath(self._common / "worktrees" / name / back).rpartition("/")[0]
