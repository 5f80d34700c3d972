"""One file of a commit's tree put, changed or taken away, without a work tree.

Every other entry stays what it was: executables, links, submodules. Follows no link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.adapters.git.formats import TREE, Entry, parse_tree
from reconciler.adapters.git.loose import NewObjects
from reconciler.adapters.git.objects import ObjectReader
from reconciler.model.problems import NovaorchError, SourceError


def spliced(objects: ObjectReader, new: NewObjects, tree: str, path: str, blob: str) -> str:
    """Return the tree in which `path` is this blob, '' takes it away; its folders are kept back in
    `new`. A folder that is left empty goes, too; '' when nothing is left at all.

    NovaorchError: what should be a folder on the way is none.
    """
    name, _, rest = path.partition("/")
    entries = {entry.name: entry for entry in _entries(objects, tree)}
    before = entries.pop(name, None)
    if rest:
        if before is not None and before.mode != TREE:
            raise NovaorchError(
                f"{name} is no folder there", why="it is a file or a link", fix="another path"
            )
        below = spliced(objects, new, before.oid if before else "", rest, blob)
        entries |= {name: Entry(TREE, name, below)} if below else {}
    elif blob:
        entries[name] = Entry("100644", name, blob)
    return new.write("tree", _body(entries.values())) if entries else ""


def _entries(objects: ObjectReader, tree: str) -> Sequence[Entry]:
    if not tree:
        return ()
    try:
        return parse_tree(objects.contents([tree], "tree")[0], objects.object_format)
    except ValueError as error:
        raise SourceError(f"tree {tree} is malformed", why=str(error), fix="git fsck") from None


def _body(entries: Iterable[Entry]) -> bytes:
    """Return a tree object; git sorts a folder as if its name ended in a slash."""
    lines = []
    for entry in entries:
        name = entry.name.encode("utf-8", "surrogateescape")
        key = name + b"/" if entry.mode == TREE else name
        mode = entry.mode.lstrip("0").encode()
        lines.append((key, b"%s %s\0%s" % (mode, name, bytes.fromhex(entry.oid))))
    return b"".join(line for _, line in sorted(lines))
