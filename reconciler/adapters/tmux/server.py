"""The server itself: whether it is there, its anchor session, and how it is started.

The anchor keeps the server alive while no agent runs and gives the control client a place to be.
It is found by its mark, never by its name.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.adapters.tmux.fence import variable
from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.photo import ANCHOR, FRAME
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.talk import NoServerError, Reply, SilentError, Talk
from reconciler.model.problems import BlindError, NovaorchError

NAME = "novaorch"
ATTEMPTS = 5
ANCHOR_ARGV = ("tail", "-f", "/dev/null")
NOVAORCH_CONF = (
    ("set-option", "-gw", "remain-on-exit", "on"),
    ("set-option", "-g", "history-limit", "{history}"),
    ("set-option", "-g", "destroy-unattached", "off"),
    ("set-option", "-g", "@novaorch_server", "1"),
    # tmux's log of messages holds every command, and so every secret that -e carries.
    ("set-option", "-s", "message-limit", "0"),
)
"""What we set on a server that we start ourselves. `window-size manual` is not among it: set for
all windows, it makes tmux 3.3a end at the next session that is made without a size."""

_IS_ANCHOR = f"#{{==:#{{{FRAME}}},{ANCHOR}}}"
_LIST = ("list-sessions", "-F", f"#{{session_id}} {_IS_ANCHOR} #{{session_name}}")
_ASK = (
    "display-message -p -t '{anchor}:' 'setting|#{{remain-on-exit}}|#{{destroy-unattached}}|"
    "#{{history-limit}}|#{{@novaorch_server}}|#{{message-limit}}|#{{NOVAORCH_UNIT}}|#{{version}}|"
    "#{{{epoch}}}|#{{default-shell}}'"
)


@dataclass(frozen=True, slots=True)
class Server:
    """How one server is reached and, if need be, started."""

    plain: Plain
    config: str
    timeout_s: float

    def anchor(self, *, start: bool) -> str:
        """Return the id of our anchor session; make it, and with `start` the server, if need be.

        NoServerError when no server runs and none was to be started.
        """
        for _ in range(ATTEMPTS):
            try:
                rows = self._call(_LIST).output
            except NoServerError:
                if not start:
                    raise
                self._start()
                continue
            names = {name for _, _, name in (_session(row) for row in rows)}
            for session, mark, _ in map(_session, rows):
                if mark == "1":
                    return session
            self._open(_free(names), first=False)
        raise BlindError(
            "tmux has no place for novaorch's own session",
            why=f"the session {NAME} was made {ATTEMPTS} times and was gone each time",
            fix="look for a hook or a program that closes sessions on this server",
        )

    def refuse_stranger(self) -> None:
        """Raise BlindError when something that is no socket lies where the socket belongs.

        To tmux it looks like a server that ended: it would delete the file to listen there.
        """
        path = self.plain.socket_path
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return
        if not stat.S_ISSOCK(mode):
            raise BlindError(
                f"{path} is not a socket",
                why="tmux would delete it, and listen there itself",
                fix="name another socket in fleet.yaml, or move that file away",
            )

    def remove_anchor(self) -> None:
        """Remove our anchor session; a server with no other session ends."""
        try:
            rows = self._call(_LIST).output
        except NoServerError:
            return
        for session, mark, _ in map(_session, rows):
            if mark == "1":
                self._call(("kill-session", "-t", session))

    def _start(self) -> None:
        """Start the server, one of us at a time: tmux itself may lose one of two."""
        self.refuse_stranger()
        folder = os.path.dirname(self.plain.socket_path)  # noqa: PTH120
        try:
            if not self.plain.socket.startswith("/"):
                os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as broken:
            raise NovaorchError(
                f"the folder of the tmux socket, {folder}, cannot be used",
                why=str(broken.strerror),
                fix="set TMUX_TMPDIR to a folder of your own, or mend that one",
            ) from broken
        try:
            self._lock(lock)
            try:
                self._call(_LIST)
            except NoServerError:
                self._open(NAME, first=True)
        finally:
            os.close(lock)

    def _lock(self, lock: int) -> None:
        end = time.monotonic() + self.timeout_s
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise SilentError("another program is starting it, for too long") from None
                time.sleep(0.01)

    def _open(self, name: str, *, first: bool) -> None:
        words = ["new-session", "-d", "-x", "80", "-y", "24", "-s", name, "--", *ANCHOR_ARGV]
        words += [";", "set-environment", "-h", "-t", f"={name}:", FRAME, ANCHOR]
        if first:
            words = ["-f", "/dev/null", *words]
            for command in NOVAORCH_CONF:
                words += [";", *(word.format(history="10000") for word in command)]
            if self.config:
                words += [";", "source-file", "-q", self.config]
        reply = self._call(words)
        if reply.error and not reply.error.startswith("duplicate session"):
            raise NovaorchError(
                "tmux could not be started",
                why=reply.error,
                fix="run `tmux -V`, and look at the tmux configuration of the fleet",
            )

    def _call(self, words: Sequence[str]) -> Reply:
        return self.plain.call(words, self.timeout_s, cwd="/")


def setting(
    talk: Talk, anchor: str, fleet: str, environ: Mapping[str, str], timeout_s: float
) -> tuple[Setting, str]:
    """Return what rendering must know of the server, and whose orders it takes.

    SilentError when it does not say.
    """
    ask = _ASK.format(anchor=anchor, epoch=variable(fleet))
    reply = talk.run([ask], timeout_s)[0]
    cells = reply.output[0].split("|") if reply.output else []
    if len(cells) != 10 or cells[0] != "setting":
        raise SilentError(reply.error or "the server did not say how it is set")
    _, dead, destroy, history, own, messages, ghost, version, epoch, shell = cells
    known = Setting(
        fleet=fleet,
        environ=environ,
        shell=shell or "/bin/sh",
        history_lines=int(history) if history.isdigit() else 0,
        own=own == "1",
        messages=int(messages) if messages.isdigit() else 0,
        keeps_dead=dead in ("on", "1"),
        destroys=destroy not in ("off", "0"),
        haunted=bool(ghost),
        braces=not version.startswith(("3.2", "3.1", "3.0")),
        version=version,
    )
    return known, epoch


def _session(row: str) -> tuple[str, str, str]:
    session, _, rest = row.partition(" ")
    mark, _, name = rest.partition(" ")
    return session, mark, name


def _free(names: set[str]) -> str:
    if NAME not in names:
        return NAME
    return next(f"{NAME}-{n}" for n in range(1, len(names) + 2) if f"{NAME}-{n}" not in names)
