"""A store server of our own on a private unix socket: started once, found by everybody, stopped.

It holds a file lock as long as it lives, handed down at its start: whether one runs is asked of
the system, never of a pid that may mean somebody else by now.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from reconciler.adapters.store import hold, server, wire
from reconciler.model.problems import BlindError, NovaorchError

POLL_S = 0.005
ANSWER_S = 0.5
START_S = 5.0
STOP_S = 5.0
KILL_S = 2.0


class Place(Protocol):
    """Where the server keeps its data and listens."""

    @property
    def store(self) -> Path:
        """The data folder."""
        ...

    @property
    def store_socket(self) -> Path:
        """The socket's path, short enough for the system."""
        ...

    def make_store(self) -> Path:
        """Make both folders, private to this user."""
        ...

    def check_socket(self) -> None:
        """Refuse a socket folder that somebody else could have prepared."""
        ...


class EmbeddedServer:
    """The one embedded server of a place."""

    def __init__(self, place: Place, environ: Mapping[str, str]) -> None:
        self._place = place
        self._environ = environ
        self._record = place.store / "server.json"

    @property
    def socket(self) -> Path:
        """Where the running server listens: it may have been started by a process whose
        environment chose another path."""
        said = self._said().get("socket")
        return Path(said) if isinstance(said, str) and said else self._place.store_socket

    def running(self) -> bool:
        """Whether it answers now, or reads its data. Makes nothing, starts nothing."""
        self._place.check_socket()
        return wire.alive(self._answer())

    def start(self, wait_s: float = START_S) -> tuple[str, ...]:
        """See to it that one server runs and answers; return what a person should be told.

        Two processes that start at once end with one server. When it cannot be started, none is
        left behind; one that still reads its data after `wait_s` is left to it. A server that
        runs but is stalled is a BlindError: it is not replaced.
        """
        self._place.check_socket()
        if self._answer() == wire.PONG:
            return ()
        until = time.monotonic() + wait_s
        with _told(self._place.store), self._alone(until):
            return self._start(until)

    def stop(self) -> bool:
        """End the server and see it gone; False when none ran. Data stays for the next start."""
        if not self._place.store.is_dir():
            return False
        with _told(self._place.store), self._alone(time.monotonic() + STOP_S):
            free = self._claim()
            if free is not None:
                os.close(free)
                return False
            self._end()
            self._forget()
        return True

    def settle(self) -> None:
        """Put on the disk what the server has written; never fails."""
        for path in server.journals(self._place.store):
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fdatasync(fd)
                finally:
                    os.close(fd)

    # -- starting ------------------------------------------------------------------------------

    def _start(self, until: float) -> tuple[str, ...]:
        claim = self._claim()
        if claim is None:
            if self._wait_for_answer(until):
                return ()
            self._end()
            claim = self._claim()
        if claim is None:
            raise self._stalled()
        try:
            return self._start_anew(claim, until)
        finally:
            os.close(claim)  # the server has its own copy, and with it the lock

    def _wait_for_answer(self, until: float) -> bool:
        """Wait for a server that is alive; False when it listens nowhere any more."""
        answer = self._answer()
        while answer and answer != wire.PONG and time.monotonic() < until:
            time.sleep(POLL_S)
            answer = self._answer()
        return wire.alive(answer)

    def _start_anew(self, claim: int, until: float) -> tuple[str, ...]:
        binary = server.find_server(self._environ)
        if binary is None:
            raise NovaorchError(
                "there is no store server on this machine",
                why="no redis-server or valkey-server was found, and no url is set",
                fix=server.install_line(self._environ),
            )
        if self._try(binary, claim, until):
            return ()
        tail = server.log_tail(self._place.store)
        aside = server.set_aside(self._place.store) if server.unreadable(tail) else None
        if aside is not None and self._try(binary, claim, until):
            return (
                f"the store's data could not be read; it is now in {aside}, and the store empty",
            )
        raise NovaorchError(
            f"{binary} does not start",
            why=_last_words(server.log_tail(self._place.store)),
            fix=f"read {self._place.store / 'server.log'}",
        )

    def _try(self, binary: Path, claim: int, until: float) -> bool:
        """Start a server and wait until it answers; False, and none left, when it does not."""
        socket = self._place.store_socket
        socket.unlink(missing_ok=True)
        child = server.spawn(
            server.argv(binary, self._place.store, socket), self._place.store, claim
        )
        try:
            self._write({"pid": child.pid, "socket": str(socket)})
            up = self._comes_up(child, until)
        except BaseException:
            self._kill(child)
            raise
        if not up:
            self._kill(child)
        return up

    def _comes_up(self, child: subprocess.Popen[bytes], until: float) -> bool:
        """Wait for PONG: a server says LOADING first even of data that it will fail to read."""
        answer = ""
        while time.monotonic() < until and child.poll() is None:
            answer = self._answer()
            if answer == wire.PONG:
                return True
            time.sleep(POLL_S)
        return child.poll() is None and wire.alive(answer)

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is None:
            child.kill()
            child.wait()
        self._forget()

    # -- stopping ------------------------------------------------------------------------------

    def _end(self) -> None:
        """End the live server: by asking, then by force. It is ours: it holds our lock."""
        with contextlib.suppress(OSError):
            wire.ask(self.socket, "SHUTDOWN", KILL_S)
            if self._gone_within(STOP_S):
                return
        pid = self._said().get("pid")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if isinstance(pid, int) and pid > 1:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)
            if self._gone_within(KILL_S):
                return
        raise NovaorchError(
            f"the store server in {self._place.store} does not end",
            why=f"pid {pid} is still there after KILL",
            fix=f"look at it: `ps -fp {pid}`",
        )

    def _gone_within(self, wait_s: float) -> bool:
        until = time.monotonic() + wait_s
        while True:
            server.reap()
            if (free := self._claim()) is not None:
                os.close(free)
                return True
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)

    # -- files ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self, until: float) -> Iterator[None]:
        """Let no other process start or stop the server meanwhile."""
        folder = self._place.make_store()
        fd = hold.take(folder / "start.lock", until)
        if fd is None:
            raise BlindError(
                "somebody else is starting or stopping the store",
                why=f"{folder / 'start.lock'} is held",
                fix="try again in a moment",
            )
        try:
            yield
        finally:
            os.close(fd)

    def _claim(self) -> int | None:
        """Return the lock that a live server holds, None while there is one."""
        return hold.take(self._place.store / "alive.lock")

    def _answer(self) -> str:
        """Return the answer to PING, '' when nobody listens."""
        try:
            return wire.ask(self.socket, "PING", ANSWER_S)
        except TimeoutError as error:
            raise self._stalled() from error
        except OSError:
            return ""

    def _stalled(self) -> BlindError:
        pid = self._said().get("pid")
        return BlindError(
            "the embedded store does not answer",
            why=f"its server (pid {pid}) runs but is stalled",
            fix=f"look at it (`ps -fp {pid}`), or end it: it is started again by itself",
        )

    def _said(self) -> dict[str, object]:
        try:
            said = json.loads(self._record.read_bytes()[:4096])
        except (OSError, ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}

    def _write(self, record: Mapping[str, object]) -> None:
        fresh = self._record.with_suffix(".new")
        with open(fresh, "w", opener=server.private) as file:
            json.dump(record, file)
        fresh.replace(self._record)

    def _forget(self) -> None:
        self.socket.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn an OSError into words that name the path and the mend."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise NovaorchError(
            f"cannot keep a store in {error.filename or folder}",
            why=error.strerror or str(error),
            fix=("free some space there, or " if full else "")
            + "choose another place: XDG_STATE_HOME=/a/folder/of/yours novaorch ...",
        ) from error


def _last_words(tail: str) -> str:
    return " ".join(tail.splitlines()[-1:])[:300] or "it ended without a word"
