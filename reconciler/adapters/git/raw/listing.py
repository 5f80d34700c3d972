"""Which files of a work tree count: as `git ls-files` lists them, run in the clean room.

Never runs anything of the repository's; an index that git cannot read is taken for none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.process import Reply, said
from reconciler.adapters.git.raw.treefiles import Leaf, Place
from reconciler.model.problems import SourceError
from reconciler.model.training import HeldBack

_WORDS = ("ls-files", "-z", "-t", "--stage", "--cached", "--others", "--exclude-standard")
_BLIND = re.compile(r"could not open directory '(.*?)/?'")


@dataclass(frozen=True, slots=True)
class Listing:
    """What git counts as there: what is in the owner's index, and what is beside it and not
    ignored. A folder that git does not look into ends in a slash.

    `index` has what is staged, and of a path in the middle of a merge one side. `skipped` are
    those that a sparse checkout leaves out. `blind` names folders that cannot be opened.
    """

    paths: tuple[str, ...]
    index: Mapping[str, Leaf]
    skipped: frozenset[str]
    unmerged: bool
    blind: tuple[HeldBack, ...]


def list_files(room: CleanRoom, place: Place) -> Listing:
    """Return what counts in a work tree. SourceError: git cannot tell. BlindError: no answer."""
    room.excluding()
    reply = room.command(place.tree, place.index).run(*_WORDS)
    if not reply.ok:
        reply = room.command(place.tree, room.path / "no-index").run(*_WORDS)
    if not reply.ok:
        raise SourceError(
            f"git could not list the files in {place.tree}",
            why=said(reply.err),
            fix=f"run `git -C {place.tree} status` and mend what it names",
        )
    return _understood(reply)


def _understood(reply: Reply) -> Listing:
    others, index, skipped, unmerged = [], {}, set(), False
    for line in reply.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        if line[0] == "?":
            others.append(line[2:])
            continue
        head, _, path = line.partition("\t")
        tag, mode, oid, _stage = head.split(" ")
        index[path] = Leaf(mode, oid)
        unmerged |= tag == "M"
        if tag == "S":
            skipped.add(path)
    blind = (HeldBack(p, "kind", "it cannot be opened") for p in _BLIND.findall(reply.err))
    paths = (*index, *others)
    return Listing(paths, index, frozenset(skipped), unmerged, tuple(blind))
