"""The fast way: one control-mode client that stays, lines written without waiting for answers.

A thread of its own reads, so that neither pipe can fill up while both sides write. It never
decides anything: it cuts the stream into replies and hands notifications on by their first word.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from reconciler.adapters.tmux.talk import Reply, SilentError, address, clean, text

Notify = Callable[[str], None]
ENDING_S = 1.0
"""How long a client gets to end by itself."""


class Control:
    """One `tmux -C attach` process on the session `anchor` (an id)."""

    ordered = True

    def __init__(
        self, binary: str, socket: str, environ: Mapping[str, str], anchor: str, notify: Notify
    ) -> None:
        self._process = subprocess.Popen(
            [
                *address(binary, socket),
                "-C",
                "attach-session",
                "-f",
                "ignore-size,no-output",
                "-t",
                anchor,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean(environ),
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101  (PIPE was asked for)
        assert self._process.stdout is not None  # noqa: S101
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        self._stream = _Stream(notify)
        self._turn = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="tmux-control", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The client's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the client still reads its server."""
        return not self._stream.ended

    def run(self, lines: Sequence[str], timeout_s: float) -> list[Reply]:
        """See `Talk.run`. After a SilentError this client is of no more use: close it."""
        with self._turn:
            nonce = secrets.token_hex(8)
            self._stream.expect(nonce, len(lines))
            parts = [
                f"{line}\ndisplay-message -p {nonce}\n".encode("utf-8", "surrogateescape")
                for line in lines
            ]
            sent = self._write(parts, timeout_s)
            replies, why = self._stream.collect(timeout_s)
            if len(replies) < len(lines):
                raise SilentError(why, replies, sent)
            return replies

    def close(self) -> None:
        """End the client; the server and its sessions stay."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(ENDING_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _write(self, parts: Sequence[bytes], timeout_s: float) -> int:
        """Write everything; return how many lines may have arrived. Gives up with the reader."""
        data = memoryview(b"".join(parts))
        written, poll = 0, select.poll()
        poll.register(self._in, select.POLLOUT)
        while written < len(data):
            try:
                written += os.write(self._in, data[written : written + 65536])
            except BlockingIOError:
                if not poll.poll(min(timeout_s, 0.2) * 1000) and self._stream.stuck(timeout_s):
                    break
            except OSError:
                break
        return _lines_within(parts, written)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._out, 65536)
            except OSError:
                data = b""
            self._stream.feed(data)
            if not data:
                return


class _Stream:
    """Cuts a control-mode stream into blocks, blocks into replies, and passes on the rest."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._news = threading.Condition()
        self._rest = b""
        self._guard: bytes | None = None
        self._block: list[bytes] = []
        self._output: list[str] = []
        self._errors: list[str] = []
        self._nonce = b""
        self._wanted = 0
        self._replies: list[Reply] = []
        self._last = time.monotonic()
        self.ended = False

    def expect(self, nonce: str, count: int) -> None:
        """Begin a batch of `count` lines, each followed by one that prints `nonce`."""
        with self._news:
            self._nonce, self._wanted = nonce.encode(), count
            self._replies, self._output, self._errors = [], [], []
            self._last = time.monotonic()

    def collect(self, timeout_s: float) -> tuple[list[Reply], str]:
        """Wait for the batch; return what came, and why it is not all."""
        with self._news:
            while len(self._replies) < self._wanted and not self.ended:
                left = self._last + timeout_s - time.monotonic()
                if left <= 0:
                    return self._replies, f"no answer within {timeout_s:g} s"
                self._news.wait(left)
            return self._replies, "the control client ended"

    def stuck(self, timeout_s: float) -> bool:
        """Return whether nothing was heard for `timeout_s`, or nothing ever will be."""
        with self._news:
            return self.ended or time.monotonic() - self._last > timeout_s

    def feed(self, data: bytes) -> None:
        """Take what was read; empty at the end."""
        words: list[str] = []
        with self._news:
            self._last = time.monotonic()
            self.ended = self.ended or not data
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._line(line, words)
            self._news.notify_all()
        for word in words if data else [*words, "%exit"]:
            self._notify(word)

    def _line(self, line: bytes, words: list[str]) -> None:
        if self._guard is not None:
            if line.endswith(self._guard) and line.startswith((b"%end ", b"%error ")):
                self._finish(failed=line.startswith(b"%error "))
            else:
                self._block.append(line)
        elif line.startswith(b"%begin "):
            self._guard, self._block = line[6:], []
        elif line.startswith(b"%"):
            words.append(text(line.split(b" ", 1)[0]))

    def _finish(self, *, failed: bool) -> None:
        self._guard = None
        if failed:
            self._errors.append(text(b"\n".join(self._block)) or "failed")
        elif self._block == [self._nonce]:
            self._replies.append(Reply(tuple(self._output), tuple(self._errors), self._last))
            self._output, self._errors = [], []
        else:
            self._output += map(text, self._block)


def _lines_within(parts: Sequence[bytes], written: int) -> int:
    count = 0
    for part in parts:
        if written <= 0:
            break
        written -= len(part)
        count += 1
    return count
