"""Trees as flat lists of files, and back: what is unchanged is neither read nor written again.

Never reads a blob; every kind of entry is kept as it is: executables, links, submodules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reconciler.adapters.git.formats import TREE, parse_tree
from reconciler.adapters.git.loose import Write
from reconciler.adapters.git.objects import ObjectReader
from reconciler.model.problems import SourceError


class Leaf(NamedTuple):
    """One file of a tree: its mode, with six digits, and the id of its blob (or its commit)."""

    mode: str
    oid: str


@dataclass(frozen=True, slots=True)
class Place:
    """One work tree: its folder, and the index that its owner uses there."""

    tree: Path
    index: Path


class Branching:
    """A tree that can be changed: folders remember their ids until something below changes."""

    __slots__ = ("_folders", "_leaves", "_lines", "_oid")

    def __init__(self) -> None:
        self._leaves: dict[str, Leaf] = {}
        self._folders: dict[str, Branching] = {}
        self._lines: dict[bytes, bytes] = {}
        """What was written of those below that are unchanged, by the words that order them."""
        self._oid = ""

    def put(self, path: str, leaf: Leaf | None) -> None:
        """Let a path be this file, None takes it away; what stood in its way is replaced."""
        self._oid = ""
        first, _, rest = path.partition("/")
        raw = _raw(first)
        for key in (raw, raw + b"/"):
            self._lines.pop(key, None)
        if rest and leaf is None and first not in self._folders:
            return
        if rest:
            self._leaves.pop(first, None)
            below = self._folders.setdefault(first, Branching())
            below.put(rest, leaf)
            if not below._leaves and not below._folders:
                del self._folders[first]
            return
        if leaf is None:
            self._leaves.pop(first, None)
        else:
            self._folders.pop(first, None)
            self._leaves[first] = leaf

    def write(self, write: Write) -> str:
        """Write what changed as tree objects and return the id of the whole."""
        if not self._oid:
            for name, leaf in self._leaves.items():
                if (raw := _raw(name)) not in self._lines:
                    mode = leaf.mode.lstrip("0").encode()
                    self._lines[raw] = b"%s %s\0%s" % (mode, raw, bytes.fromhex(leaf.oid))
            for name, folder in self._folders.items():
                if (raw := _raw(name)) + b"/" not in self._lines:
                    oid = bytes.fromhex(folder.write(write))
                    self._lines[raw + b"/"] = b"40000 %s\0%s" % (raw, oid)
            self._oid = write("tree", b"".join(line for _, line in sorted(self._lines.items())))
        return self._oid

    def files(self, above: str = "") -> dict[str, Leaf]:
        """Return every file by path."""
        found = {above + name: leaf for name, leaf in self._leaves.items()}
        for name, folder in self._folders.items():
            found.update(folder.files(f"{above}{name}/"))
        return found


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def planted(files: Mapping[str, Leaf]) -> Branching:
    """Return a tree of these files."""
    root = Branching()
    for path, leaf in files.items():
        root.put(path, leaf)
    return root


def read_tree(objects: ObjectReader, tree: str) -> Branching:
    """Return the tree of this id. SourceError: it is malformed, or not there."""
    root = Branching()
    root._oid = tree
    level = [(root, tree)]
    while level:
        bodies = objects.contents([oid for _, oid in level], "tree")
        deeper: list[tuple[Branching, str]] = []
        for (folder, oid), body in zip(level, bodies, strict=True):
            try:
                entries = parse_tree(body, objects.object_format)
            except ValueError as error:
                raise SourceError(
                    f"tree {oid} is malformed", why=str(error), fix="run `git fsck`"
                ) from None
            for entry in entries:
                if entry.mode == TREE:
                    below = folder._folders[entry.name] = Branching()
                    below._oid = entry.oid
                    deeper.append((below, entry.oid))
                else:
                    folder._leaves[entry.name] = Leaf(entry.mode, entry.oid)
        level = deeper
    return root
