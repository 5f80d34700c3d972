"""Hears from the kernel that a pane's process ended, whatever tmux makes of it.

A tmux built with utempter (Debian's) loses the end of about one process in ten: it shows the pane
as dead, but never learns its status and runs no hook, until another child ends. So the processes
of the last photograph are watched by pidfd, and the server is told to look for its dead children.
Where there are no pidfds (they are Linux's), or too few descriptors, this does nothing.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import threading
from collections.abc import Callable, Collection

FREE_FDS = 256
"""So many descriptors are left to everything else."""


def look_for_the_dead(server: int) -> None:
    """Make a tmux server ask the kernel which of its children ended. Harmless at any time."""
    if server > 1:
        with contextlib.suppress(OSError):
            os.kill(server, signal.SIGCHLD)


class Ends:
    """Calls `tell` when a followed process ends."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._fds: dict[int, int] = {}
        self._server = 0
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._room = max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FREE_FDS)
        if hasattr(os, "pidfd_open") and hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._bell, self._rope = os.pipe2(os.O_CLOEXEC)
            self._epoll.register(self._bell, select.EPOLLIN)
            self._thread = threading.Thread(target=self._wait, name="tmux-ends", daemon=True)
            self._thread.start()

    def follow(self, pids: Collection[int], server: int) -> None:
        """Watch exactly these processes, children of `server`."""
        if self._thread is None:
            return
        with self._turn:
            self._server = server
            for pid in self._fds.keys() - set(pids):
                os.close(self._fds.pop(pid))
            for pid in set(pids) - self._fds.keys():
                if pid > 1 and len(self._fds) < self._room:
                    self._open(pid)

    def close(self) -> None:
        """Stop watching."""
        if self._thread is None:
            return
        os.write(self._rope, b".")
        self._thread.join()
        self._thread = None
        for fd in (*self._fds.values(), self._bell, self._rope):
            os.close(fd)
        self._fds.clear()
        self._epoll.close()

    def _open(self, pid: int) -> None:
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return  # gone already: the photograph that is taken next shows it
        self._fds[pid] = fd
        self._epoll.register(fd, select.EPOLLIN)

    def _wait(self) -> None:
        while True:
            ready = {fd for fd, _ in self._epoll.poll()}
            if self._bell in ready:
                return
            with self._turn:
                for pid in [pid for pid, fd in self._fds.items() if fd in ready]:
                    os.close(self._fds.pop(pid))
                server = self._server
            look_for_the_dead(server)
            self._tell()
