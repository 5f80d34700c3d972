"""One long-lived `git cat-file`, asked by pipe: reading spawns nothing.

Never believes a hung, dead or confused helper: each read has a limit, a dead helper is started
anew once, and the content of every object is hashed against its id.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple, cast

from reconciler.adapters.git.formats import object_id
from reconciler.adapters.git.process import kill, said
from reconciler.model.problems import BlindError, SourceError

SILENCE_S = 10.0
ASKED_MAX = 1000
"""So many times one helper is asked: git searches every pack that it ever saw, also those that
are long gone, so one that lives long takes ever longer."""
_HEADER = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (blob|tree|commit|tag) (\d{1,18})")
_OBJECT_MAX = 64 * 2**20
_CHUNK = 2**18


class Found(NamedTuple):
    """One object: its id, kind and size in bytes; `body` when the content was asked for."""

    oid: str
    kind: str
    size: int
    body: bytes = b""


class HelperDiedError(Exception):
    """The helper ended; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How to ask one helper: its arguments, the word before a name, the word that ends a batch."""

    args: tuple[str, ...]
    word: bytes = b""
    end: bytes = b""


_MODERN = {
    body: _Dialect(("cat-file", "--batch-command", "--buffer"), word, b"flush\n")
    for body, word in ((False, b"info "), (True, b"contents "))
}
_LEGACY = {  # git before 2.36
    False: _Dialect(("cat-file", "--batch-check")),
    True: _Dialect(("cat-file", "--batch")),
}


class ObjectReader:
    """Answers for objects by name. One thread only."""

    def __init__(
        self,
        start: Callable[..., subprocess.Popen[bytes]],
        object_format: str,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._start, self._format, self._silence_s = start, object_format, silence_s
        self._helpers: dict[tuple[str, ...], _Helper] = {}
        self._dialects = _MODERN
        self.objects_read = self.sizes_asked = 0  # told to tests and metrics

    @property
    def object_format(self) -> str:
        """The hash that names objects here: `sha1` or `sha256`."""
        return self._format

    def find(self, names: Sequence[str]) -> list[Found | None]:
        """Return id, kind and size of each name; None for what git does not know."""
        return self._ask(names, body=False)

    def headers(self, oids: Sequence[str]) -> list[Found]:
        """Return kind and size of objects that must be there; a lost one is a SourceError."""
        self.sizes_asked += len(oids)
        return self._must(oids, body=False)

    def contents(self, oids: Sequence[str], kind: str) -> list[bytes]:
        """Return the content of objects that must be there and be of `kind`."""
        found = self._must(oids, body=True)
        self.objects_read += len(found)
        for oid, one in zip(oids, found, strict=True):
            real = object_id(one.kind, one.body, self._format)
            if one.kind != kind or real != oid:
                raise SourceError(
                    f"object {oid} is damaged",
                    why=f"it should be a {kind} of that id, but is a {one.kind} that hashes to "
                    f"{real}",
                    fix="run `git fsck`, then restore the object from a healthy clone",
                )
        return [one.body for one in found]

    def close(self) -> None:
        """End the helpers. The next question starts them anew."""
        while self._helpers:
            self._helpers.popitem()[1].close()

    def _must(self, oids: Sequence[str], *, body: bool) -> list[Found]:
        found = dict(zip(oids, self._ask(oids, body=body), strict=True))
        lost = [oid for oid, one in found.items() if one is None]
        if lost:  # a repack may have moved it away from under a helper that looked before
            self.close()
            found.update(zip(lost, self._ask(lost, body=body), strict=True))
        answers = []
        for oid in oids:
            one = found[oid]
            if one is None:
                raise SourceError(
                    f"object {oid} is missing or damaged",
                    why="the repository is damaged, or a partial clone that never fetched it",
                    fix="run `git fsck`, then `git fetch --refetch` or restore from another clone",
                )
            answers.append(one)
        return answers

    def _ask(self, names: Sequence[str], *, body: bool) -> list[Found | None]:
        last = ""
        for _ in range(3):  # once, once more with a fresh helper, once in the old dialect
            dialect = self._dialects[body]
            try:
                return self._helper(dialect).exchange(dialect, names, body=body)
            except HelperDiedError as death:
                last = str(death)
                self.close()
                if "batch-command" in last and self._dialects is _MODERN:
                    self._dialects = _LEGACY
            except BaseException:
                self.close()  # half an answer may be in the pipe
                raise
        raise SourceError(
            "git could not read the repository",
            why=said(last) or "its cat-file helper ends at once",
            fix="run `git fsck` in the repository and mend what it names",
        )

    def _helper(self, dialect: _Dialect) -> _Helper:
        """Return a helper that is not too old."""
        helper = self._helpers.get(dialect.args)
        if helper is not None and helper.asked >= ASKED_MAX:
            self._helpers.pop(dialect.args).close()
            helper = None
        if helper is None:
            process = self._start(*dialect.args)
            helper = self._helpers[dialect.args] = _Helper(process, self._silence_s)
        return helper


class _Helper:
    """One running cat-file, spoken to without ever blocking on a pipe."""

    def __init__(self, process: subprocess.Popen[bytes], silence_s: float) -> None:
        self._process, self._silence_s = process, silence_s
        pipes = (process.stdin, process.stdout, process.stderr)
        self._in, self._out, self._err = (cast("IO[bytes]", pipe).fileno() for pipe in pipes)
        self._said, self.asked = b"", 0
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        for descriptor in (self._out, self._err):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def close(self) -> None:
        self._selector.close()
        kill(self._process)

    def exchange(
        self, dialect: _Dialect, names: Sequence[str], *, body: bool
    ) -> list[Found | None]:
        """Ask for all names at once and return the answers in order."""
        lines = [dialect.word + n.encode("utf-8", "surrogateescape") + b"\n" for n in names]
        unsent = memoryview(b"".join([*lines, dialect.end]))
        answers = _Answers(len(names), body=body)
        self._selector.register(self._in, selectors.EVENT_WRITE)
        asking, self.asked = True, self.asked + 1
        while not answers.complete:
            for key, _ in self._wait():
                if key.fd == self._in:
                    unsent = unsent[self._write(unsent) :]
                else:
                    self._listen(key.fd, answers)
            if asking and not unsent:
                self._selector.unregister(self._in)
                asking = False
        return answers.done

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._selector.select(self._silence_s)
        if not ready:
            raise BlindError(
                f"git did not answer within {self._silence_s:g} s",
                why="its cat-file helper was silent and has been ended",
                fix="check the disk that holds the repository; novaorch tries again by itself",
            )
        return ready

    def _write(self, unsent: memoryview) -> int:
        try:
            return os.write(self._in, unsent[:_CHUNK])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise HelperDiedError(self._last_words()) from None

    def _listen(self, descriptor: int, answers: _Answers) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if descriptor == self._err:
            # Warnings must be drained, or a full pipe would stop the helper for good.
            self._said = (self._said + data)[-4096:]
            if not data:
                self._selector.unregister(descriptor)
        elif data:
            answers.feed(data)
        else:
            raise HelperDiedError(self._last_words())

    def _last_words(self) -> str:
        self._process.wait(self._silence_s)
        with contextlib.suppress(OSError):
            self._said += os.read(self._err, _CHUNK)
        return self._said[-4096:].decode("utf-8", "replace")


class _Answers:
    """Cuts a byte stream into answers."""

    def __init__(self, expected: int, *, body: bool) -> None:
        self._expected, self._body = expected, body
        self._buffer, self._at = bytearray(), 0
        self.done: list[Found | None] = []

    @property
    def complete(self) -> bool:
        return len(self.done) >= self._expected

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while not self.complete and self._take():
            continue
        del self._buffer[: self._at]
        self._at = 0

    def _take(self) -> bool:
        line_end = self._buffer.find(b"\n", self._at)
        if line_end < 0:
            return False
        header = _HEADER.fullmatch(self._buffer, self._at, line_end)
        if header is None:  # `<name> missing`, `<name> ambiguous`
            self.done.append(None)
            self._at = line_end + 1
            return True
        oid, kind, size = header[1].decode(), header[2].decode(), int(header[3])
        if not self._body:
            self.done.append(Found(oid, kind, size))
            self._at = line_end + 1
            return True
        return self._take_body(oid, kind, size, line_end + 1)

    def _take_body(self, oid: str, kind: str, size: int, start: int) -> bool:
        if size > _OBJECT_MAX:
            raise SourceError(
                f"object {oid} is too large to read ({size} bytes)",
                fix=f"keep every object of the desired state under {_OBJECT_MAX} bytes",
            )
        if len(self._buffer) < start + size + 1:
            return False
        self.done.append(Found(oid, kind, size, bytes(self._buffer[start : start + size])))
        self._at = start + size + 1
        return True
