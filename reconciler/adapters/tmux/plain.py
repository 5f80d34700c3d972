"""The plain way: one client process a batch, its commands on standard input.

Slower than control mode and never wedged. Nothing but the program's name and the socket is in argv.
"""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence

from reconciler.adapters.tmux.talk import (
    BIRTH,
    LateError,
    NoServerError,
    Reply,
    SilentError,
    address,
    clean,
    is_absent,
    socket_path,
    text,
)

BATCH_BYTES = 24_000
"""tmux 3.3 takes quadratic time over one sourced file: many short ones are faster."""


class Plain:
    """Runs lines through `tmux source-file -`."""

    ordered = False

    def __init__(self, binary: str, socket: str, environ: Mapping[str, str]) -> None:
        self.binary, self.socket = binary, socket
        self._argv = [*address(binary, socket), "source-file", "-"]
        self._head = address(binary, socket)
        self._environ = clean(environ)

    @property
    def socket_path(self) -> str:
        """Where the socket is, or will be."""
        return socket_path(self.socket, self._environ)

    def run(self, lines: Sequence[str], timeout_s: float) -> list[Reply]:
        """See `Talk.run`."""
        replies: list[Reply] = []
        for batch in _batches(lines):
            try:
                replies += self._batch(batch, timeout_s)
            except SilentError as gone:
                sent = len(replies) + gone.sent
                raise type(gone)(gone.why, [*replies, *gone.replies], sent) from gone
            except NoServerError as gone:
                if not replies:
                    raise
                raise SilentError("the server is gone", replies, len(replies)) from gone
        return replies

    def call(self, words: Sequence[str], timeout_s: float, *, cwd: str | None = None) -> Reply:
        """Run one client with `words` as its command. Never give it a secret: argv is public."""
        out, err, code = self._spawn([*self._head, *words], b"", timeout_s, cwd)
        if code and is_absent(err):
            raise NoServerError(err)
        errors = (err.strip() or f"tmux ended with {code}",) if code else ()
        return Reply(tuple(out.split("\n")[:-1]), errors, time.monotonic())

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _batch(self, lines: Sequence[str], timeout_s: float) -> list[Reply]:
        nonce = secrets.token_hex(8)
        body = "".join(
            f"{line}\ndisplay-message -p {nonce}:{number}\n" for number, line in enumerate(lines)
        )
        out, err, code = self._spawn(
            self._argv, body.encode("utf-8", "surrogateescape"), timeout_s, None
        )
        if code and is_absent(err):
            raise NoServerError(err)
        replies = _cut(out, err, nonce)
        if len(replies) < len(lines):
            why = err.strip() or "the server went away in the middle"
            raise SilentError(why, replies, len(lines))
        return replies

    def _spawn(
        self, argv: Sequence[str], body: bytes, timeout_s: float, cwd: str | None
    ) -> tuple[str, str, int]:
        try:
            done = subprocess.run(
                argv,
                input=body,
                capture_output=True,
                timeout=timeout_s,
                env=self._environ,
                cwd=cwd,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            why = f"no answer within {timeout_s:g} s"
            raise LateError(why, sent=body.count(b"\n")) from late
        except OSError as broken:
            raise SilentError(f"{argv[0]}: {broken.strerror}") from broken
        return text(done.stdout), text(done.stderr), done.returncode


def _batches(lines: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    room = 0
    for line in lines:
        if not batches or room < len(line):
            batches.append([])
            room = BATCH_BYTES
        batches[-1].append(line)
        room -= len(line)
    return batches


def _cut(out: str, err: str, nonce: str) -> list[Reply]:
    """Cut what a batch printed into replies; errors belong, in order, to lines left unfinished."""
    replies: list[Reply] = []
    errors = err.splitlines()
    held: list[str] = []
    now = time.monotonic()
    for row in out.split("\n"):
        if not row.startswith(nonce):
            held.append(row)
            continue
        finished = any(not row.startswith(BIRTH) for row in held)
        own = (errors.pop(0),) if errors and not finished else ()
        replies.append(Reply(tuple(held), own, now))
        held = []
    return replies
