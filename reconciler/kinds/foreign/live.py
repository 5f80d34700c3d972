"""A live tmux session as a Session manifest that takes it over as it is."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from reconciler.kinds.foreign.manifest import session_manifest
from reconciler.kinds.foreign.naming import SESSION_NAME, unit_name, window_name
from reconciler.kinds.foreign.notes import Imported, Notes
from reconciler.kinds.foreign.options import session_option, window_option
from reconciler.kinds.foreign.shell import argv
from reconciler.kinds.foreign.variables import Surroundings, secret_looking
from reconciler.kinds.names import shown
from reconciler.model.ids import Json
from reconciler.model.problems import RefusedError


@dataclass(frozen=True, slots=True)
class LivePane:
    """One pane as it is. `started_with` is tmux's text of the command, '' for the default shell."""

    started_with: str
    started_in: str
    path: str
    active: bool = False


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One window as it is. `named` is false where tmux names it after what runs in it."""

    index: int
    name: str
    named: bool
    layout: str
    panes: tuple[LivePane, ...]
    options: tuple[tuple[str, str], ...] = ()
    active: bool = False


@dataclass(frozen=True, slots=True)
class LiveSession:
    """One session as it is; `options` are its own, not those it has from the server."""

    name: str
    columns: int
    rows: int
    windows: tuple[LiveWindow, ...]
    options: tuple[tuple[str, str], ...] = ()


def read_live(live: LiveSession, around: Surroundings, name: str = "") -> Imported:
    """Return the manifest that adopts a live session; RefusedError when its name is not allowed.

    The name is the only thing that cannot be mended here: adopting changes nothing that runs.
    """
    if not SESSION_NAME.fullmatch(live.name):
        raise RefusedError(
            f"the session {shown(live.name)} has a name that no manifest may say",
            why="names are letters, digits, spaces and _ / @ + , - in at most 64 characters",
            fix=f"rename it first: tmux rename-session -t {shlex.quote('=' + live.name)} NEW",
        )
    notes = Notes(live.name)
    windows = [_window(window, around, notes) for window in live.windows]
    for made, window in list(zip(windows, live.windows, strict=True))[1:]:
        made["focus"] = window.active
    spec: dict[str, Json] = {
        "session": live.name,
        "adopt": True,
        "size": {"columns": live.columns, "rows": live.rows},
        "options": {n: v for n, v in live.options if session_option(n, v, 0, notes)},
        "directory": _shared_directory(windows),
        "windows": [*windows],
    }
    if not (20 <= live.columns <= 1000 and 5 <= live.rows <= 500):
        del spec["size"]
        notes.lost(0, f"the size {live.columns} by {live.rows}: the fleet's is taken")
    unit = name or unit_name(live.name)
    return Imported(unit, session_manifest(unit, spec), notes.all())


def _shared_directory(windows: list[dict[str, Json]]) -> Json:
    """Say at the session what all its panes have in common, and take it from them."""
    panes = [pane for window in windows for pane in _dicts(window["panes"])]
    places = {str(pane.get("directory") or ".") for pane in panes}
    if len(places) != 1:
        return "."
    for pane in panes:
        pane["directory"] = ""
    return places.pop()


def _dicts(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _window(window: LiveWindow, around: Surroundings, notes: Notes) -> dict[str, Json]:
    panes = [_pane(pane, around, notes) for pane in window.panes]
    several = len(panes) > 1
    if several:
        for made, pane in zip(panes, window.panes, strict=True):
            made["focus"] = pane.active
    options: dict[str, Json] = {n: v for n, v in window.options if window_option(n, v, 0, notes)}
    # Being named is what turns automatic-rename off: that is no wish of its own.
    options.pop("automatic-rename", None)
    if not window.named:
        options["automatic-rename"] = "on"
    return {
        "name": window_name(window.name, 0, notes) if window.named else "",
        "layout": window.layout if several else "",
        "options": options,
        "panes": [*panes],
    }


def _pane(pane: LivePane, around: Surroundings, notes: Notes) -> dict[str, Json]:
    command = _started(pane.started_with)
    # A program goes on where it was started; a shell, where its user has gone.
    place = pane.started_in if command else pane.path
    directory = around.said(place or pane.path or pane.started_in, 0, notes)
    hidden = [word for word in command if _hides_secret(word)]
    if hidden:
        notes.lost(0, f"the command {shown(command[0])}: a word in it looks secret, say it anew")
        command = []
    return {"command": [*command], "directory": "" if directory == "." else directory}


def _hides_secret(word: str) -> bool:
    name, sign, value = word.lstrip("-").partition("=")
    return secret_looking("", word) or bool(
        sign and value and secret_looking(name.replace("-", "_"))
    )


def _started(text: str) -> list[str]:
    """Return the argv of what tmux prints as a pane's command.

    One word was given to a shell as it is; several words were started without one.
    """
    words = printed_words(text)
    return argv(words[0]) if len(words) == 1 else words


_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|[^\s"'\\])+""", re.DOTALL)
_PIECE = re.compile(r"""\\([0-7]{3}|.)|["']""", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "v": "\v", "f": "\f", "s": " "}


def printed_words(text: str) -> list[str]:
    """Return the words of a command as tmux prints it: quoted, with C's escapes."""
    return [_PIECE.sub(_unescaped, word) for word in _WORD.findall(text)]


def _unescaped(found: re.Match[str]) -> str:
    escape = found[1]
    if escape is None:
        return ""
    if len(escape) == 3:
        return chr(int(escape, 8))
    return _ESCAPES.get(escape, escape)
