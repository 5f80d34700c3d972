"""Git's object formats, read and hashed in plain Python: trees, commits, ids.

Never touches a repository: bytes in, values out. A malformed object is a ValueError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from reconciler.model.manifest import Blob

TREE, LINK, SUBMODULE = "040000", "120000", "160000"
_Nested: TypeAlias = "dict[str, Blob | _Nested]"
_AUTHOR_MAX, _SUBJECT_MAX = 200, 500


class Entry(NamedTuple):
    """One line of a tree object. `mode` has six digits."""

    mode: str
    name: str
    oid: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What is read of a commit; author and subject are safe to print.

    `committed` is the epoch second of the committer's hour, 0 when it is missing or absurd.
    The first of `parents` is the one that a merge was made on.
    """

    oid: str
    tree: str
    author: str
    subject: str
    committed: float = 0.0
    parents: tuple[str, ...] = ()


def object_id(kind: str, body: bytes, object_format: str) -> str:
    """Return the id that git gives to an object of this content."""
    head = b"%s %d\0" % (kind.encode(), len(body))
    return hashlib.new(object_format, head + body, usedforsecurity=False).hexdigest()


def parse_tree(body: bytes, object_format: str) -> tuple[Entry, ...]:
    """Return the entries of a tree object.

    Names that no checkout could hold (`..`, `.git`, a slash) and names that come twice are a
    ValueError: git never writes them, and a path made of them could not be trusted.
    """
    width = hashlib.new(object_format, usedforsecurity=False).digest_size
    entries, at = [], 0
    while at < len(body):
        space, end = body.index(b" ", at), body.index(b"\0", at)
        mode, name, oid = body[at:space], body[space + 1 : end], body[end + 1 : end + 1 + width]
        if len(oid) != width or not mode.isdigit() or space > end:
            raise ValueError("it is cut short")
        entries.append(Entry(mode.decode().zfill(6), _name(name), oid.hex()))
        at = end + 1 + width
    if len({entry.name for entry in entries}) != len(entries):
        raise ValueError("it names one entry twice")
    return tuple(entries)


def _name(raw: bytes) -> str:
    if raw in (b"", b".", b"..") or raw.lower() == b".git" or b"/" in raw:
        raise ValueError(f"it holds the impossible name {raw!r}")
    return raw.decode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """Return `text` with everything a terminal might obey replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def tree_id(blobs: Iterable[Blob], object_format: str) -> str:
    """Return the id of the tree object that these files would make, as a commit would have it."""
    root: _Nested = {}
    for blob in blobs:
        *folders, name = blob.path.split("/")
        folder = root
        for part in folders:
            below = folder.setdefault(part, {})
            if isinstance(below, Blob):
                raise ValueError(f"{part!r} is both a file and a folder")
            folder = below
        folder[name] = blob
    return _folder_id(root, object_format)


def _folder_id(folder: _Nested, object_format: str) -> str:
    lines = []
    for name, child in folder.items():
        raw = name.encode("utf-8", "surrogateescape")
        if isinstance(child, Blob):
            mode, oid, key = child.mode, child.oid, raw
        else:
            mode, oid, key = TREE, _folder_id(child, object_format), raw + b"/"
        lines.append((key, mode.lstrip("0").encode() + b" " + raw + b"\0" + bytes.fromhex(oid)))
    return object_id("tree", b"".join(line for _, line in sorted(lines)), object_format)


def parse_commit(oid: str, body: bytes) -> Commit:
    """Return what a commit says about itself."""
    head, _, message = body.partition(b"\n\n")
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        fields.setdefault(key, value)
    tree = fields[b"tree"].decode("ascii") if b"tree" in fields else ""
    if len(tree) != len(oid):
        raise ValueError("it names no tree")
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author = fields.get(b"author", b"").rpartition(b">")[0] + b">"
    subject = message.lstrip(b"\n")[: 8 * _SUBJECT_MAX].partition(b"\n\n")[0]
    return Commit(
        oid,
        tree,
        printable(_text(author, encoding))[:_AUTHOR_MAX],
        printable(" ".join(_text(subject, encoding).split("\n")).strip())[:_SUBJECT_MAX],
        _hour(fields.get(b"committer", b"")),
        tuple(_parents(head, len(oid))),
    )


def _parents(head: bytes, width: int) -> Iterator[str]:
    for line in head.split(b"\n"):
        if line.startswith(b"parent "):
            if len(line) != width + 7:
                raise ValueError("it names a parent that is none")
            yield line[7:].decode("ascii")


def _hour(person: bytes) -> float:
    """Return the epoch second after a name and an address; 0 when there is none that can be."""
    found = person.rpartition(b">")[2].split()
    return float(found[0]) if found and found[0].isdigit() and len(found[0]) < 13 else 0.0


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def by_path(blob: Blob) -> bytes:
    """Return the key that sorts files as git does."""
    return blob.path.encode("utf-8", "surrogateescape")
