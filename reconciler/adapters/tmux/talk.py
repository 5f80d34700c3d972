"""What both ways of talking to a server share: the reply, the protocol, and how it fails."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

DROPPED = ("GIT_", "NOVAORCH_")
OURS_NOT = frozenset({"TMUX", "TMUX_PANE"})
"""Never given to a server or a client that we start. TMUX_TMPDIR stays: there are the sockets."""
BIRTH = "+ "
"""Begins a row that a creating command prints, in the order in which panes are made."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one line printed, its errors, and when it was answered (monotonic seconds)."""

    output: tuple[str, ...]
    errors: tuple[str, ...] = ()
    at: float = 0.0

    @property
    def error(self) -> str:
        """The first error, '' when there was none."""
        return self.errors[0] if self.errors else ""


class SilentError(Exception):
    """The server did not answer in time, or the way to it broke.

    `replies` are those that came before; `sent` says how many lines may have reached the server.
    """

    def __init__(self, why: str, replies: Sequence[Reply] = (), sent: int = 0) -> None:
        super().__init__(why)
        self.why, self.replies, self.sent = why, tuple(replies), sent


class LateError(SilentError):
    """Nothing came in time: to ask again at once would only take as long again."""


class NoServerError(Exception):
    """Nothing listens on the socket."""


class Talk(Protocol):
    """A way to a server. `ordered`: errors come in the order in which they happened."""

    ordered: bool

    def run(self, lines: Sequence[str], timeout_s: float) -> list[Reply]:
        """Run lines in order; one reply each.

        A line that fails does not stop the next. SilentError when no answer came within
        `timeout_s` of the last one; NoServerError when no server runs.
        """
        ...

    def close(self) -> None:
        """Let go."""
        ...


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what belongs to git, to another tmux, or to us."""
    return {k: v for k, v in environ.items() if not k.startswith(DROPPED) and k not in OURS_NOT}


def address(binary: str, socket: str) -> list[str]:
    """Return the beginning of every call: the program and the way to the server."""
    return [binary, "-u", "-S" if socket.startswith("/") else "-L", socket]


def socket_path(socket: str, environ: Mapping[str, str]) -> str:
    """Return where a socket is, by tmux's own rule."""
    if socket.startswith("/"):
        return socket
    folder = environ.get("TMUX_TMPDIR") or "/tmp"  # noqa: S108
    return f"{os.path.realpath(folder)}/tmux-{os.getuid()}/{socket}"


LEAVING = ("server exited", "lost server")
"""What a client says when its server ends while it is spoken to: ask once more."""


def is_absent(message: str) -> bool:
    """Return whether a client's message says that no server runs, and nothing else."""
    if message.startswith("no server running on "):
        return True
    return message.startswith("error connecting to ") and message.rstrip().endswith(
        ("(No such file or directory)", "(Connection refused)")
    )


def text(data: bytes) -> str:
    """Return what tmux wrote as text; bytes that are no UTF-8 survive a round trip."""
    return os.fsdecode(data) if not data.isascii() else data.decode("ascii")
