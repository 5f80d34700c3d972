"""A live tmux session read through libtmux, object by object, for `novaorch adopt`.

Reads only, and nothing but the one session that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.kinds.foreign.live import LivePane, LiveSession, LiveWindow, printed_words
from reconciler.model.problems import BlindError, NovaorchError

if TYPE_CHECKING:
    from libtmux import Pane, Server, Session, Window


def snapshot(socket: str, session_name: str) -> LiveSession:
    """Return the session as it is. `socket` is a name (`-L`) or an absolute path (`-S`).

    NovaorchError when there is none of that name, BlindError when the server does not say.
    """
    from libtmux import exc  # noqa: PLC0415  # heavy, and only here

    try:
        server = _server(socket)
        found = [s for s in server.sessions if s.session_name == session_name]
        if not found:
            raise _absent(server, session_name)
        return _session(found[0])
    except (exc.LibTmuxException, OSError, ValueError) as error:
        raise BlindError(
            f"the session {session_name} cannot be read",
            why=str(error) or type(error).__name__,
            fix="see whether the tmux server answers: tmux list-sessions",
        ) from error


def _server(socket: str) -> Server:
    from libtmux import Server  # noqa: PLC0415

    if socket.startswith("/"):
        return Server(socket_path=socket)
    return Server(socket_name=socket)


def _absent(server: Server, name: str) -> NovaorchError:
    names = ", ".join(sorted(str(s.session_name) for s in server.sessions))
    return NovaorchError(
        f"there is no tmux session named {name}",
        why=f"on this server are: {names}" if names else "no session is on this server",
        fix="name one of them, as `tmux list-sessions` shows it",
    )


def _session(session: Session) -> LiveSession:
    windows = list(session.windows)
    size = windows[0] if windows else session
    return LiveSession(
        name=str(session.session_name),
        columns=_number(getattr(size, "window_width", None)),
        rows=_number(getattr(size, "window_height", None)),
        windows=tuple(_window(window) for window in windows),
        options=_options(session, "show-options"),
    )


def _window(window: Window) -> LiveWindow:
    return LiveWindow(
        index=_number(window.window_index),
        name=str(window.window_name or ""),
        named=_said(window, "#{automatic-rename}") != "1",
        layout=str(window.window_layout or ""),
        panes=tuple(_pane(pane) for pane in window.panes),
        options=_options(window, "show-options", "-w"),
        active=window.window_active == "1",
    )


def _pane(pane: Pane) -> LivePane:
    return LivePane(
        started_with=str(pane.pane_start_command or ""),
        started_in=str(getattr(pane, "pane_start_path", None) or ""),
        path=str(pane.pane_current_path or ""),
        active=pane.pane_active == "1",
    )


def _options(thing: Any, *command: str) -> tuple[tuple[str, str], ...]:
    """Return the options that the thing itself has: those it only inherits are not told."""
    pairs = []
    for row in thing.cmd(*command).stdout:
        name, _, value = str(row).partition(" ")
        if not name.startswith("@"):
            pairs.append((name, "".join(printed_words(value)) if '"' in value else value))
    return tuple(pairs)


def _said(thing: Any, text: str) -> str:
    return "".join(thing.cmd("display-message", "-p", text).stdout)


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdigit() else 0
