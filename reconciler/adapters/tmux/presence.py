"""Who or what is at work in a pane: how to ask a server, and what its answers mean. Reads only.

Three kinds of evidence, the first that is found counts:

- a person: a client (no control client, not read-only) whose last key is young, for every pane of
  the window that it shows;
- a convention: any agent or hook may set the options `@novaorch_busy` and `@novaorch_draft` on its
  pane, for instance `tmux set-option -p -t "$TMUX_PANE" @novaorch_busy "compiling"`, and takes them
  away when that is over (`set-option -p -u`). A value that begins with an epoch second is stale
  from that second on: `@novaorch_busy "1790000000 a turn of ten minutes"`. An empty one is none;
- the screen: a composer, as agents draw it between two rules or in a box, with text in it that was
  not sent. What is drawn dim is a hint of the program, not a draft.

Nothing found is no proof of peace; something found only delays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.adapters.tmux.composer import draft
from reconciler.adapters.tmux.render import live
from reconciler.adapters.tmux.talk import Reply
from reconciler.model.world import Engagement, Presence

BUSY, DRAFT = "@novaorch_busy", "@novaorch_draft"
_HOUR = re.compile(r"([0-9]{9,11})(?:\.[0-9]*)?(?:\s+(.*))?", re.DOTALL)
_CLIENT = (
    "#{client_control_mode}",
    "#{client_readonly}",
    "#{client_activity}",
    "#{window_id}",
    "#{client_tty}",
)
DETAIL_MAX = 60


@dataclass(frozen=True, slots=True)
class Person:
    """A client that may be typed into: when the last key came, and the window that it shows."""

    window: str
    last_key: float
    terminal: str


def ask_clients(bar: str) -> str:
    """Return the line that asks for every client, its fields parted by `bar`."""
    return f"list-clients -F 'C{bar}{bar.join(_CLIENT)}'"


def ask_pane(pane: str, bar: str) -> str:
    """Return the line that asks for one pane and its screen; a pane that is gone says nothing."""
    at = live(pane, "%")
    told = f"W{bar}#{{window_id}}{bar}#{{?pane_dead,1,0}}{bar}#{{{BUSY}}}{bar}#{{{DRAFT}}}{bar}"
    return f"if-shell -F -t {at} '#{{==:#{{pane_id}},{pane}}}' " + (
        f"{{ display-message -p -t {at} '{told}' ; capture-pane -e -p -t {at} }}"
    )


def people(reply: Reply, bar: str) -> list[Person]:
    """Return every client that a person may type into."""
    found = []
    for row in reply.output:
        cells = row.split(bar)
        if len(cells) != len(_CLIENT) + 1 or cells[0] != "C":
            continue
        _, control, readonly, key, window, terminal = cells
        if control != "1" and readonly != "1" and key.isdecimal():
            found.append(Person(window, float(key), terminal))
    return found


def present(
    reply: Reply, bar: str, typists: Sequence[Person], now: float, typing_s: float
) -> Presence | None:
    """Return what would be harmed in a pane that answered thus; None: nothing is known of."""
    cells = "\n".join(reply.output).split(bar, 5)
    if len(cells) != 6 or cells[0] != "W":
        return None
    _, window, dead, busy, unsent, screen = cells
    if dead == "1":
        return None
    return (
        _typing(window, typists, now, typing_s)
        or _said(Engagement.BUSY, busy, now)
        or _said(Engagement.DRAFT, unsent, now)
        or _drafted(screen)
    )


def _typing(window: str, typists: Sequence[Person], now: float, typing_s: float) -> Presence | None:
    """A key from the future is one of now: the clock was set."""
    fresh = [p for p in typists if p.window == window and now - p.last_key < typing_s]
    if not fresh:
        return None
    last = max(fresh, key=lambda person: person.last_key)
    until = min(last.last_key, now) + typing_s
    return Presence(Engagement.TYPING, f"somebody is at work on {last.terminal}", until)


def _said(kind: Engagement, value: str, now: float) -> Presence | None:
    """Read a value of the convention."""
    value = value.strip()
    found = _HOUR.fullmatch(value)
    until = float(found[1]) if found is not None else 0.0
    if not value or (found is not None and until <= now):
        return None
    words = (found[2] or "") if found is not None else value
    return Presence(kind, _short(words) or kind.value, until)


def _drafted(screen: str) -> Presence | None:
    text = draft(screen.split("\n"))
    return Presence(Engagement.DRAFT, f"not sent yet: {_short(text)}") if text else None


def _short(words: str) -> str:
    flat = "".join(c if c.isprintable() else " " for c in " ".join(words.split()))
    return flat if len(flat) <= DETAIL_MAX else flat[: DETAIL_MAX - 1] + "…"
