"""One photograph: the format that asks, and the parser that turns its rows into a World.

Pure. A row that does not have the expected shape is never guessed at: it is a ValueError.

Where our marks are: a pane's in its user option `@novaorch_pane`, which moves with the pane. A
session's `@novaorch_frame`, with the keys of its windows behind it, is a hidden variable of the
session's environment, which formats read like an option: to set an option makes tmux work out the
size of every window again, to set a variable does not.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.model.marks import frame_mark, pane_mark
from reconciler.model.world import FrameMark, SeenPane, SeenSession, SeenWindow, World

PANE, FRAME, WINDOW = "@novaorch_pane", "@novaorch_frame", "@novaorch_window"
ANCHOR = "anchor"
"""What the hidden session that holds our control client says in place of a frame's mark."""

_IDS = (
    "#{session_id}",
    "#{window_id}",
    "#{pane_id}",
    "#{pane_pid}",
    "#{?pane_dead,1#{pane_dead_status}:#{pane_dead_signal},0}",
)
"""What tmux itself says: without a blank, so that blanks part it."""
_FIELDS = (
    " ".join(_IDS),
    f"#{{{WINDOW}}}",
    f"#{{{FRAME}}}",
    f"#{{{PANE}}}",
    # A session's name holds no colon, and nothing follows a window's name: neither needs quoting.
    "#{session_name}:#{window_name}",
)
"""Few and short: each costs the server two microseconds a pane, and after every 16 KB that it
writes it polls all its terminals anew."""
SERVER = "display-message -p 'S|#{pid} #{start_time}'"


def panes(bar: str) -> str:
    """Return the line that asks for every pane, its fields parted by `bar`.

    Names and options are other people's text: only a bar that nobody knows cannot be among them.
    """
    return f"list-panes -a {_format(bar)}"


def session_panes(session: str, bar: str) -> str:
    """Return the line that asks for the panes of one session, by its id."""
    if not _SESSION.fullmatch(session):
        raise ValueError(f"not the id of a session: {session!r}")
    return f"list-panes -s -t '{session}' {_format(bar)}"


def _format(bar: str) -> str:
    return f"-F 'P{bar}{bar.join(_FIELDS)}'"


_SESSION = re.compile(r"\$[0-9]{1,10}")


_DEAD = re.compile(r"1([0-9]*):(?:SIG)?([A-Z0-9+-]*)")


@dataclass(slots=True)
class _Window:
    window_id: str
    name: str
    own_key: str
    panes: list[SeenPane] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    session_id: str
    name: str
    mark: FrameMark | None
    keys: dict[str, str]
    windows: dict[str, _Window] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """What the rows of each session gave the last time: what did not change is no work."""

    runs: list[tuple[str, ...]] = field(default_factory=list)
    seen: dict[tuple[str, ...], tuple[SeenSession, ...]] = field(default_factory=dict)
    sessions: tuple[SeenSession, ...] = ()


def parse(rows: Iterable[str], now: float, bar: str, memory: Memory | None = None) -> World:
    """Return the World that the output of SERVER and `panes` shows. ValueError when it shows none.

    `memory` is changed to what this photograph showed; the answer is the same without it, but
    with it `sessions` of two equal photographs is one and the same value.
    """
    server, runs = _runs(rows, f"P{bar}")
    if not server:
        raise ValueError("the server did not say who it is")
    memory = memory if memory is not None else Memory()
    if runs != memory.runs:
        seen = {run: memory.seen.get(run) or _sessions_of(run, bar) for run in runs}
        memory.sessions = _once([session for run in runs for session in seen[run]])
        memory.runs, memory.seen = runs, seen
    return World(now, server, memory.sessions)


def _runs(rows: Iterable[str], begin: str) -> tuple[str, list[tuple[str, ...]]]:
    """Return who the server is, and the rows of each session; tmux lists them one after another."""
    server, head = "", ""
    runs: list[list[str]] = []
    for row in rows:
        if row.startswith(begin):
            if not head or not row.startswith(head):
                head = row[: row.find(" ", len(begin)) + 1]
                runs.append([])
            runs[-1].append(row)
        elif row.startswith("S|"):
            server = row[2:].strip()
        elif row:
            raise ValueError(f"not a row of a photograph: {row[:80]!r}")
    return server, [tuple(run) for run in runs]


def _sessions_of(run: Sequence[str], bar: str) -> tuple[SeenSession, ...]:
    """Return the session that these rows show; none when it is our anchor."""
    sessions: dict[str, _Session] = {}
    for row in run:
        _pane(row.split(bar), sessions)
    return _frozen(sessions.values())


def _pane(cells: Sequence[str], sessions: dict[str, _Session]) -> None:
    ids = cells[1].split(" ") if len(cells) == len(_FIELDS) + 1 else []
    if len(ids) != len(_IDS):
        raise ValueError(f"a row of {len(cells)} cells")
    sid, wid, pid, process, dead = ids
    key, frame, mark, names = cells[2:]
    if frame == ANCHOR and not mark:  # a pane of ours that somebody moved there is not gone
        return
    name, _, title = names.partition(":")
    session = sessions.get(sid)
    if session is None:
        words = frame.split(" ")
        mine = frame_mark(" ".join(words[:5]))
        session = sessions[sid] = _Session(sid, name, mine, _keys(words[5:]))
    window = session.windows.get(wid)
    if window is None:
        window = session.windows[wid] = _Window(wid, title, key)
    window.panes.append(
        SeenPane(
            pane_id=pid,
            window_id=wid,
            session_id=sid,
            index=len(window.panes),
            pid=int(process or 0),
            dead=dead != "0",
            exit_status=_status(dead),
            mark=pane_mark(mark),
        )
    )


def _keys(words: Sequence[str]) -> dict[str, str]:
    """`@3=dev @4=logs`: the keys of the windows that we made in this session."""
    pairs = (word.partition("=") for word in words)
    return {window: key for window, _, key in pairs if window.startswith("@") and key}


def _status(dead: str) -> int | None:
    found = _DEAD.fullmatch(dead)
    if found is None:
        return None
    code, by = found.groups()
    if code:
        return int(code)
    if by.isdigit():
        return 128 + int(by)
    number = getattr(signal, f"SIG{by}", None) if by else None
    return 128 + int(number) if isinstance(number, int) else None


def _frozen(sessions: Iterable[_Session]) -> tuple[SeenSession, ...]:
    return tuple(
        SeenSession(
            session_id=session.session_id,
            name=session.name,
            mark=session.mark,
            windows=tuple(
                SeenWindow(
                    window.window_id,
                    session.session_id,
                    index,
                    window.name,
                    window.own_key or session.keys.get(window.window_id, ""),
                    tuple(window.panes),
                )
                for index, window in enumerate(session.windows.values())
            ),
        )
        for session in sessions
    )


def _once(sessions: Sequence[SeenSession]) -> tuple[SeenSession, ...]:
    """Show each window once: in the session that carries our mark, else in the first."""
    owners: dict[str, str] = {}
    shared = False
    for session in sorted(sessions, key=lambda s: s.mark is None):
        for window in session.windows:
            shared |= owners.setdefault(window.window_id, session.session_id) != session.session_id
    if not shared:
        return tuple(sessions)
    return tuple(
        replace(
            session,
            windows=tuple(
                window
                for window in session.windows
                if owners[window.window_id] == session.session_id
            ),
        )
        for session in sessions
    )
