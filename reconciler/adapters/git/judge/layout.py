"""A commit's files laid out in an empty folder, byte by byte, for commands that are to judge them.

No filter, no line ends, no `.git`: nothing there leads back to the repository. Links are made as
they are, after every file, so that none of them can be written through.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import LINK, SUBMODULE
from reconciler.adapters.git.raw.treefiles import Leaf, read_tree
from reconciler.model.problems import SourceError

_BATCH = 200
_HELD_BYTES = 16 * 2**20
_EXECUTABLE = "100755"


def lay_out(room: CleanRoom, tree: str, folder: Path) -> None:
    """Write every file of a tree below a folder that is empty. SourceError: it cannot be done."""
    files = read_tree(room.objects, tree).files()
    try:
        for path, leaf in files.items():
            place = folder / path
            (place if leaf.mode == SUBMODULE else place.parent).mkdir(parents=True, exist_ok=True)
        for path, leaf, body in _contents(room, files.items()):
            _write(folder / path, leaf, body)
        for path, leaf in files.items():
            if leaf.mode == LINK:
                (body,) = room.objects.contents([leaf.oid], "blob")
                (folder / path).symlink_to(os.fsdecode(body))
    except (OSError, ValueError) as error:
        raise SourceError(
            "the candidate's files cannot be laid out for its gate",
            why=str(error),
            fix=f"look at the space and the rights in {folder.parent} (TMPDIR names another place)",
        ) from error


def _contents(
    room: CleanRoom, files: Iterable[tuple[str, Leaf]]
) -> Iterator[tuple[str, Leaf, bytes]]:
    """Yield the content of every plain file, a batch at a time."""
    plain = [(path, leaf) for path, leaf in files if leaf.mode not in (LINK, SUBMODULE)]
    for batch in _batches(room, plain):
        bodies = room.objects.contents([leaf.oid for _, leaf in batch], "blob")
        for (path, leaf), body in zip(batch, bodies, strict=True):
            yield path, leaf, body


def _batches(room: CleanRoom, plain: list[tuple[str, Leaf]]) -> Iterator[list[tuple[str, Leaf]]]:
    for at in range(0, len(plain), _BATCH):
        part = plain[at : at + _BATCH]
        sizes = room.objects.headers([leaf.oid for _, leaf in part])
        held: list[tuple[str, Leaf]] = []
        weight = 0
        for one, size in zip(part, sizes, strict=True):
            if held and weight + size.size > _HELD_BYTES:
                yield held
                held, weight = [], 0
            held.append(one)
            weight += size.size
        yield held


def _write(place: Path, leaf: Leaf, body: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    mode = 0o755 if leaf.mode == _EXECUTABLE else 0o644
    with os.fdopen(os.open(place, flags, mode), "wb") as file:
        file.write(body)
