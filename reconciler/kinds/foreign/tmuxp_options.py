"""tmuxp's options at session, server and window level, and the shell that two of them choose."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.options import option_text, session_option, window_option
from reconciler.kinds.foreign.read import Table
from reconciler.kinds.foreign.shell import argv
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.names import shown
from reconciler.kinds.options import WINDOW_OPTIONS


@dataclass(slots=True)
class Settings:
    """What `options` and `global_options` of a file come to.

    `windows` are window options that hold for all windows; `command` is what a pane runs that
    says nothing, `shell` what runs the commands that need one.
    """

    session: dict[str, str] = field(default_factory=dict)
    windows: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    shell: str = "sh"
    base_index: int = 0
    keeps_ended: bool = False


def settings(root: Table, around: Surroundings, notes: Notes) -> Settings:
    """Return the file's settings; a session's own option wins over a global one."""
    # What tmux starts commands with, found by its name: paths differ from machine to machine.
    made = Settings(shell=around.environ.get("SHELL", "").rpartition("/")[2] or "sh")
    shells: dict[str, str] = {}
    for key in ("global_options", "options"):
        table = root.get(key)
        if table is None:
            continue
        if not isinstance(table, Table):
            notes.lost(root.at(key), f"{key} is {shown(table)}, not names with values")
            continue
        if key == "global_options" and table:
            notes.changed(root.at(key), "global_options hold for this session, not for the server")
        for name in table:
            text = _value(table, name, around, notes)
            if text is not None:
                _setting(made, shells, (key, name, text), (table.at(name), notes))
    _choose_shell(made, shells, root, notes)
    if made.session.get("base-index", "").isdigit():
        made.base_index = int(made.session["base-index"])
    return made


def _value(table: Table, name: str, around: Surroundings, notes: Notes) -> str | None:
    text = option_text(table[name])
    if text is None:
        notes.lost(table.at(name), f"the option {shown(name)}: {shown(table[name])} is no value")
        return None
    return around.expanded(text, table.at(name), notes)


def _setting(
    made: Settings, shells: dict[str, str], entry: tuple[str, str, str], at: tuple[int, Notes]
) -> None:
    (key, name, text), (line, notes) = entry, at
    if name in {"default-shell", "default-command"}:
        shells[name] = text
    elif key == "global_options" and name == "remain-on-exit":
        made.keeps_ended = _say_kept(text, line, notes)
    elif key == "global_options" and name in WINDOW_OPTIONS:
        if window_option(name, text, line, notes):
            made.windows[name] = text
    elif session_option(name, text, line, notes):
        made.session[name] = text


def _choose_shell(made: Settings, shells: dict[str, str], root: Table, notes: Notes) -> None:
    if not shells:
        return
    made.shell = shells.get("default-shell") or made.shell
    said = shells.get("default-command")
    # Without a default-command tmux starts the shell as a login shell; it always sets $SHELL.
    env = ["env", f"SHELL={made.shell}"] if "default-shell" in shells else []
    made.command = [*env, *(argv(said, made.shell) if said else [made.shell, "-l"])]
    line = root.at("options" if "options" in root else "global_options")
    notes.changed(line, f"{' and '.join(sorted(shells))}: written as the command of each pane")


@dataclass(slots=True)
class WindowOptions:
    """A window's options, and what two of them mean for its panes."""

    values: dict[str, str]
    keeps_ended: bool = False
    synchronized_early: bool = False


def window_options(table: Table, shared: Settings, notes: Notes) -> WindowOptions:
    """Return the options of a window: those of all windows, its own, then `options_after`."""
    made = WindowOptions(dict(shared.windows), keeps_ended=shared.keeps_ended)
    made.synchronized_early = made.values.get("synchronize-panes") == "on"
    for key in ("options", "options_after"):
        inner = table.get(key)
        if not isinstance(inner, Table):
            if inner is not None:
                notes.lost(table.at(key), f"{key} is {shown(inner)}, not names with values")
            continue
        for name in inner:
            _window_option(made, inner, name, notes)
        if key == "options":
            made.synchronized_early = made.values.get("synchronize-panes") == "on"
    return made


def _window_option(made: WindowOptions, table: Table, name: str, notes: Notes) -> None:
    text, line = option_text(table[name]), table.at(name)
    if text is None:
        notes.lost(line, f"the option {shown(name)}: {shown(table[name])} is no value")
    elif name == "remain-on-exit":
        made.keeps_ended = _say_kept(text, line, notes)
    elif window_option(name, text, line, notes):
        made.values[name] = text


def _say_kept(text: str, line: int, notes: Notes) -> bool:
    if text == "on":
        notes.changed(line, "remain-on-exit is written as `restart: {policy: never}` at each pane")
        return True
    notes.lost(line, "the option remain-on-exit: novaorch always keeps ended panes itself")
    return False
