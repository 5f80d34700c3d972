"""Whether a program reads its terminal: what was typed into it and is still there. Reads only.

Asked of the terminal itself. A program that edits its own lines (a shell at its prompt, an agent)
takes every key at once; one that reads whole lines leaves them there until it does.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import termios
from dataclasses import dataclass

_LOCAL_MODES = 3


@dataclass(frozen=True, slots=True)
class Tty:
    """`lines`: it hands over whole lines. `waiting` bytes are typed and not read."""

    lines: bool = False
    waiting: int = 0


def unread(path: str) -> Tty:
    """Return how the terminal at `path` stands; one that cannot be asked holds nothing."""
    if not path.startswith("/dev/"):
        return Tty()
    with contextlib.suppress(OSError, termios.error):
        handle = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            lines = bool(termios.tcgetattr(handle)[_LOCAL_MODES] & termios.ICANON)
            held = array.array("i", [0])
            fcntl.ioctl(handle, termios.FIONREAD, held)
            return Tty(lines, held[0])
        finally:
            os.close(handle)
    return Tty()
