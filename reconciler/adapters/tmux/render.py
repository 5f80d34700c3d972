"""What a step is in tmux's words. Pure: a step and what is known of the server in, commands out.

Everything that makes a thing also marks it, in the same sequence: tmux lets nothing happen between
two commands of one line, so not even a program that ends at once is missed. Options are dear
(tmux works out every window's size again), so each thing gets as few as possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from reconciler.adapters.tmux.launch import (
    Setting,
    applied_key,
    ascii_json,
    start,
    title,
    typed,
)
from reconciler.adapters.tmux.photo import FRAME, PANE, WINDOW
from reconciler.adapters.tmux.quote import block, quote, sequence
from reconciler.adapters.tmux.talk import BIRTH
from reconciler.model import step as s
from reconciler.model.marks import pane_text
from reconciler.model.problems import NovaorchError

Resolve = Callable[[str], str]
"""Turns a target (a live id or `slot:<unit>`) into a live id."""

APPLIED = "@novaorch_applied"
BORN = f"'{BIRTH}#{{pane_id}}'"
PAUSE = "run-shell -d 0"
"""Starts nothing; lets the server tell its control clients what happened up to here.

A server of 3.3a ends, with everything in it, when a session's current window has changed and the
session is gone before they were told. So whatever takes something away comes after a pause, and so
does all that follows a change of the current window.
"""
_OPTION = re.compile(r"[A-Za-z@][A-Za-z0-9_@-]*(\[[0-9]{1,4}\])?", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_./+-]{1,200}", re.ASCII)
_WORDS = re.compile(r"[A-Za-z0-9_./@+= -]{1,2000}", re.ASCII)
_NAMED = ("even-horizontal", "even-vertical", "main-horizontal", "main-vertical", "tiled")
_MIRRORED = ("main-horizontal-mirrored", "main-vertical-mirrored")
_DRAWN = re.compile(r"[0-9a-f]{4},[0-9x,\[\]{}]+", re.ASCII)
_KEPT = f"#{{s|^v1 [^ ]* [^ ]* [^ ]* [^ ]*||:{FRAME}}}"
_ID = re.compile(r"[$@%][0-9]{1,10}", re.ASCII)


def session(step: s.OpenSession, setting: Setting) -> list[str]:
    """Return the commands that make a session, complete and marked."""
    name = title(step.name, what="session")
    tail = quote(f"={name}:$")
    size = window_size(step.columns, step.rows)
    opening = f"new-session -d {size} -s {quote(name)}"
    first, *others = step.windows
    if step.history_lines == setting.history_lines or setting.own:
        commands = _first_window(first, opening, tail, setting)
        commands += _session_marks(tail, step.mark, step.applied, _key_words(first.key))
        commands += [] if _key_words(first.key) else _key(first.key, tail)
        commands += _rest_of_window(first, tail, size, setting)
        after = []
    else:
        # A pane's history is as long as its session says when the pane is made: not the first.
        commands = [f"{opening} -- env true"]
        commands.append(f"set-option -t {tail} history-limit {int(step.history_lines)}")
        commands += _session_marks(tail, step.mark, step.applied, "")
        others = list(step.windows)
        after = [f"{verb} -t {tail[:-2]}^'" for verb in ("kill-window", "move-window -r")]
    if setting.destroys:
        commands.append(f"set-option -t {tail} destroy-unattached off")
    for window in others:
        commands += new_window(window, tail, size, setting)
    commands += [*after, *options(tail, "", step.options)]
    focus = _window_focus(step.windows, tail)
    return [*commands, *focus, *([PAUSE] if after or focus else [])]


def new_window(window: s.NewWindow, tail: str, size: str, setting: Setting) -> list[str]:
    """Return the commands that make a window at the end of the session that `tail` ends."""
    words, _ = start(window.panes[0], setting)
    commands = [f"new-window -d -a -P -F {BORN} -t {tail} -n {_name(window)} {words}"]
    commands += _marked(window.panes[0], tail, setting)
    return commands + _key(window.key, tail) + _rest_of_window(window, tail, size, setting)


def beside(step: s.OpenPane, resolve: Resolve, setting: Setting) -> list[str]:
    """Return the commands that split a pane. The window's active pane stays the active one."""
    target = live(resolve(step.beside), "%")
    words, _ = start(step.pane, setting)
    before = "-b " if step.before else ""
    return [
        f"if-shell -F -t {target} '#{{e|<|:#{{pane_height}},4}}' "
        + block(f"select-layout -t {target} tiled"),
        # Without -d, what follows in this line means the new pane when it names no target.
        f"split-window {before}-P -F {BORN} -t {target} {words}",
        *_marked(step.pane, "", setting),
        *([] if step.pane.focus else ["last-pane"]),
    ]


def respawn(step: s.Respawn, resolve: Resolve, setting: Setting) -> list[str]:
    """Return the commands that start a process in a pane that is there, and mark it anew."""
    target = live(resolve(step.pane), "%")
    words, _ = start(step.new, setting, again=True)
    return [f"respawn-pane -k -t {target} {words}", *_marked(step.new, target, setting)]


def mark_pane(target: str, unit: str, text: str, applied: str) -> list[str]:
    """Return the commands that write a pane's mark, and its last applied fields if any."""
    at = f" -t {target}" if target else ""
    commands = [f"set-option -p{at} {PANE} {quote(text)}"]
    if applied:
        value = quote(ascii_json(applied))
        commands.append(f"set-environment -h{at} {applied_key(unit)} {value}")
    return commands


def options(target: str, kind: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the commands that set options; `kind` is '' for a session, '-w' for a window."""
    for name, _ in pairs:
        if not _OPTION.fullmatch(name) or name.startswith("@novaorch"):
            raise NovaorchError(
                f"not an option of tmux: {name!r}",
                why="an option is letters, digits and -, and @novaorch… are our own marks",
                fix="correct the option's name",
            )
    space = " " if kind else ""
    return [f"set-option {kind}{space}-t {target} {name} {quote(v)}" for name, v in pairs]


def arrange(target: str, layout: str, setting: Setting) -> str:
    """Return the command that lays out a window.

    A name that this tmux does not know is never sent: 3.3a ends, with everything in it, at one.
    """
    found = re.search(r"([0-9]+)\.([0-9]+)", setting.version)
    mirrors = found is not None and (int(found[1]), int(found[2])) >= (3, 5)
    if _DRAWN.fullmatch(layout) or layout in _NAMED or (mirrors and layout in _MIRRORED):
        return f"select-layout -t {target} {quote(layout)}"
    raise NovaorchError(
        f"tmux {setting.version} has no layout {layout}",
        why=f"{', '.join(_MIRRORED)} came with tmux 3.5" if layout in _MIRRORED else "",
        fix=f"choose one of {', '.join(_NAMED)}",
    )


def mark_frame(target: str, mark: str, applied: str) -> list[str]:
    """Return the commands that write a session's mark and last applied fields."""
    return _session_marks(target, mark, applied, _KEPT)


def live(target: str, kinds: str = "$@%") -> str:
    """Return `target`, quoted, if it is a live id of one of the `kinds`."""
    if not _ID.fullmatch(target) or target[0] not in kinds:
        raise NovaorchError(
            f"not a live target: {target!r}",
            why="only ids are exact; tmux reads anything else as a pattern",
            fix="take a new photograph and plan again",
        )
    return f"'{target}'"


def window_size(columns: int, rows: int) -> str:
    """Return the words of a size."""
    return f"-x {int(columns)} -y {int(rows)}"


def _first_window(window: s.NewWindow, opening: str, tail: str, setting: Setting) -> list[str]:
    words, variables = start(window.panes[0], setting)
    return [
        f"{opening} -P -F {BORN} -n {_name(window)} {words}",
        *_marked(window.panes[0], tail, setting),
        # new-session keeps what -e gave in the session, for every later pane and to be shown.
        *(f"set-environment -u -t {tail} {variable}" for variable in variables),
    ]


def _name(window: s.NewWindow) -> str:
    return quote(title(window.name or window.key, what="window"))


def _marked(pane: s.NewPane, target: str, setting: Setting) -> list[str]:
    at = f" -t {target}" if target else ""
    commands = [] if setting.keeps_dead else [f"set-option -w{at} remain-on-exit on"]
    commands += mark_pane(target, pane.mark.unit, pane_text(pane.mark), pane.applied)
    return commands + typed(pane, at)


def _session_marks(target: str, mark: str, applied: str, keys: str) -> list[str]:
    """`keys` is a format: what stands behind the mark."""
    if not _WORDS.fullmatch(mark):
        raise NovaorchError(f"not the text of a session's mark: {mark!r}")
    commands = [f"set-environment -hF -t {target} {FRAME} '{mark}{keys}'"]
    if applied:
        commands.append(f"set-environment -h -t {target} {APPLIED} {quote(ascii_json(applied))}")
    return commands


def _rest_of_window(window: s.NewWindow, tail: str, size: str, setting: Setting) -> list[str]:
    """Everything after a window's first pane: its size, panes, layout, options and focus."""
    # resize-window also sets window-size to manual, without the cost of an option.
    commands = [f"resize-window -t {tail} {size}"] if size else []
    for number, pane in enumerate(window.panes[1:], 1):
        words, _ = start(pane, setting)
        if number > 1 and not window.layout:
            room = block(f"select-layout -t {tail} tiled")
            commands.append(f"if-shell -F -t {tail} '#{{e|<|:#{{pane_height}},4}}' {room}")
        commands.append(f"split-window -P -F {BORN} -t {tail} {words}")
        commands += _marked(pane, tail, setting)
        if number > 1 and window.layout:
            commands.append(f"select-layout -t {tail} tiled")
    commands += options(tail, "-w", window.options)
    if window.layout:
        commands.append(arrange(tail, window.layout, setting))
    return commands + _pane_focus(window, tail)


def _key(key: str, tail: str) -> list[str]:
    """Put a window's key behind its session's mark; a key that no word can hold is an option."""
    words = _key_words(key)
    if not words:
        return [f"set-option -w -t {tail} {WINDOW} {quote(key)}"]
    return [f"set-environment -hF -t {tail} {FRAME} '#{{{FRAME}}}{words}'"]


def _key_words(key: str) -> str:
    return f" #{{window_id}}={key}" if _KEY.fullmatch(key) else ""


def _pane_focus(window: s.NewWindow, tail: str) -> list[str]:
    """The last pane made is the active one: count back from it."""
    last = len(window.panes) - 1
    wanted = next((i for i, pane in enumerate(window.panes) if pane.focus), 0)
    return [f"select-pane -t {tail[:-1]}.-{last - wanted}'"] if wanted < last else []


def _window_focus(windows: Sequence[s.NewWindow], tail: str) -> list[str]:
    """The first window made is the current one: count on from it."""
    wanted = next((i for i, window in enumerate(windows) if window.focus), 0)
    return [f"select-window -t {tail[:-2]}+{wanted}'"] if wanted else []


def joined(commands: Sequence[str]) -> str:
    """Return the commands as one line."""
    return sequence(commands)
