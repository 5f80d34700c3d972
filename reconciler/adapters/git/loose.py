"""Objects and folders written without a process: git's formats, in plain Python.

Never overwrites an object, and an object is there whole or not at all.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.adapters.git.formats import TREE, object_id, parse_tree
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.pack import write_pack
from reconciler.model.problems import SourceError

Write = Callable[[str, bytes], str]
"""Takes kind and content of an object, and returns its id."""


PACKED_FROM = 100
"""So many objects are one pack, as `git fast-import` has it."""


class NewObjects:
    """Objects for one repository, kept back until `store`: a few loose ones, or a pack of many."""

    def __init__(self, objects: Path, object_format: str) -> None:
        self._objects, self._format = objects, object_format
        self._kept: dict[str, tuple[str, bytes]] = {}
        self._drafts = 0

    def write(self, kind: str, body: bytes) -> str:
        """Take one object and return its id."""
        oid = object_id(kind, body, self._format)
        self._kept[oid] = (kind, body)
        return oid

    def store(self) -> None:
        """Write what was taken. SourceError: it cannot be written.

        Like git's own, loose objects are not forced to the disk: that would cost more than all
        else. A power cut may take the newest ones; a kill takes none.
        """
        try:
            if len(self._kept) >= PACKED_FROM:
                write_pack(self._objects / "pack", self._kept, self._format)
            else:
                for oid, (kind, body) in self._kept.items():
                    self._loose(oid, b"%s %d\0" % (kind.encode(), len(body)) + body)
        except OSError as error:
            raise SourceError(
                f"git objects cannot be written in {self._objects}",
                why=error.strerror or str(error),
                fix="free some space there, or give yourself write access",
            ) from error
        self._kept.clear()

    def held(self) -> frozenset[str]:
        """Return the ids of what was taken and not stored yet."""
        return frozenset(self._kept)

    def taken(self) -> dict[str, tuple[str, bytes]]:
        """Give away what was taken, by id: somebody else stores it."""
        kept, self._kept = self._kept, {}
        return kept

    def _loose(self, oid: str, content: bytes) -> None:
        path = self._objects / oid[:2] / oid[2:]
        if path.exists():
            return
        path.parent.mkdir(exist_ok=True)
        self._drafts += 1
        # git's own name for a draft, so that `git gc` clears it away should we be killed here.
        draft = path.with_name(f"tmp_obj_nova{os.getpid()}_{self._drafts}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(zlib.compress(content, 1))
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def hashing(object_format: str) -> Write:
    """Return a writer that only says what the id would be."""
    return lambda kind, body: object_id(kind, body, object_format)


class Folder:
    """A folder of files by blob id. What did not change since the last `write` is no work."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, Folder] = {}
        self._oid = ""

    def put(self, path: str, oid: str) -> None:
        """Let a path be this blob; '' takes it away, and the folder that it leaves empty."""
        self._oid = ""
        first, _, rest = path.partition("/")
        if not rest:
            self._files.pop(first, None)
            if oid:
                self._files[first] = oid
            return
        below = self._folders.setdefault(first, Folder())
        below.put(rest, oid)
        if not below._files and not below._folders:
            del self._folders[first]

    def files(self, above: str = "") -> Iterator[tuple[str, str]]:
        """Yield every path and its blob id."""
        yield from ((above + name, oid) for name, oid in self._files.items())
        for name, folder in self._folders.items():
            yield from folder.files(f"{above}{name}/")

    def write(self, write: Write) -> str:
        """Write what changed as tree objects and return the id of the whole."""
        if not self._oid:
            lines = [(n, b"100644", n, oid) for n, oid in self._files.items()]
            lines += [(f"{n}/", b"40000", n, f.write(write)) for n, f in self._folders.items()]
            body = b"".join(
                b"%s %s\0%s" % (mode, name.encode(), bytes.fromhex(oid))
                for _, mode, name, oid in sorted(lines)
            )
            self._oid = write("tree", body)
        return self._oid


def read_folder(objects: ObjectReader, tree: str) -> Folder:
    """Return a tree of plain files. SourceError: it holds anything else, or cannot be read."""
    root = Folder()
    root._oid = tree
    level = [(root, tree)]
    while level:
        bodies = objects.contents([oid for _, oid in level], "tree")
        deeper: list[tuple[Folder, str]] = []
        for (folder, oid), body in zip(level, bodies, strict=True):
            try:
                entries = parse_tree(body, objects.object_format)
            except ValueError as error:
                raise _odd(oid, str(error)) from None
            for entry in entries:
                if entry.mode == TREE:
                    below = folder._folders[entry.name] = Folder()
                    below._oid = entry.oid
                    deeper.append((below, entry.oid))
                elif entry.mode == "100644":
                    folder._files[entry.name] = entry.oid
                else:
                    raise _odd(oid, f"{entry.name!r} is no plain file")
        level = deeper
    return root


def _odd(oid: str, why: str) -> SourceError:
    return SourceError(
        f"tree {oid[:12]} is none that novaorch wrote",
        why=why,
        fix="see what changed it: novaorch verify",
    )
