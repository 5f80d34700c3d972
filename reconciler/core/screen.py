"""What an agent's screen says: working, waiting for a person, out of capacity, or ready. Pure.

Only what is visible counts, and only where it stands. A dialog ends the screen: what looks like one
further up is text that somebody wrote, read or pasted. What is drawn dim is a hint, not a draft.
A menu that no pattern knows is `unknown`, and its rows are kept: the runtime has changed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.model.agent import AgentState, Evidence, Screen, Waiting, Witness
from reconciler.model.runtime import Looks

NEAR_ROWS = 12
"""So many rows with text above the composer say what is going on; all of them below it do."""
BELOW_MENU_ROWS = 8
"""So many rows with text may stand below the last choice of a menu: what keys do, mostly."""
CANARY_ROWS = 24
TEXT_INDENT = 2
_SENT = re.compile("[\u276f\u203a>] \\S")
"""An old prompt: what stands above it is an older turn's."""
_RULE = re.compile(r"\s*[╭╰┌└├]?[─━═╌┄-]{3,}")
_DASHES = re.compile(r"[─━═╌┄-]")
_SIDES = re.compile(r"^(\s*)[│┃|](.*?)[│┃|]?\s*$", re.DOTALL)
_CHOSEN = re.compile("\\s*(?:[\u276f\u203a▶➤→>]\\s?\\S|●\\s+\\d{1,2}[.)]\\s)")
_NUMBERED = re.compile("\\s*[\u276f\u203a▶➤→>●]?\\s*\\d{1,2}[.)]\\s+\\S")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one screen says.

    `draft` is text in the composer that was not sent; None: no composer is seen. `ready` says that
    a prompt would be taken now; `canary` has the rows of a menu that nobody knows.
    """

    state: AgentState
    waiting: Waiting | None = None
    draft: str | None = None
    ready: bool = False
    detail: str = ""
    canary: tuple[str, ...] = ()

    def evidence(self, at: float, pid: int = 0) -> Evidence:
        """Return this as the word of a witness, of the hour at which the screen was seen."""
        return Evidence(Witness.SCREEN, self.state, at, self.detail, self.waiting, pid=pid)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A screen in parts: what stands near above the composer, its first row, all that is below it.

    Without a composer all of it is `below`.
    """

    near: tuple[str, ...]
    below: tuple[str, ...]
    composer: str = ""
    draft: str | None = None

    @property
    def signs(self) -> tuple[str, ...]:
        """The rows in which a program says what it does: not the indented ones, which are text of
        a conversation."""
        return (*(row for row in self.near if _indent(row) < TEXT_INDENT), *self.below)


def read(screen: Screen, looks: Looks) -> Reading:
    """Return what a screen says. What nothing fits is `unknown`, never a guess."""
    if screen.dead:
        return Reading(AgentState.CRASHED, detail="its process ended; this is its last screen")
    rows = _trimmed(screen.rows)
    if not any(row.strip() for row in rows):
        return Reading(AgentState.STARTING, detail="nothing is drawn yet")
    if looks == Looks():
        return Reading(AgentState.UNKNOWN, detail="how this program looks is not known")
    sheet = _sheet(rows, screen, looks)
    return _dialog(sheet, looks) or _going_on(sheet, looks)


# -- dialogs --------------------------------------------------------------------------------------


def _dialog(sheet: _Sheet, looks: Looks) -> Reading | None:
    """Return what a dialog at the end of the screen waits for; None: there is none."""
    menu = _menu(sheet.below)
    text = "\n".join(sheet.below)
    for pattern, state in ((looks.limited, AgentState.LIMITED), (looks.auth_lost, _LOST)):
        if menu and _found(pattern, text):
            return Reading(state, draft=sheet.draft, detail=_line(pattern, sheet.below))
    for waiting, pattern in looks.dialogs:
        found = _found(pattern, text)
        if found is not None and _ends(text[found.start() :], menu):
            detail = _line(pattern, sheet.below)
            return Reading(AgentState.WAITING, waiting, sheet.draft, detail=detail)
    if menu and sheet.draft is None:
        kept = tuple(sheet.below[-CANARY_ROWS:])
        return Reading(AgentState.UNKNOWN, detail="a menu that is not known", canary=kept)
    return None


_LOST = AgentState.AUTH_LOST


def _ends(text: str, menu: bool) -> bool:
    """Whether what begins like a dialog is the end of the screen."""
    rows = [row for row in text.split("\n") if row.strip()]
    return (menu and _menu(rows)) or len(rows) <= BELOW_MENU_ROWS


def _menu(rows: Sequence[str]) -> bool:
    """Whether the last rows offer choices: one of them chosen, and hardly anything below them."""
    full = [row for row in rows if row.strip()]
    offered = [n for n, row in enumerate(full) if _NUMBERED.match(_inside(row))]
    chosen = [n for n, row in enumerate(full) if _CHOSEN.match(_inside(row))]
    if not chosen:
        return False
    last = max([*chosen, *offered])
    return len(full) - 1 - last <= BELOW_MENU_ROWS


# -- everything else ------------------------------------------------------------------------------


def _going_on(sheet: _Sheet, looks: Looks) -> Reading:
    around = (*sheet.near, *sheet.below)
    for pattern, state, rows in (
        (looks.busy, AgentState.BUSY, sheet.signs),
        (looks.auth_lost, AgentState.AUTH_LOST, around),
        (looks.limited, AgentState.LIMITED, around),
    ):
        if any(_found(pattern, row) for row in rows):
            return Reading(state, draft=sheet.draft, detail=_line(pattern, rows))
    taken = any(_found(looks.ready, row) for row in (sheet.composer, *sheet.below))
    if taken or (sheet.draft is not None and not looks.ready):
        detail = "a draft that was not sent" if sheet.draft else "its composer is empty"
        return Reading(AgentState.IDLE, draft=sheet.draft, ready=not sheet.draft, detail=detail)
    detail = "nothing on its screen is known"
    return Reading(AgentState.UNKNOWN, draft=sheet.draft, detail=detail, canary=around[-3:])


# -- parts ----------------------------------------------------------------------------------------


def _sheet(rows: Sequence[str], screen: Screen, looks: Looks) -> _Sheet:
    first = _composer(rows, looks)
    if first is None:
        return _Sheet((), tuple(map(_plain, rows)))
    end = first + 1
    while end < len(rows) and rows[end].strip() and not _is_rule(rows[end]):
        end += 1
    if _framed(rows, first):
        # A draft may have empty lines in it; its frame is closed by the rule nearest the end.
        end = next((n for n in range(len(rows) - 1, first, -1) if _is_rule(rows[n])), end)
    draft = _draft(screen, looks, first, end)
    below = tuple(map(_plain, rows[end + 1 :]))
    return _Sheet(_last_turn(rows[:first]), below, rows[first], draft)


def _last_turn(above: Sequence[str]) -> tuple[str, ...]:
    """Return the rows above the composer that are about the last turn."""
    near = [_plain(row) for row in above if row.strip() and not _is_rule(row)][-NEAR_ROWS:]
    sent = max((n for n, row in enumerate(near) if _SENT.match(row)), default=-1)
    return tuple(near[sent + 1 :])


def _composer(rows: Sequence[str], looks: Looks) -> int | None:
    """Return the row in which text is written: the lowest that looks like it, in a frame if any
    is. A row of choices is none, nor is one below which a dialog ends the screen."""
    fits = [
        number
        for number, row in enumerate(rows)
        if _match(looks.composer, row) and not _NUMBERED.match(_inside(row))
    ]
    framed = [number for number in fits if _framed(rows, number)]
    return next(reversed(framed or fits), None)


def _framed(rows: Sequence[str], number: int) -> bool:
    """Whether a row has a rule right above it, and another one somewhere below."""
    above = number > 0 and _is_rule(rows[number - 1])
    return above and any(_is_rule(row) for row in rows[number + 1 :])


def _draft(screen: Screen, looks: Looks, first: int, end: int) -> str:
    """Return what a person has typed: the rows of the composer without what is drawn dim.

    A cursor on the first letter of a hint is no draft.
    """
    bright = (*screen.bright, *[""] * end)[first:end]
    typed = _typed(bright, looks)
    if looks.hint and re.fullmatch(looks.hint, typed):
        return ""
    hinted = bright != (*screen.rows, *[""] * end)[first:end]
    row, column = screen.cursor
    on = screen.rows[row][column : column + 1] if first <= row < end else ""
    return "" if hinted and len(typed) == 1 and typed == on else typed


def _typed(lines: Sequence[str], looks: Looks) -> str:
    found = _match(looks.composer, lines[0])
    head = found[1] or "" if found is not None and found.re.groups else ""
    others = (_inside(line) for line in lines[1:])
    return " ".join(" ".join([_bare(head), *others]).split())


def _bare(text: str) -> str:
    """Take away the right side of a box."""
    return text.rstrip().rstrip("│┃|")


def _inside(row: str) -> str:
    """Take away the sides of a box."""
    return _SIDES.sub(r"\1 \2", row)


def _is_rule(row: str) -> bool:
    """A line of dashes; a few words may stand in it, such as a name."""
    dashes = len(_DASHES.findall(row))
    return bool(_RULE.match(row)) and dashes >= 6 and dashes * 2 > len(row.strip())


def _plain(row: str) -> str:
    """Return a row with plain blanks: which kind of blank follows a sign changes with versions."""
    return row.replace("\u00a0", " ")


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())


def _trimmed(rows: Sequence[str]) -> Sequence[str]:
    last = max((n for n, row in enumerate(rows) if row.strip()), default=-1)
    return rows[: last + 1]


def _line(pattern: str, rows: Sequence[str]) -> str:
    """Return the row that a pattern fits, or the last one with text, in one short line."""
    fits = [row for row in rows if _found(pattern, row)]
    row = fits[-1] if fits else next((r for r in reversed(rows) if r.strip()), "")
    return " ".join(_inside(row).split())[:160]


def _found(pattern: str, text: str) -> re.Match[str] | None:
    """Return the last place that a pattern fits; '' fits nothing."""
    if not pattern:
        return None
    return next(reversed(list(_compiled(pattern).finditer(text))), None)


def _match(pattern: str, row: str) -> re.Match[str] | None:
    return _compiled(pattern).search(row) if pattern else None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
