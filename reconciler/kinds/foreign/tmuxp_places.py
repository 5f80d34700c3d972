"""Where tmuxp starts things: `start_directory` at three levels, each with rules of its own."""

from __future__ import annotations

import posixpath

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.read import Table
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.names import shown

_KEY = "start_directory"


def session_place(root: Table, around: Surroundings, notes: Notes) -> str:
    """Return the session's directory; one that starts with a dot is the file's folder's."""
    text, line = root.get(_KEY), root.at(_KEY)
    if not isinstance(text, str) or not text:
        notes.changed(0, "no start_directory: the repository's root, not where tmuxp is called")
        return "."
    path = around.path(text, line, notes)
    if path.startswith("."):
        return posixpath.normpath(posixpath.join(around.folder, path))
    return _from_call(path, line, notes)


def window_place(table: Table, session: str, around: Surroundings, notes: Notes) -> str:
    """Return the window's directory: absolute, or below the session's."""
    text = table.get(_KEY)
    if not isinstance(text, str) or not text:
        return session
    path = around.path(text, table.at(_KEY), notes)
    return posixpath.normpath(posixpath.join(session, path))


def pane_place(table: Table, window: Table, session: str, tools: tuple[Surroundings, Notes]) -> str:
    """Return what the manifest says of a pane's directory, '' when it is the window's."""
    around, notes = tools
    text, line = table.get(_KEY), table.at(_KEY)
    if not isinstance(text, str) or not text:
        return ""
    path = around.path(text, line, notes)
    if path.startswith("."):
        # Said once already where the window's own directory is read.
        above = window_place(window, session, around, Notes(""))
        path = posixpath.normpath(posixpath.join(above, path))
    else:
        path = _from_call(path, line, notes)
    return around.said(path, line, notes)


def _from_call(path: str, line: int, notes: Notes) -> str:
    if not path.startswith(("/", "~")):
        what = "from the repository's root, not from where tmuxp is called"
        notes.changed(line, f"the directory {shown(path)} counts {what}")
    return path
