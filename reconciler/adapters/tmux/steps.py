"""Steps on things that are there already, and how a whole order becomes lines.

An order is cut into segments where its next step needs to know what an earlier one made, and
where a signal is sent: that is done by this process, not by tmux.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.adapters.tmux import fence, render, typed
from reconciler.adapters.tmux.launch import Setting, title
from reconciler.adapters.tmux.photo import PANE, WINDOW
from reconciler.adapters.tmux.quote import block, quote, sequence
from reconciler.adapters.tmux.render import PAUSE, Resolve, live
from reconciler.model import step as s
from reconciler.model.action import Expect
from reconciler.model.ids import UnitId
from reconciler.model.marks import pane_text
from reconciler.model.problems import NovaorchError

DONE, STALE = "novaorch-done", "novaorch-stale"
FAR = 100_000
"""Window indices from here on are free in any session that a person could make."""

Windows = Callable[[str], Sequence[str]]
"""Gives the ids of a session's windows, by the last photograph."""


@dataclass(frozen=True, slots=True)
class Known:
    """What rendering may look up: ids behind references, windows of sessions, the setting."""

    resolve: Resolve
    windows: Windows
    setting: Setting


def commands(step: s.Step, known: Known) -> list[str]:
    """Return the commands of one step; none for a Signal."""
    made = _making(step, known)
    return made if made is not None else _changing(step, known)


Check = tuple[str, str]
"""A live pane, quoted, and a format that must be true of it."""


def checks(expects: Sequence[Expect], fleet: str) -> list[Check]:
    """Return what must be true of the world for an order."""
    return [(live(expect.pane_id, "%"), _condition(expect, fleet)) for expect in expects]


def typing(step: s.Step, known: Known) -> list[Check]:
    """Return what must be true for a step that types: that very process reads along."""
    if not isinstance(step, s.TypeLines):
        return []
    pane = known.resolve(step.pane)
    return [(live(pane, "%"), typed.still(step, pane))]


def checked(body: Sequence[str], wanted: Sequence[Check], setting: Setting) -> str:
    """Return one line: `body` if every check holds at that moment, else the word STALE.

    The first check is always that the server takes our orders. The line prints DONE when everything
    in it was done.
    """
    pause, rest = ([PAUSE], body[1:]) if list(body[:1]) == [PAUSE] else ([], body)
    line = sequence([*rest, f"display-message -p {DONE}"])
    ours = fence.condition(setting)
    for number, (pane, condition) in reversed(list(enumerate(wanted))):
        both = f"#{{&&:{ours},{condition}}}" if ours and not number else condition
        line = _either(f" -t {pane}", both, line, setting)
    if ours and not wanted:
        line = _either("", ours, line, setting)
    return sequence([*pause, line])


def _either(at: str, condition: str, line: str, setting: Setting) -> str:
    inner, stale = (block(words, braces=setting.braces) for words in (line, refusing(setting)))
    return f"if-shell -F{at} {quote(condition)} {inner} {stale}"


def refusing(setting: Setting) -> str:
    """Return the command that says STALE, and whose orders the server takes."""
    whose = f" #{{{fence.variable(setting.fleet)}}}" if setting.epoch else ""
    return f"display-message -p '{STALE}{whose}'"


def refused(rows: Sequence[str], setting: Setting) -> tuple[str, str] | None:
    """Return why nothing was done, and how to mend it; None when it was."""
    said = next((row for row in rows if row.partition(" ")[0] == STALE), None)
    if said is None:
        return None
    if setting.epoch and said.partition(" ")[2] != str(setting.epoch):
        return fence.FENCED, fence.FENCED_FIX
    return "the world has moved on", "nothing: the next pass plans anew"


def seen_pid(pane: str) -> str:
    """Return the command that prints what `signal` needs to know of a pane."""
    return f"if-shell -F -t {live(pane, '%')} '#{{pane_id}}' " + block(
        f"display-message -p -t {live(pane, '%')} "
        "'pid #{pane_id} #{pane_pid} #{?pane_dead,1,0}'"
    )


def panes_of(step: s.Step) -> tuple[s.NewPane, ...]:
    """Return the panes in which `step` starts something, in order."""
    match step:
        case s.OpenSession(windows=windows):
            return tuple(pane for window in windows for pane in window.panes)
        case s.OpenWindow(window=window):
            return window.panes
        case s.OpenPane(pane=pane) | s.Respawn(new=pane):
            return (pane,)
        case _:
            return ()


def made_by(step: s.Step) -> tuple[UnitId, ...]:
    """Return the units whose panes `step` makes, in the order in which they are printed."""
    if isinstance(step, s.Respawn):
        return ()
    return tuple(pane.mark.unit for pane in panes_of(step))


def _making(step: s.Step, known: Known) -> list[str] | None:
    setting = known.setting
    match step:
        case s.OpenSession():
            return render.session(step, setting)
        case s.OpenWindow(session=session, window=window):
            tail = f"{live(session, '$')[:-1]}:$'"
            return render.new_window(window, tail, "", setting) + _step_forward(window, tail)
        case s.OpenPane():
            return render.beside(step, known.resolve, setting)
        case s.Respawn():
            return render.respawn(step, known.resolve, setting)
        case _:
            return None


def _changing(step: s.Step, known: Known) -> list[str]:
    resolve = known.resolve
    match step:
        case s.Close(target=target):
            return [PAUSE, _close(resolve(target))]
        case s.MarkPane(pane=pane, mark=mark, applied=applied):
            target = live(resolve(pane), "%")
            return render.mark_pane(target, mark.unit, pane_text(mark), applied)
        case s.MarkFrame(session=session, mark=mark, applied=applied):
            return render.mark_frame(f"{live(session, '$')[:-1]}:'", mark, applied)
        case s.MarkWindow(window=window, key=key):
            return [f"set-option -w -t {live(window, '@')} {WINDOW} {quote(key)}"]
        case _:
            return _shaping(step, known)


def _shaping(step: s.Step, known: Known) -> list[str]:
    match step:
        case s.Resize(session=session, columns=columns, rows=rows):
            return _resize(session, f"{int(columns)}x{int(rows)}", known)
        case s.Arrange(window=window, layout=layout):
            at = live(window, "@")
            return [render.arrange(at, layout, known.setting)] if layout else []
        case s.SetOptions(target=target, options=options):
            kind = "-w" if target.startswith("@") else ""
            at = live(target, "@") if kind else f"{live(target, '$')[:-1]}:'"
            return render.options(at, kind, options)
        case s.TypeLines(pane=pane, lines=lines):
            return typed.type_lines(known.resolve(pane), lines, braces=known.setting.braces)
        case s.SwapPanes(first=first, second=second):
            one, two = live(known.resolve(first), "%"), live(known.resolve(second), "%")
            return [f"swap-pane -d -s {one} -t {two}"]
        case _:
            return _naming(step)


def _naming(step: s.Step) -> list[str]:
    match step:
        case s.Rename(target=target, name=name):
            return [_rename(target, name)]
        case s.OrderWindows(session=session, windows=windows):
            return _order(live(session, "$")[:-1], windows)
        case s.Signal():
            return []
        case _:
            raise NovaorchError(f"not a step that tmux knows: {type(step).__name__}")


def _close(target: str) -> str:
    """Kill what the id names; what is gone already is as good as closed."""
    at = live(target)
    kind, verb = {
        "$": ("session_id", "kill-session"),
        "@": ("window_id", "kill-window"),
        "%": ("pane_id", "kill-pane"),
    }[target[0]]
    where = f"{at[:-1]}:'" if kind == "session_id" else at
    return f"if-shell -F -t {where} '#{{==:#{{{kind}}},{target}}}' " + block(f"{verb} -t {at}")


def _rename(target: str, name: str) -> str:
    if target.startswith("$"):
        return f"rename-session -t {live(target, '$')} -- {quote(title(name, what='session'))}"
    return f"rename-window -t {live(target, '@')} -- {quote(title(name, what='window'))}"


def _resize(session: str, size: str, known: Known) -> list[str]:
    columns, _, rows = size.partition("x")
    commands = [f"set-option -t {live(session, '$')[:-1]}:' default-size {size}"]
    for window in known.windows(session):
        at = live(window, "@")
        commands.append(
            f"if-shell -F -t {at} '#{{==:#{{window_id}},{window}}}' "
            + block(f"resize-window -t {at} -x {columns} -y {rows}")
        )
    return commands


def _order(session: str, windows: Sequence[str]) -> list[str]:
    """Move every window far away in order, then close the gaps. The active one stays active."""
    commands = []
    for number, window in enumerate(windows):
        at = f"{session}:{live(window, '@')[1:]}"
        move = f"move-window -s {at} -t {session}:{FAR + number}'"
        still = move.replace("move-window", "move-window -d", 1)
        commands.append(f"if-shell -F -t {at} '#{{window_active}}' {block(move)} {block(still)}")
    return [*commands, f"move-window -r -t {session}:'", PAUSE]


def _step_forward(window: s.NewWindow, tail: str) -> list[str]:
    """Show a new window that wants the focus, unless a person looks at the session."""
    if not window.focus:
        return []
    return [
        f"if-shell -F -t {tail} '#{{?session_attached,0,1}}' " + block(f"select-window -t {tail}"),
        PAUSE,
    ]


def _condition(expect: Expect, fleet: str) -> str:
    """One format that is true while the pane is what it was. No word of it holds `,` or `}`."""
    words = f"{fleet}{expect.unit}{expect.digest}"
    if any(c in words for c in ",{}#*?[]\\ "):
        raise NovaorchError(f"not a unit that can be checked: {expect.unit!r}")
    dead = int(expect.dead)
    mark = f"v1 {fleet} {expect.unit} {expect.digest + ' ' if expect.digest else ''}*"
    whose = f"#{{m:{mark},#{{{PANE}}}}}" if expect.unit else f"#{{?{PANE},0,1}}"
    # A dead pane keeps its pid; an empty one has none.
    return (
        "#{&&:#{==:#{pane_id} #{pane_pid} #{?pane_dead,1,0},"
        f"{expect.pane_id} {int(expect.pid)} {dead}}},"
        f"{whose}}}"
    )
