"""What of a work tree may be in a commit: by policy, and by a look for secrets.

Never writes anything; what is held back stays as the base has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE
from reconciler.adapters.git.raw.scan import Rules, Scan
from reconciler.adapters.git.raw.treefiles import Leaf
from reconciler.adapters.git.record.lane import Base
from reconciler.core.keepout import keeper
from reconciler.core.leaks import added, find, is_text
from reconciler.model.training import HeldBack
from reconciler.model.unit import Training

_BLOB_MAX = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Work:
    """What a work tree comes to: the files of the next commit, and what is not in it."""

    files: dict[str, Leaf]
    held: tuple[HeldBack, ...]


class Sift:
    """The policy of one workspace at work. One thread only."""

    def __init__(self, room: CleanRoom, policy: Training) -> None:
        self._room, self._policy = room, policy
        self._kept_out = keeper(policy.keep_out)

    def rules(self, base: Base) -> Rules:
        """Return what a scan refuses: by policy, and for secrets that were not there before."""

        def sieve(path: str, body: bytes) -> HeldBack | None:
            held = self._kept_out(path)
            if held is not None or not is_text(body):
                return held
            return self._leaking(path, body.decode("utf-8", "replace"), base.files.get(path))

        return Rules(
            self._policy.file_max, sieve, f"{self._policy.file_max}\0{self._policy.keep_out}"
        )

    def _leaking(self, path: str, text: str, before: Leaf | None) -> HeldBack | None:
        """Hold a file back for a secret that was not in it before."""
        if not find(text):
            return None
        leaks = added(self._content(before), text)
        if not leaks:
            return None
        where = ", ".join(f"{path}:{leak.line} {leak.rule}" for leak in leaks[:5])
        return HeldBack(path, "secret", where)

    def _content(self, leaf: Leaf | None) -> str:
        if leaf is None or leaf.mode == SUBMODULE:
            return ""
        with self._room.reading() as objects:
            if objects.headers([leaf.oid])[0].size > _BLOB_MAX:
                return ""
            return objects.contents([leaf.oid], "blob")[0].decode("utf-8", "replace")

    def work(self, base: Base, found: Scan) -> Work:
        """Return the files as they are to be: what is held back stays as the base has it."""
        files = dict(found.files)
        held = {one.path: one for one in found.refused}
        for path in [p for p, leaf in files.items() if base.files.get(p) != leaf]:
            why = self._kept_out(path)
            if why is not None:
                held.setdefault(path, why)
                del files[path]
        gone = [path for path in base.files if path not in files]
        for path in gone:
            why = held.get(path) or _above(path, held) or self._kept_out(path)
            if why is not None and not _blocked(path, files):
                files[path] = base.files[path]
                if why.path == path:
                    held.setdefault(path, why)
        return Work(files, tuple(sorted(held.values(), key=lambda one: one.path)))


def _above(path: str, held: Mapping[str, HeldBack]) -> HeldBack | None:
    """Return why a folder above a path is held back."""
    parts = path.split("/")
    for count in range(1, len(parts)) if held else ():
        found = held.get("/".join(parts[:count]))
        if found is not None:
            return found
    return None


def _blocked(path: str, files: Mapping[str, Leaf]) -> bool:
    """Whether a file is where a folder above this path would have to be."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in files for count in range(1, len(parts)))
