"""Which program a session file was written for, by its words."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.kinds.foreign.notes import Imported
from reconciler.kinds.foreign.read import Document, Items, Table
from reconciler.kinds.foreign.tmuxinator import read_tmuxinator
from reconciler.kinds.foreign.tmuxp import read_tmuxp
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.model.problems import SourceError

TMUXP, TMUXINATOR = "tmuxp", "tmuxinator"
_WORDS_OF_TMUXP = frozenset({"session_name", "start_directory", "before_script", "global_options"})
_WORDS_OF_TMUXINATOR = frozenset({"name", "project_name", "root", "project_root", "tabs"})
_PARTS_OF_TMUXP = frozenset({"window_name", "panes", "window_shell", "options_after"})

Reader = Callable[[Document, Surroundings], Imported]
_READERS: dict[str, Reader] = {TMUXP: read_tmuxp, TMUXINATOR: read_tmuxinator}


def sniff(document: Document, wanted: str = "") -> Reader:
    """Return the reader of a file: of the program that is `wanted`, or that its words belong to."""
    if wanted:
        return _READERS[wanted]
    words = document.root.keys()
    windows = document.root.get("windows") or document.root.get("tabs")
    if words & _WORDS_OF_TMUXP:
        return read_tmuxp
    if not isinstance(windows, Items):
        raise SourceError(
            f"{document.path}: no session file that we know",
            why="tmuxp and tmuxinator files have a list `windows:`",
            fix="name the right file",
        )
    if words & _WORDS_OF_TMUXINATOR:
        return read_tmuxinator
    tmuxp = any(isinstance(w, Table) and w.keys() & _PARTS_OF_TMUXP for w in windows)
    return read_tmuxp if tmuxp else read_tmuxinator
