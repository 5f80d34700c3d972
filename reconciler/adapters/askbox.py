"""Where a git hook asks the daemon without starting Python: two FIFOs, one line each way.

A question is `validate TOKEN INDEX`; the asker made the FIFO `answer.TOKEN` beforehand and holds it
open. Anybody who does not get an answer in time runs the slow way; so a question may be dropped.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.problems import NovaorchError

_QUESTION = re.compile(rb"validate ([0-9]{1,10}) (/[^\n]{1,3000})")
_WAITING_MAX = 64
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Question:
    """Is what this index stages a valid wish?"""

    token: str
    index: Path


class AskBox:
    """The daemon's ear. `take` and `answer` belong to its thread; a thread of ours only listens."""

    def __init__(self, folder: Path, poke: Callable[[str], None]) -> None:
        self._folder, self._poke = folder, poke
        self._questions: deque[Question] = deque(maxlen=_WAITING_MAX)
        self._ear = -1
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            for left in (folder / "ask", *folder.glob("answer.*")):
                _remove(left)
            os.mkfifo(folder / "ask", 0o600)
            self._ear = os.open(folder / "ask", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            (folder / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as error:
            self.close()
            raise NovaorchError(
                "hooks cannot ask the daemon; they check by themselves, a little slower",
                why=str(error),
                fix=f"look at {folder}",
            ) from error
        # Its own copy, made here: a number that was closed meanwhile may be somebody else's.
        ear = os.dup(self._ear)
        threading.Thread(target=self._listen, args=(ear,), name="askbox", daemon=True).start()

    def take(self) -> list[Question]:
        """Return the questions that came, oldest first."""
        found = []
        while self._questions:
            found.append(self._questions.popleft())
        return found

    def answer(self, question: Question, verdict: int) -> None:
        """Answer in one line and remove the FIFO; an asker that left is no error."""
        path = self._folder / f"answer.{question.token}"
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                seen = os.fstat(fd)
                if stat.S_ISFIFO(seen.st_mode) and seen.st_uid == os.getuid():
                    os.write(fd, b"%d\n" % verdict)
            finally:
                os.close(fd)
                _remove(path)

    def close(self) -> None:
        """Stop listening and remove what was made. A second close does nothing."""
        if self._ear < 0:
            return
        ear, self._ear = self._ear, -1
        _remove(self._folder / "pid")
        _remove(self._folder / "ask")
        with contextlib.suppress(OSError):
            os.write(ear, b"\n")  # wakes the listener, which sees that it is over
            os.close(ear)

    def _listen(self, ear: int) -> None:
        rest = b""
        with os.fdopen(ear, "rb", buffering=0) as pipe:
            while self._ear >= 0:
                rest += pipe.read(_CHUNK) or b""
                *lines, rest = rest[-_CHUNK:].split(b"\n")
                for line in lines:
                    self._heard(line)

    def _heard(self, line: bytes) -> None:
        found = _QUESTION.fullmatch(line)
        if found is not None:
            token, index = found.groups()
            self._questions.append(Question(token.decode("ascii"), Path(os.fsdecode(index))))
            self._poke("ask")


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
