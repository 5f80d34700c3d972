"""The other side of `Apart`: the recorder, for the process that began this one.

Never outlives it: with the last word, or when it is gone, this ends as well.
"""

from __future__ import annotations

import contextlib
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

Answer = tuple[int, Any, tuple[type[NovaorchError], str, str, str] | None]
"""Which question, what came of it, and what went wrong if something did."""


def serve(descriptor: int) -> None:
    """Answer what comes over a descriptor until the other side says that it was all."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for whoever began us
        signal.signal(number, signal.SIG_IGN)
    wire, speaking = Connection(descriptor), threading.Lock()
    key, mask = wire.recv()
    recorder = GitRecorder(key, Mask(mask))

    def answer(number: int, name: str, words: tuple[Any, ...]) -> None:
        said = _answer(recorder, number, name, words)
        with speaking, contextlib.suppress(OSError):  # nobody is there: `_heard` ends it
            wire.send(said)

    with ThreadPoolExecutor(THREADS, "tree") as pool:
        while (word := _heard(wire)) is not None:
            pool.submit(answer, *word)
    recorder.close()


def _heard(wire: Connection) -> Any:
    try:
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
