"""Which line a person means by FILE:LINE: the repository, the path, the line as it is committed.

Reads the file in the checkout raw and never runs a filter; a line that is in no commit is said to
be in none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.formats import Entry
from reconciler.adapters.git.lines.blame import Blamer
from reconciler.adapters.git.lines.leanroom import Spot, spot
from reconciler.adapters.git.lines.shelf import SIZE_MAX, Shelf
from reconciler.core.linemath import before, content, total
from reconciler.core.plain import clean
from reconciler.model.problems import NovaorchError, SourceError

_SNIFFED = 8_000
_KINDS = {"120000": "a symbolic link", "160000": "a submodule", "040000": "a folder"}


@dataclass(frozen=True, slots=True)
class Named:
    """A file as it was named: the repository, the paths it may have there, and it on the disk."""

    place: Spot
    paths: tuple[str, ...]
    disk: Path | None


@dataclass(frozen=True, slots=True)
class Text:
    """A file in a commit. `disk` is what the checkout has instead, None when that is the same."""

    path: str
    rev: str
    commit: str
    blob: str
    body: bytes
    disk: bytes | None = None

    @property
    def shown(self) -> bytes:
        """What the numbers of lines speak of."""
        return self.body if self.disk is None else self.disk


def named(file: str, directory: Path) -> Named:
    """Find the repository and the paths that FILE can mean, seen from a directory."""
    full = Path(os.path.abspath(directory / file))  # noqa: PTH100 - links are not to be followed
    start = full.parent if full.parent.is_dir() else directory
    try:
        place = spot(start)
    except NovaorchError:
        if start == directory:
            raise
        place = spot(directory)
    if place.bare:
        return Named(place, (os.path.normpath(file),), None)
    paths = list(_within(full, place.root))
    if not Path(file).is_absolute():
        paths += [path for path in _within(place.root / file, place.root) if path not in paths]
    disk = next((place.root / path for path in paths if _there(place.root / path)), None)
    return Named(place, tuple(paths), disk)


def text_of(what: Named, rev: str, shelf: Shelf) -> Text:
    """Return the file in `rev` ('': HEAD). SourceError: there is no such, or it has no lines."""
    tip = shelf.find(f"{rev or 'HEAD'}^{{commit}}")
    if tip is None:
        raise _no_revision(what, rev)
    tree = _tree(shelf, tip.oid)
    for path in what.paths:
        entry = shelf.entry(tree, path)
        if entry is not None:
            body = _body(shelf, path, entry)
            disk = _on_disk(what.place.root / path) if not rev and not what.place.bare else None
            same = disk is None or disk == body or disk.replace(b"\r\n", b"\n") == body
            return Text(path, rev or "HEAD", tip.oid, entry.oid, body, None if same else disk)
    raise _no_file(what, rev)


def committed(text: Text, line: int, blamer: Blamer) -> int:
    """Return the number that a line has in the commit; 0: it is in none yet.

    SourceError: there is no such line.
    """
    count = total(text.shown)
    if not 1 <= line <= count:
        raise SourceError(
            f"{clean(text.path)} has no line {line}",
            why=f"it has {count} line{'' if count == 1 else 's'}"
            + (f" in {clean(text.rev)}" if text.disk is None else " in the checkout"),
            fix=f"name a line from 1 to {count}" if count else "name another file: it is empty",
        )
    if text.disk is None:
        return line
    changes = blamer.changes(text.blob, blamer.room.put(text.disk))
    return before(changes, line)


def excerpt(text: bytes, line: int, most: int = 200) -> str:
    """Return what a line says, safe to print and cut short."""
    raw = content(text, line) or b""
    said = clean(raw[: 4 * most].decode("utf-8", "replace").expandtabs(4).rstrip("\r"))
    return said if len(said) <= most and len(raw) <= 4 * most else f"{said[: most - 1]}…"


# -- inside ------------------------------------------------------------------------------------


def _within(full: Path, root: Path) -> Iterator[str]:
    for base in dict.fromkeys((root, Path(os.path.realpath(root)))):
        above = Path(os.path.realpath(full.parent), full.name) if base != root else full
        path = os.path.relpath(above, base)
        if path not in {".", ".."} and not path.startswith("../"):
            yield path


def _there(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _on_disk(path: Path) -> bytes | None:
    """Return a plain file as it is, without any filter; None: it is none, or too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            seen = os.fstat(fd)
            plain = stat.S_ISREG(seen.st_mode) and seen.st_size <= SIZE_MAX
            return file.read(SIZE_MAX) if plain else None
    except (OSError, ValueError):
        return None


def _tree(shelf: Shelf, commit: str) -> str:
    found = shelf.commit(commit)
    return found.tree if found is not None else ""


def _body(shelf: Shelf, path: str, entry: Entry) -> bytes:
    odd = _KINDS.get(entry.mode)
    if odd is not None:
        raise SourceError(f"{clean(path)} is {odd}", fix="name a file that has lines")
    found = shelf.find(entry.oid)
    if found is None:
        raise SourceError(
            f"{clean(path)} is not in this clone",
            why="a partial clone has fetched its name only",
            fix=f"fetch it: git cat-file -e {entry.oid}",
        )
    if found.size > SIZE_MAX:
        raise SourceError(
            f"{clean(path)} is too large to be read line by line",
            why=f"it has {found.size} bytes, {SIZE_MAX} are the most",
            fix="see who changed it: git log --follow on it",
        )
    if b"\0" in found.body[:_SNIFFED]:
        raise SourceError(
            f"{clean(path)} is a binary file, and has no lines",
            fix="see who changed it: git log --follow on it",
        )
    return found.body


def _no_revision(what: Named, rev: str) -> SourceError:
    if rev:
        return SourceError(
            f"there is no commit {clean(rev)[:200]!r} in {what.place.root}",
            fix="see what there is: git log --all --oneline",
        )
    return SourceError(
        f"nothing is committed in {what.place.root} yet", fix="commit something: git commit"
    )


def _no_file(what: Named, rev: str) -> SourceError:
    path = clean(what.paths[0]) if what.paths else "it"
    if not what.paths:
        return SourceError(
            f"that file is not in the repository at {what.place.root}",
            fix="name a file of the repository, relative to it or to where you are",
        )
    if what.disk is not None and not rev:
        return SourceError(
            f"{path} is not committed yet",
            why="it is in the checkout, and not in HEAD",
            fix="commit it, or save it: novaorch training commit",
        )
    return SourceError(
        f"there is no {path} in {clean(rev or 'HEAD')[:200]}",
        fix=f"see what there is: git ls-tree -r --name-only {clean(rev or 'HEAD')[:200]}",
    )
