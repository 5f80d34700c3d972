"""`desired-state/` of a commit, read as tree objects; what was read before is not read again.

Never checks anything out and never follows a link.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.adapters.git.formats import SUBMODULE, TREE, Entry, by_path, parse_tree
from reconciler.adapters.git.objects import ObjectReader
from reconciler.model.manifest import Blob
from reconciler.model.problems import SourceError

ENTRIES_MAX = 20_000
DEPTH_MAX = 64
FOLDER = "desired-state"


def too_many() -> SourceError:
    """Return the refusal of a folder with too many entries."""
    return SourceError(
        f"{FOLDER}/ holds more than {ENTRIES_MAX} entries",
        why="nobody reviews a wish that large, and reading it would starve the daemon",
        fix=f"move what is no manifest out of {FOLDER}/",
    )


def too_deep() -> SourceError:
    """Return the refusal of folders nested too deep."""
    return SourceError(
        f"{FOLDER}/ is nested deeper than {DEPTH_MAX} folders",
        fix=f"manifests live at {FOLDER}/<project>/<kind>/<name>.yaml",
    )


class FolderReader:
    """Reads trees; remembers those of its last walk, and the sizes of their files."""

    def __init__(self, objects: ObjectReader, object_format: str) -> None:
        self._objects, self._format = objects, object_format
        self._trees: dict[str, tuple[Entry, ...]] = {}
        self._sizes: dict[str, int] = {}

    def find(self, tree: str) -> str | None:
        """Return the id of `desired-state/` in a commit's tree; None when it has none."""
        for entry in self._parsed([tree])[0]:
            if entry.name == FOLDER:
                if entry.mode != TREE:
                    raise not_a_folder(entry.mode)
                return entry.oid
        return None

    def read(self, tree: str) -> tuple[Blob, ...]:
        """Return every file below `tree`, in git's order, with sizes."""
        self._fetch(tree)
        found = list(self._walk(tree))
        visited = {oid for _, oid in found}
        files = [(path, entry) for pairs, _ in found for path, entry in pairs]
        self._trees = {oid: self._trees[oid] for oid in visited}
        self._sizes = self.sizes([e.oid for _, e in files if e.mode != SUBMODULE])
        blobs = (Blob(path, e.oid, e.mode, self._sizes.get(e.oid, 0)) for path, e in files)
        return tuple(sorted(blobs, key=by_path))

    def sizes(self, oids: list[str]) -> dict[str, int]:
        """Return sizes in bytes, asking only for ids that the last walk did not meet."""
        known = {oid: self._sizes[oid] for oid in oids if oid in self._sizes}
        unknown = [oid for oid in dict.fromkeys(oids) if oid not in known]
        for one in self._objects.headers(unknown) if unknown else ():
            known[one.oid] = one.size
        return known

    def _fetch(self, tree: str) -> None:
        """Make every tree below known, one question a level."""
        level, seen = [tree], {tree}
        for _ in range(DEPTH_MAX + 1):
            new = [oid for oid in level if oid not in self._trees]
            self._trees.update(zip(new, self._parsed(new), strict=True))
            below = {e.oid for oid in level for e in self._trees[oid] if e.mode == TREE}
            level = sorted(below - seen)
            seen |= below
            if len(seen) > ENTRIES_MAX:
                raise too_many()
            if not level:
                return
        raise too_deep()

    def _parsed(self, oids: list[str]) -> list[tuple[Entry, ...]]:
        bodies = self._objects.contents(oids, "tree") if oids else []
        try:
            return [parse_tree(body, self._format) for body in bodies]
        except ValueError as error:
            raise SourceError(
                "a folder of the commit is malformed",
                why=f"one of the trees {', '.join(oids)[:200]} is: {error}",
                fix="run `git fsck`; no git command makes such a tree, so find out who did",
            ) from None

    def _walk(self, tree: str) -> Iterator[tuple[list[tuple[str, Entry]], str]]:
        """Yield (files, tree id) of every folder; the same tree may come at many places."""
        count, stack = 0, [("", tree, 0)]
        while stack:
            prefix, oid, depth = stack.pop()
            if depth > DEPTH_MAX:
                raise too_deep()
            entries = self._trees[oid]
            count += len(entries)
            if count > ENTRIES_MAX:
                raise too_many()
            yield [(prefix + e.name, e) for e in entries if e.mode != TREE], oid
            stack += [(f"{prefix}{e.name}/", e.oid, depth + 1) for e in entries if e.mode == TREE]


def not_a_folder(mode: str) -> SourceError:
    """Return the refusal of a `desired-state` that is a link, a file or a submodule."""
    return SourceError(
        f"{FOLDER} is not a folder (git mode {mode})",
        why="links are never followed: they could point at anything on this machine",
        fix=f"commit a plain folder {FOLDER}/ instead",
    )
