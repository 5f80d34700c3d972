"""A tmuxinator project as a Session: what tmuxinator 3 types and splits, the manifest says."""

from __future__ import annotations

import posixpath

from reconciler.kinds.foreign.layouts import layout
from reconciler.kinds.foreign.manifest import session_manifest
from reconciler.kinds.foreign.naming import session_name, unit_name, window_name
from reconciler.kinds.foreign.notes import Imported, Notes
from reconciler.kinds.foreign.read import Document, Items, Plain, Table, Value, flag, number
from reconciler.kinds.foreign.typed import Command, Typist, type_to_all
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.names import shown
from reconciler.model.ids import Json
from reconciler.model.problems import SourceError

_PROGRAM = "it is a program, and no program of a foreign file is run or carried over"
_SERVER = "the fleet has one tmux server of its own: see `tmux:` in fleet.yaml"
_NOT_CARRIED = {
    **dict.fromkeys(("pre", "post", "on_project_start", "on_project_first_start"), _PROGRAM),
    **dict.fromkeys(("on_project_restart", "on_project_exit", "on_project_stop"), _PROGRAM),
    **dict.fromkeys(("socket_name", "socket_path", "tmux_command"), _SERVER),
    **dict.fromkeys(("tmux_options", "cli_args"), _SERVER),
    "attach": "nothing attaches by itself: novaorch attach NAME",
    "pane_title_format": "a manifest may not hold a format",
}
_KNOWN = frozenset(
    {"name", "project_name", "root", "project_root", "windows", "tabs", "startup_window"}
    | {"startup_pane", "rbenv", "rvm", "pre_tab", "pre_window"}
    | {"enable_pane_titles", "pane_title_position"}
)
_WINDOW = frozenset({"layout", "panes", "root", "pre", "synchronize", "focused_pane"})
_PANES_MAX, _WINDOWS_MAX = 200, 500


class _Project:
    """What holds for the whole file while its windows are read."""

    def __init__(self, document: Document, around: Surroundings) -> None:
        self.root, self.around = document.root, around
        self.notes = Notes(document.path)
        for line, key in document.twice:
            self.notes.lost(line, f"{shown(key)} stands twice: the last one counts")
        self.typist = Typist(around, self.notes, suppress=False)
        self.place = self._place()
        self.before = self._before()
        self.options = self._titles()

    def first(self, *keys: str) -> tuple[Value, int]:
        """Return the first key that says something, and its line."""
        for key in keys:
            if self.root.get(key) is not None:
                return self.root[key], self.root.at(key)
        return None, 0

    def _place(self) -> str:
        value, line = self.first("project_root", "root")
        if not isinstance(value, str) or not value.strip():
            self.notes.changed(0, "no root: the repository's root, not where tmuxinator is called")
            return "."
        path = self.around.path(value, line, self.notes)
        if not path.startswith(("/", "~")):
            what = "from the repository's root, not from where tmuxinator is called"
            self.notes.changed(line, f"the root {shown(path)} counts {what}")
        return path

    def _before(self) -> list[Command]:
        for key, words in (("rbenv", "rbenv shell "), ("rvm", "rvm use ")):
            value = self.root.get(key)
            if isinstance(value, str):
                return [Command(words + value, self.root.at(key))]
        value, line = self.first("pre_tab", "pre_window")
        text = _joined(value, "; ")
        return [Command(text, line)] if text else []

    def _titles(self) -> dict[str, str]:
        if not self.root.get("enable_pane_titles"):
            return {}
        value, line = self.first("pane_title_position")
        self.notes.changed(
            self.root.at("enable_pane_titles"), "titles are shown, in tmux's own format"
        )
        if value is None or value in ("top", "bottom", "off"):
            return {"pane-border-status": str(value or "top")}
        self.notes.lost(line, f"pane_title_position {shown(value)}: top is taken")
        return {"pane-border-status": "top"}


def read_tmuxinator(document: Document, around: Surroundings) -> Imported:
    """Return the Session that a tmuxinator file means; SourceError when it is no such file."""
    project = _Project(document, around)
    notes = project.notes
    windows, line = project.first("tabs", "windows")
    if not isinstance(windows, Items) or not windows:
        raise SourceError(
            f"{document.path}: no list of windows",
            why="a tmuxinator file has `name:` and a list `windows:`",
            fix="name the right file",
        )
    if len(windows) > _WINDOWS_MAX:
        raise SourceError(f"{document.path}:{line}: {len(windows)} windows", fix="split the file")
    for key in document.root:
        if key not in _KNOWN:
            why = _NOT_CARRIED.get(key, "not a word that tmuxinator obeys here")
            notes.lost(document.root.at(key), f"{shown(key)}: {why}")
    name = _name(project, document.path)
    _, line = project.first("project_root", "root")
    made = [_window(project, window, windows.at(i)) for i, window in enumerate(windows)]
    _startup(project, made)
    spec: dict[str, Json] = {
        "session": session_name(name, document.root.at("name"), notes),
        "directory": around.said(project.place, line, notes),
        "windows": [*made],
    }
    unit = unit_name(name)
    return Imported(unit, session_manifest(unit, spec), notes.all())


def _name(project: _Project, path: str) -> str:
    value, _ = project.first("project_name", "name")
    if isinstance(value, str) and value.strip():
        return value.replace(".", "_").replace(":", "_")
    name = path.rpartition("/")[2].partition(".")[0]
    project.notes.changed(0, f"no name: the file's own name, {shown(name)}")
    return name


def _joined(value: Value, between: str) -> str:
    if isinstance(value, Items):
        return between.join(v for v in value if isinstance(v, str))
    return value if isinstance(value, str) else ""


# -- windows --------------------------------------------------------------------------------------


def _window(project: _Project, value: Value, line: int) -> dict[str, Json]:
    """Return a window: `name: command`, `name: [commands]` or `name: {panes: ...}`."""
    if isinstance(value, str):
        # Without a colon the text is no window to tmuxinator either; a name is the likely meaning.
        project.notes.changed(line, f"a window that is only a text: taken for the name {value}")
        table = Table()
        table.line, table[value] = line, None
        value = table
    if not isinstance(value, Table) or not value:
        raise SourceError(
            f"{project.notes.path}:{line}: a window that is {shown(value)}",
            why="each window is `name: command`",
            fix="write it so",
        )
    name, body = next(iter(value.items()))
    for extra in list(value)[1:]:
        project.notes.lost(value.at(extra), f"{shown(extra)}: a window has one name")
    made: dict[str, Json] = {"name": window_name(name, line, project.notes)}
    if project.options:
        made["options"] = dict(project.options)
    if isinstance(body, Table):
        told = _detailed(project, body, made)
        return {**made, **told}
    lines = project.typist.lines([*project.before, *_commands(body, line)])
    made["panes"] = [{"type": [*lines]}]
    return made


def _commands(value: Value, line: int) -> list[Command]:
    items = value if isinstance(value, Items) else [value]
    return [Command(item, line) for item in items if isinstance(item, str) and item]


def _detailed(project: _Project, body: Table, made: dict[str, Json]) -> dict[str, Json]:
    notes, around = project.notes, project.around
    for key in body:
        if key not in _WINDOW:
            notes.lost(body.at(key), f"{shown(key)}: not a word of a window")
    told: dict[str, Json] = {"directory": ""}
    root = body.get("root")
    if isinstance(root, str) and root:
        path = posixpath.join(project.place, around.path(root, body.at("root"), notes))
        told["directory"] = around.said(path, body.at("root"), notes)
    panes, titles = _panes(project, body)
    told["panes"] = [*panes]
    if "panes" not in body:
        if "pre" in body:
            notes.lost(body.at("pre"), "pre: tmuxinator types it into panes only")
        return told
    told["layout"] = layout(body.get("layout"), body.at("layout"), notes)
    if not told["layout"] and len(panes) > 1:
        told["layout"] = "tiled"
    if len(panes) > 1:
        panes[_focused(body, titles)]["focus"] = True
    _synchronize(body, panes, made, notes)
    return told


def _synchronize(
    body: Table, panes: list[dict[str, Json]], made: dict[str, Json], notes: Notes
) -> None:
    value = body.get("synchronize")
    early = flag(value) is True or value == "before"
    if early and len(panes) > 1:
        type_to_all(panes)
        what = "synchronize before: each pane gets the later panes' lines too"
        notes.changed(body.at("synchronize"), what)
    if early or value == "after":
        options = made.get("options")
        shared = options if isinstance(options, dict) else {}
        made["options"] = {**shared, "synchronize-panes": "on"}


def _panes(project: _Project, body: Table) -> tuple[list[dict[str, Json]], list[str]]:
    """Return a window's panes, and the title of each ('' for none)."""
    value = body.get("panes")
    if value is None:
        return [{"type": [*project.typist.lines(project.before)]}], [""]
    items = value if isinstance(value, Items) else _one(value, body.at("panes"))
    if len(items) > _PANES_MAX:
        raise SourceError(
            f"{project.notes.path}:{items.line}: {len(items)} panes", fix="split them"
        )
    pre = _joined(body.get("pre"), " && ")
    before = [*project.before, *([Command(pre, body.at("pre"))] if pre else [])]
    panes: list[dict[str, Json]] = []
    titles: list[str] = []
    for index, item in enumerate(items):
        line, title, content = items.at(index), "", item
        if isinstance(item, Table):
            title, content = next(iter(item.items()), ("", None))
            project.notes.lost(line, f"the pane's title {shown(title)}")
        if isinstance(content, Table):
            project.notes.lost(line, f"a pane that is {shown(content)}")
            content = None
        lines = project.typist.lines([*before, *_commands(content, line)])
        panes.append({"type": [*lines]})
        titles.append(title)
    return panes or [{}], titles or [""]


def _one(value: Value, line: int) -> Items:
    items = Items()
    items.line = line
    items.append(value)
    return items


def _focused(body: Table, titles: list[str]) -> int:
    value = body.get("focused_pane")
    place = number(value)
    if place is not None:
        return int(place) if 0 <= place < len(titles) else 0
    return titles.index(value) if isinstance(value, str) and value in titles else 0


# -- startup --------------------------------------------------------------------------------------


def _startup(project: _Project, windows: list[dict[str, Json]]) -> None:
    """Give the startup window and its startup pane the focus; the first ones unless it is said."""
    wanted, line = project.first("startup_window")
    place = _window_place(wanted, windows)
    if place is None:
        project.notes.lost(line, f"startup_window {shown(wanted)}: there is no such window")
        place = 0
    if place > 0:
        windows[place]["focus"] = True
    panes = windows[place].get("panes")
    if not isinstance(panes, list) or len(panes) < 2:
        return
    value, line = project.first("startup_pane")
    index = number(value) if value is not None else 0.0
    if index is None or not 0 <= index < len(panes):
        project.notes.lost(line, f"startup_pane {shown(value)}: there is no such pane")
        index = 0.0
    for at, pane in enumerate(panes):
        if isinstance(pane, dict):
            pane["focus"] = at == int(index)


def _window_place(wanted: Value, windows: list[dict[str, Json]]) -> int | None:
    if wanted is None:
        return 0
    names = [window["name"] for window in windows]
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    index = number(Plain(wanted)) if isinstance(wanted, str) else None
    return int(index) if index is not None and 0 <= index < len(windows) else None
