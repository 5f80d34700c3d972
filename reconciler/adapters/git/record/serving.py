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
GROWN_MAX = 2_000_000
"""So many more objects are held than after the last look: then garbage cannot wait for a quiet
moment. Hours of work make fewer, as what it leaves behind goes by itself."""

Answer = tuple[int, Any, tuple[type[NovaorchError], str, str, str] | None]
"""Which question, what came of it, and what went wrong if something did."""


def serve(descriptor: int) -> None:
    """Answer what comes over a descriptor until the other side says that it was all."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for whoever began us
        signal.signal(number, signal.SIG_IGN)
    wire, speaking = Connection(descriptor), threading.Lock()
    tidy = Tidy()
    key, mask = _heard(wire, tidy)
    recorder = GitRecorder(key, Mask(mask))

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

    def __init__(self, grown_max: int = GROWN_MAX) -> None:
        gc.disable()
        self._grown_max, self._asked = grown_max, False

    def may(self, *, quiet: bool) -> None:
        """Look for garbage: in a quiet moment after questions, or when there is too much of it."""
        self._asked = self._asked or not quiet
        if (quiet and self._asked) or gc.get_count()[0] >= self._grown_max:
            self._asked = False
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
