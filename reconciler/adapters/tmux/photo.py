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

PANE, FRAME, WINDOW, ANCHOR = (
    "@novaorch_pane",
    "@novaorch_frame",
    "@novaorch_window",
    "@novaorch_anchor",
)

_FIELDS = (
    "#{session_id}",
    "#{window_id}",
    "#{pane_id}",
    "#{session_attached}",
    "#{window_index}",
    "#{pane_index}",
    "#{pane_pid}",
    "#{?pane_dead,1#{pane_dead_status}:#{pane_dead_signal},0}",
    f"#{{{ANCHOR}}}",
    "#{q:session_name}",
    "#{q:window_name}",
    f"#{{{WINDOW}}}",
    f"#{{{FRAME}}}",
    f"#{{{PANE}}}",
)
SERVER = "display-message -p 'S|#{pid} #{start_time}'"
PANES = "list-panes -a -F 'P|" + "|".join(_FIELDS) + "'"

_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_ESCAPED = re.compile(r"\\(.)")
_DEAD = re.compile(r"1([0-9]*):(?:SIG)?([A-Z0-9+-]*)")


@dataclass(slots=True)
class _Window:
    window_id: str
    index: int
    name: str
    own_key: str
    panes: list[SeenPane] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    session_id: str
    name: str
    mark: FrameMark | None
    keys: dict[str, str]
    attached: int
    windows: dict[str, _Window] = field(default_factory=dict)


Memory = dict[tuple[str, ...], tuple[SeenSession, ...]]
"""What the rows of one session gave the last time: a session that did not change is no work."""


def parse(rows: Iterable[str], now: float, memory: Memory | None = None) -> World:
    """Return the World that the output of SERVER and PANES shows. ValueError when it shows none.

    `memory` is changed to what this photograph showed; the answer is the same without it.
    """
    server, runs = _runs(rows)
    if not server:
        raise ValueError("the server did not say who it is")
    known = memory if memory is not None else {}
    seen = {run: known[run] if run in known else _sessions_of(run) for run in runs}
    if memory is not None:
        memory.clear()
        memory.update(seen)
    return World(now, server, _once([session for run in runs for session in seen[run]]))


def _runs(rows: Iterable[str]) -> tuple[str, list[tuple[str, ...]]]:
    """Return who the server is, and the rows of each session; tmux lists them one after another."""
    server, head = "", ""
    runs: list[list[str]] = []
    for row in rows:
        if row.startswith("P|"):
            if not head or not row.startswith(head):
                head = row[: row.find("|", 2) + 1]
                runs.append([])
            runs[-1].append(row)
        elif row.startswith("S|"):
            server = row[2:].strip()
        elif row:
            raise ValueError(f"not a row of a photograph: {row[:80]!r}")
    return server, [tuple(run) for run in runs]


def _sessions_of(run: Sequence[str]) -> tuple[SeenSession, ...]:
    """Return the session that these rows show; none when it is our anchor."""
    sessions: dict[str, _Session] = {}
    for row in run:
        _pane(row, sessions)
    return _frozen(sessions.values())


def _pane(row: str, sessions: dict[str, _Session]) -> None:
    cells = row.split("|") if "\\|" not in row else _BAR.sub("\\1\0", row).split("\0")
    if len(cells) != len(_FIELDS) + 1:
        cells = _without_marks(cells)
    _, sid, wid, pid, attached, windex, pindex, process, dead, anchor, *rest = cells
    if anchor:
        return
    session = sessions.get(sid)
    if session is None:
        words = rest[3].split(" ")
        session = sessions[sid] = _Session(
            sid, _plain(rest[0]), frame_mark(" ".join(words[:5])), _keys(words[5:]), int(attached)
        )
    window = session.windows.get(wid)
    if window is None:
        window = session.windows[wid] = _Window(wid, int(windex), _plain(rest[1]), rest[2])
    window.panes.append(
        SeenPane(
            pane_id=pid,
            window_id=wid,
            session_id=sid,
            index=int(pindex),
            pid=int(process or 0),
            dead=dead != "0",
            exit_status=_status(dead),
            mark=pane_mark(rest[4]),
        )
    )


def _without_marks(cells: Sequence[str]) -> list[str]:
    """Somebody wrote a bar into an option of ours: whatever it says, it is not our mark."""
    known = len(_FIELDS) - 3
    if len(cells) < known + 1:
        raise ValueError(f"a row of {len(cells)} cells")
    return [*cells[: known + 1], "", "", ""]


def _plain(quoted: str) -> str:
    return _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted


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
            attached=session.attached,
            windows=tuple(
                SeenWindow(
                    window.window_id,
                    session.session_id,
                    window.index,
                    window.name,
                    window.own_key or session.keys.get(window.window_id, ""),
                    tuple(sorted(window.panes, key=lambda pane: pane.index)),
                )
                for window in sorted(session.windows.values(), key=lambda w: w.index)
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
