"""The other side of `Apart`: the recorder, for the process that began this one.

Never outlives it: with the last word, or when it is gone, this ends as well.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from reconciler.adapters.git.record.recorder import GitRecorder
from reconciler.core.masks import Mask
from reconciler.model.problems import NovaorchError

THREADS = 128
"""So many trees are on their way to a commit at once: nearly all of them wait."""

QUIET_S = 1.0
BUSY_MAX = 20_000
"""So many questions without a quiet moment: then garbage cannot wait any longer."""

Answer = tuple[int, Any, tuple[type[NovaorchError], str, str, str] | None]
"""Which question, what came of it, and what went wrong if something did."""


def serve(descriptor: int) -> None:
    """Answer what comes over a descriptor until the other side says that it was all."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for whoever began us
        signal.signal(number, signal.SIG_IGN)
    wire, speaking = Connection(descriptor), threading.Lock()
    key, mask = wire.recv()
    recorder, tidy = GitRecorder(key, Mask(mask)), Tidy()

    def answer(number: int, name: str, words: tuple[Any, ...]) -> None:
        said = _answer(recorder, number, name, words)
        with speaking, contextlib.suppress(OSError):  # nobody is there: `_heard` ends it
            wire.send(said)

    with ThreadPoolExecutor(THREADS, "tree") as pool:
        while (word := _heard(wire, tidy)) is not None:
            pool.submit(answer, *word)
    recorder.close()


class Tidy:
    """Looks for garbage when nobody waits: what is known of many trees makes it a long look."""

    def __init__(self) -> None:
        gc.disable()
        self._asked = 0

    def may(self, *, quiet: bool) -> None:
        """Count a question, or look for garbage: in a quiet moment, or when none ever comes."""
        self._asked += not quiet
        if self._asked and (quiet or self._asked >= BUSY_MAX):
            self._asked = 0
            gc.collect()


def _heard(wire: Connection, tidy: Tidy) -> Any:
    try:
        if not wire.poll(QUIET_S):
            tidy.may(quiet=True)
        tidy.may(quiet=False)
        return wire.recv()
    except (EOFError, OSError):
        os._exit(1)  # a commit is whole or not at all at every moment


def _answer(recorder: GitRecorder, number: int, name: str, words: tuple[Any, ...]) -> Answer:
    try:
        return number, getattr(recorder, name)(*words), None
    except NovaorchError as error:
        return number, None, (type(error), error.what, error.why, error.fix)
    except Exception as error:  # a defect is told there, where somebody reads it
        what = f"work could not be recorded: {type(error).__name__}: {error}"
        return number, None, (NovaorchError, what, "this is a defect of novaorch", "")
