"""Branches and our own refs of one repository, read from git's own files without a process.

Never writes, and never takes what it cannot read for none.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from reconciler.adapters.git.raw import plainfiles
from reconciler.model.problems import BlindError

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LINKS_MAX = 5
_PACKED_MAX = 512 * 2**20


class RefBook:
    """The refs of one repository (by its common git directory). Packed ones are parsed once."""

    def __init__(self, common: Path) -> None:
        self.common = common
        self.stamp: plainfiles.Stamp | None = None
        self._packed: dict[str, str] = {}

    def fresh(self) -> plainfiles.Stamp | None:
        """Look whether refs were packed anew; return what says so."""
        now = plainfiles.stamp(self.common / "packed-refs")
        if now != self.stamp:
            self._packed = self._parse() if now is not None else {}
            self.stamp = now
        return now

    def tip(self, name: str) -> str:
        """Return what a full ref name means, '' for nothing. BlindError: nobody can tell."""
        self.fresh()
        for _ in range(_LINKS_MAX):
            said = self._loose(name)
            if said is None:
                return self._packed.get(name, "")
            if _OID.fullmatch(said):
                return said
            if not said.startswith("ref: "):
                break
            name = said[5:].strip()
        raise BlindError(
            f"the ref {name} in {self.common} cannot be read",
            why="it holds neither the id of an object nor the name of another ref",
            fix=f"git -C {self.common} for-each-ref; then mend or delete it",
        )

    def below(self, prefix: str) -> dict[str, str]:
        """Return every ref whose full name begins with `prefix` (which ends with a slash)."""
        self.fresh()
        names = {name for name in self._packed if name.startswith(prefix)}
        for folder, _, files in os.walk(self.common / prefix):
            inside = os.path.relpath(folder, self.common / prefix)
            above = prefix if inside == "." else f"{prefix}{inside}/"
            names.update(above + name for name in files if not name.endswith(".lock"))
        found = {name: self.tip(name) for name in names}
        return {name: oid for name, oid in found.items() if oid}

    def stands(self, name: str) -> bool:
        """Whether there is a ref of this very name."""
        self.fresh()
        return name in self._packed or (self.common / name).is_file()

    def _loose(self, name: str) -> str | None:
        try:
            return plainfiles.line(self.common / name)
        except IsADirectoryError:
            return None
        except OSError as error:
            if (self.common / name).is_dir():
                return None
            raise BlindError(
                f"the ref {name} in {self.common} cannot be read",
                why=error.strerror or str(error),
                fix="look at the permissions of that file",
            ) from error

    def _parse(self) -> dict[str, str]:
        try:
            body = plainfiles.read(self.common / "packed-refs", _PACKED_MAX) or b""
        except OSError as error:
            raise BlindError(
                f"the refs in {self.common} cannot be read",
                why=error.strerror or str(error),
                fix=f"look at the permissions of {self.common / 'packed-refs'}",
            ) from error
        pairs = (line.partition(" ") for line in os.fsdecode(body).split("\n"))
        return {name: oid for oid, _, name in pairs if _OID.fullmatch(oid)}
