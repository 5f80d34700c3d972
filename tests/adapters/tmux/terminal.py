"""A person at a terminal: a real client on a real pty, whose keys are typed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator

from tests.adapters.tmux.conftest import BINARY, Box


class Terminal:
    """Attached to one session; what it shows is thrown away."""

    def __init__(self, box: Box, session: str, *more: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [BINARY, "-u", "-L", "t", "attach-session", *more, "-t", f"={session}"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**box.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        self.name = os.ttyname(slave)
        os.close(slave)
        threading.Thread(target=self._drain, daemon=True).start()
        box.until(lambda: self.name in box.tmux("list-clients", "-F", "#{client_tty}"))

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def leave(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self._master, 65536):
                pass


@contextlib.contextmanager
def attached(box: Box, session: str, *more: str) -> Iterator[Terminal]:
    """Somebody looks at a session for a while."""
    terminal = Terminal(box, session, *more)
    try:
        yield terminal
    finally:
        terminal.leave()
