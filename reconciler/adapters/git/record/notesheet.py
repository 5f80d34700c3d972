"""Notes on the commits of one run, as `git notes` keeps them: what led to each of them.

Never touches the notes of anybody else: each run has a ref of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.adapters.git.formats import parse_commit
from reconciler.adapters.git.loose import Write
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.raw.treefiles import Branching, Leaf, read_tree
from reconciler.adapters.git.refs import OURS
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import SourceError

REFS = "refs/notes/novaorch"


def notes_ref(unit: UnitId, run: int) -> str:
    """Return the full name of the ref with the notes of a run."""
    return f"{REFS}/{unit.project}/{unit.name}/{run}"


class RunNotes:
    """The notes of one run, as they stand at `tip` ('': there are none)."""

    def __init__(self, ref: str, tip: str, root: Branching) -> None:
        self.ref, self.tip, self._root = ref, tip, root

    def add(self, commit: str, note: Mapping[str, Json], hour: int, write: Write) -> str:
        """Note something of a commit; write the objects; return the line that moves the ref."""
        self._root.put(f"{commit[:2]}/{commit[2:]}", Leaf("100644", write("blob", _sheet(note))))
        who = f"{OURS} {hour} +0000"
        above = f"parent {self.tip}\n" if self.tip else ""
        head = f"tree {self._root.write(write)}\n{above}author {who}\ncommitter {who}\n"
        old, self.tip = self.tip or "0" * len(commit), ""
        self.tip = write("commit", f"{head}\nNotes of {commit}\n".encode())
        return f"update {self.ref} {self.tip} {old}"


def _sheet(note: Mapping[str, Json]) -> bytes:
    """Write a note, a line for each thing that it says. What json itself indents leaves cycles
    behind, which somebody would have to look for while agents wait."""
    lines = (f" {json.dumps(key)}: {json.dumps(note[key], sort_keys=True)}" for key in sorted(note))
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def no_notes(ref: str) -> RunNotes:
    """Return the notes of a run that has none."""
    return RunNotes(ref, "", Branching())


def read_notes(objects: ObjectReader, ref: str, tip: str) -> RunNotes:
    """Return the notes at `tip` of a ref. SourceError: they cannot be read."""
    try:
        found = parse_commit(tip, objects.contents([tip], "commit")[0])
    except ValueError as error:
        raise SourceError(
            f"the notes at {ref} cannot be read",
            why=str(error),
            fix=f"put them aside: git update-ref -d {ref}",
        ) from None
    return RunNotes(ref, tip, read_tree(objects, found.tree))
