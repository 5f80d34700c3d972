"""What a turn waits for: time, an HTTP answer, a program. One `select` serves them all.

A wait is asked for its file descriptors and its hour, is stepped when one of them is due, and is
over when `done`. Nothing here blocks, so an agent whose hooks hang still hears its keyboard.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

FOREVER = float("inf")
ANSWER_BYTES_MAX = 1 << 20


class Pause:
    """So many seconds."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.done = seconds <= 0

    def reads(self) -> list[int]:
        """Return the descriptors that it waits to read."""
        return []

    def writes(self) -> list[int]:
        """Return the descriptors that it waits to write."""
        return []

    def step(self) -> None:
        """Go on as far as possible."""
        self.done = time.monotonic() >= self.until

    def close(self) -> None:
        """Let go of everything."""


class Post(Pause):
    """One HTTP POST of JSON. `status` is 0 when nobody answered in time; `body` is the answer."""

    def __init__(self, url: str, headers: dict[str, str], body: bytes, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.status, self.body, self.headers = 0, b"", ""
        self._got = b""
        host, port, path = _parts(url)
        told = {"Host": f"{host}:{port}", "Content-Type": "application/json", **headers}
        told |= {"Content-Length": str(len(body)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self._left = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self.done = False
        try:
            failed = self._socket.connect_ex((host, port)) not in (0, 115, 36)
        except OSError:
            failed = True
        if failed:
            self.close()

    def reads(self) -> list[int]:
        return [] if self.done or self._left else [self._socket.fileno()]

    def writes(self) -> list[int]:
        return [self._socket.fileno()] if not self.done and self._left else []

    def step(self) -> None:
        if self.done:
            return
        try:
            if self._left:
                self._left = self._left[self._socket.send(self._left) :]
            else:
                self._receive()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
        if time.monotonic() >= self.until:
            self.close()

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        self._got += data
        head, parted, body = self._got.partition(b"\r\n\r\n")
        if parted:
            length = _header(head, b"content-length")
            if data and (length is None or len(body) < int(length)):
                return
            self.headers = head.decode("latin-1").lower()
            self.status = int(head.split(b" ", 2)[1])
            chunked = b"chunked" in (_header(head, b"transfer-encoding") or b"")
            self.body = _joined(body) if chunked else body
        if parted or not data or len(self._got) > ANSWER_BYTES_MAX:
            self.close()

    def close(self) -> None:
        self.done = True
        self._socket.close()


class Program(Pause):
    """One shell command with text on its standard input. `body` is what it printed."""

    def __init__(self, command: str, text: bytes, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.status, self.body = 0, b""
        inward, into = os.pipe()
        self._out, outward = os.pipe()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        places = [(inward, 0), (outward, 1), (nowhere, 2)]
        dups = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in places]
        argv = ["sh", "-c", command]
        self._pid = os.posix_spawn("/bin/sh", argv, os.environ, file_actions=dups, setsid=False)
        for fd in (inward, outward, nowhere):
            os.close(fd)
        # A pipe holds 64 KiB, and what a hook is told is smaller.
        os.set_blocking(into, False)
        with contextlib.suppress(OSError):
            os.write(into, text)
        os.close(into)
        self.done = False

    def reads(self) -> list[int]:
        return [] if self.done else [self._out]

    def step(self) -> None:
        if self.done:
            return
        if time.monotonic() >= self.until:
            self.body = b""
            self.close()
            return
        data = os.read(self._out, 65536)
        self.body += data
        if not data:
            self._end()

    def close(self) -> None:
        if not self.done:
            os.kill(self._pid, 9)
            self._end()

    def _end(self) -> None:
        self.done = True
        os.close(self._out)
        _, code = os.waitpid(self._pid, 0)
        self.status = 200 if code == 0 else 500


def _parts(url: str) -> tuple[str, int, str]:
    host, slash, path = url.partition("://")[2].partition("/")
    name, _, port = host.partition(":")
    return name, int(port or 80), slash + path or "/"


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None


def _joined(body: bytes) -> bytes:
    """Return what chunks add up to."""
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        whole, body = whole + body[:length], body[length + 2 :]
    return whole
