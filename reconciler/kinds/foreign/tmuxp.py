"""A tmuxp workspace as a Session: what tmuxp 1.x makes of the file is what the manifest says."""

from __future__ import annotations

from reconciler.kinds.foreign.environment import Variables, variables
from reconciler.kinds.foreign.layouts import layout
from reconciler.kinds.foreign.manifest import session_manifest
from reconciler.kinds.foreign.naming import session_name, unit_name, window_name
from reconciler.kinds.foreign.notes import Imported, Notes
from reconciler.kinds.foreign.read import Document, Items, Table, Value, number, truthy
from reconciler.kinds.foreign.shell import argv
from reconciler.kinds.foreign.tmuxp_options import Settings, settings, window_options
from reconciler.kinds.foreign.tmuxp_places import pane_place, session_place, window_place
from reconciler.kinds.foreign.typed import Command, Typist, commands, say_sleeps, type_to_all
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.names import shown
from reconciler.model.ids import Json
from reconciler.model.problems import SourceError

_NEVER_RUN = "it is a program, and no program of a foreign file is run or carried over"
_REFUSED = {
    "before_script": _NEVER_RUN,
    "plugins": _NEVER_RUN,
    "workspace_builder": _NEVER_RUN,
    "workspace_builder_paths": _NEVER_RUN,
    "workspace_builder_options": "novaorch waits for nothing before it types",
}
_EVERYWHERE = {"start_directory", "environment", "shell_command_before", "suppress_history"}
_SESSION = frozenset({*_EVERYWHERE, "session_name", "windows", "options", "global_options"})
_WINDOW = frozenset(
    {*_EVERYWHERE, "window_name", "window_index", "layout", "focus", "panes", "window_shell"}
    | {"options", "options_after"}
)
_PANE = frozenset(
    {*_EVERYWHERE, "shell_command", "focus", "shell", "enter", "sleep_before", "sleep_after"}
)
PANES_MAX = 200
WINDOWS_MAX = 500


class _Workspace:
    """What holds for the whole file while its windows are read."""

    def __init__(self, document: Document, around: Surroundings) -> None:
        self.root, self.around = document.root, around
        self.notes = Notes(document.path)
        for line, key in document.twice:
            self.notes.lost(line, f"{shown(key)} stands twice: the last one counts")
        self.place = session_place(self.root, around, self.notes)
        self.variables = variables(
            self.root.get("environment"), self.root.at("environment"), around, self.notes
        )
        self.settings: Settings = settings(self.root, around, self.notes)

    def unknown(self, table: Table, known: frozenset[str]) -> None:
        for key in table:
            if key not in known:
                why = _REFUSED.get(key, "not a word that tmuxp obeys here")
                self.notes.lost(table.at(key), f"{shown(key)}: {why}")


def read_tmuxp(document: Document, around: Surroundings) -> Imported:
    """Return the Session that a tmuxp file means; SourceError when it is no such file."""
    if not isinstance(document.root.get("windows"), Items):
        raise SourceError(
            f"{document.path}: no list of windows",
            why="a tmuxp file has `session_name:` and a list `windows:`",
            fix="name the right file",
        )
    work = _Workspace(document, around)
    work.unknown(work.root, _SESSION)
    name = _text(work.root.get("session_name"))
    if not name:
        name = document.path.rpartition("/")[2].partition(".")[0]
        work.notes.changed(0, f"no session_name: the file's own name, {shown(name)}")
    name = around.expanded(name, work.root.at("session_name"), work.notes)
    spec: dict[str, Json] = {
        "session": session_name(name, work.root.at("session_name"), work.notes),
        "directory": around.said(work.place, work.root.at("start_directory"), work.notes),
        "env": dict(work.variables.env),
        "options": dict(work.settings.session),
        "windows": _windows(work),
    }
    unit = unit_name(name)
    return Imported(unit, session_manifest(unit, spec), work.notes.all())


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


# -- windows --------------------------------------------------------------------------------------


def _windows(work: _Workspace) -> list[Json]:
    tables = [(w, line) for w, line in _tables(work) if w is not None]
    if len(tables) > WINDOWS_MAX:
        raise SourceError(f"{work.notes.path}: {len(tables)} windows", fix="split the file")
    made = [_window(work, table, line) for table, line in tables]
    focused = [index for index, (table, _) in enumerate(tables) if truthy(table.get("focus"))]
    if focused:
        made[focused[-1]]["focus"] = True
        for index in focused[:-1]:
            work.notes.lost(tables[index][0].at("focus"), "focus: a later window has it too")
    order = _order(work, [table for table, _ in tables])
    if made and not focused and order[0] != 0:
        # tmuxp leaves the window that comes last in the way of tmux's own choice: the lowest.
        made[order[0]]["focus"] = True
    return [made[index] for index in order]


def _tables(work: _Workspace) -> list[tuple[Table | None, int]]:
    windows = work.root["windows"]
    found: list[tuple[Table | None, int]] = []
    for index, window in enumerate(windows if isinstance(windows, Items) else []):
        line = windows.at(index) if isinstance(windows, Items) else 0
        if isinstance(window, Table):
            found.append((window, line))
        else:
            work.notes.lost(line, f"a window that is {shown(window)}")
    return found


def _order(work: _Workspace, tables: list[Table]) -> list[int]:
    """Return the windows' places in the order of the numbers that tmux would give them."""
    taken: dict[int, int] = {}
    for place, table in enumerate(tables):
        wanted = number(table.get("window_index"))
        index = int(wanted) if wanted is not None else work.settings.base_index
        if wanted is not None and index in taken:
            work.notes.lost(table.at("window_index"), f"the number {index}: taken already")
        while index in taken:
            index += 1
        taken[index] = place
    first = work.settings.base_index
    for count, index in enumerate(sorted(taken)):
        table = tables[taken[index]]
        if index != first + count and "window_index" in table:
            line = table.at("window_index")
            work.notes.changed(line, f"the window keeps its place, but not the number {index}")
    return [taken[index] for index in sorted(taken)]


def _window(work: _Workspace, table: Table, line: int) -> dict[str, Json]:
    work.unknown(table, _WINDOW)
    around, notes = work.around, work.notes
    name = around.expanded(_text(table.get("window_name")), table.at("window_name"), notes)
    options = window_options(table, work.settings, notes)
    if not name:
        # tmux names it after what runs in it, until somebody names it.
        options.values.setdefault("automatic-rename", "on")
    made: dict[str, Json] = {
        "name": window_name(name, table.at("window_name"), notes),
        "layout": layout(table.get("layout"), table.at("layout"), notes),
        "directory": _own_place(work, table, window_place(table, work.place, around, notes)),
        "options": dict(options.values),
    }
    panes = _panes(work, table, line)
    _share_variables(work, table, made, panes)
    if options.keeps_ended:
        for _, pane in panes:
            pane["restart"] = {"policy": "never"}
    _focus(panes, notes)
    if options.synchronized_early and len(panes) > 1:
        type_to_all([pane for _, pane in panes])
        what = "synchronize-panes in options: each pane gets the later panes' lines too"
        notes.changed(table.at("options"), what)
    made["panes"] = [pane for _, pane in panes]
    return made


def _own_place(work: _Workspace, table: Table, place: str) -> str:
    if "start_directory" not in table:
        return ""
    return work.around.said(place, table.at("start_directory"), work.notes)


_Pane = tuple[Table, dict[str, Json]]


def _focus(panes: list[_Pane], notes: Notes) -> None:
    """Give one pane the focus: the last that asks for it, else the last of all, as tmuxp does."""
    asking = [index for index, (table, _) in enumerate(panes) if truthy(table.get("focus"))]
    for index in asking[:-1]:
        notes.lost(panes[index][0].at("focus"), "focus: a later pane has it too")
    if len(panes) > 1:
        panes[asking[-1] if asking else -1][1]["focus"] = True


def _share_variables(
    work: _Workspace, table: Table, window: dict[str, Json], panes: list[_Pane]
) -> None:
    """A pane's environment replaces its window's; secrets can be said at panes only."""
    around, notes = work.around, work.notes
    shared = variables(table.get("environment"), table.at("environment"), around, notes)
    own = any("environment" in pane for pane, _ in panes)
    for pane, made in panes:
        mine: Variables = shared
        if "environment" in pane:
            mine = variables(pane["environment"], pane.at("environment"), around, notes)
        outer = {n: ref for n, ref in work.variables.secrets.items() if n not in mine.env}
        made["env"] = dict(mine.env) if own else {}
        made["secrets"] = {**outer, **mine.secrets}
    window["env"] = {} if own else dict(shared.env)


# -- panes ----------------------------------------------------------------------------------------


def _panes(work: _Workspace, window: Table, line: int) -> list[_Pane]:
    panes = window.get("panes")
    if not isinstance(panes, Items) or not panes:
        if "panes" in window:
            work.notes.changed(window.at("panes"), "no list of panes: one pane with a shell")
        panes = Items()
        panes.append(None)
        panes.line = line
    if len(panes) > PANES_MAX:
        raise SourceError(f"{work.notes.path}:{panes.line}: {len(panes)} panes", fix="split them")
    before = _before(work, work.root) + _before(work, window)
    return [
        _pane(work, window, (_pane_table(pane, panes.at(index)), index, before))
        for index, pane in enumerate(panes)
    ]


def _before(work: _Workspace, table: Table) -> list[Command]:
    key = "shell_command_before"
    return commands(table.get(key), table.at(key), work.notes) if key in table else []


def _pane_table(pane: Value, line: int) -> Table:
    """Return the long form of a pane that is a text, a list, or nothing."""
    if isinstance(pane, Table):
        return pane
    table = Table()
    table.line = line
    if pane is not None:
        table["shell_command"], table.lines["shell_command"] = pane, line
    return table


def _pane(work: _Workspace, window: Table, at: tuple[Table, int, list[Command]]) -> _Pane:
    table, index, before = at
    work.unknown(table, _PANE)
    say_sleeps(table, work.notes)
    key = "shell_command"
    own = commands(table.get(key), table.at(key), work.notes) if key in table else []
    typist = Typist(
        work.around,
        work.notes,
        enter=truthy(table["enter"]) if "enter" in table else True,
        suppress=_suppress(table, window, work.root),
    )
    place = pane_place(table, window, work.place, (work.around, work.notes))
    return table, {
        "command": _command(work, table, window, index),
        "type": [*typist.lines([*before, *_before(work, table), *own])],
        "directory": place,
    }


def _suppress(*tables: Table) -> bool:
    for table in tables:
        if "suppress_history" in table:
            return truthy(table["suppress_history"])
    return True


def _command(work: _Workspace, pane: Table, window: Table, index: int) -> list[Json]:
    """Return what the pane runs: its own shell, the window's, or the session's default."""
    text = window.get("window_shell")
    if "shell" in pane and (index > 0 or pane["shell"] != ""):
        text = pane["shell"]
    if not isinstance(text, str) or not text:
        return [*work.settings.command]
    return [*argv(text, work.settings.shell)]
