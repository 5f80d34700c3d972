"""Reads what tools and files say. Pure: text in, value out; nonsense is None."""

from __future__ import annotations

import re
from collections.abc import Mapping

Version = tuple[int, int]

_GIT = re.compile(r"git version (\d{1,4})\.(\d{1,4})")
_TMUX = re.compile(r"tmux (?:next-)?(\d{1,4})\.(\d{1,4})")
_AVAILABLE = re.compile(r"^MemAvailable:\s+(\d{1,18}) kB", re.MULTILINE)

CELL_BYTES = 6
"""One cell of a full scroll-back, as measured: 50,000 lines x 180 columns were 53 MB."""


def git_version(text: str) -> Version | None:
    """Read `git --version`, as in `git version 2.39.5 (Apple Git-154)`."""
    found = _GIT.match(text)
    return (int(found[1]), int(found[2])) if found else None


def tmux_version(text: str) -> Version | None:
    """Read `tmux -V`: `tmux 3.3a`, `tmux next-3.6`; a build from OpenBSD or `master` is new.

    None means unknown.
    """
    if text.startswith(("tmux openbsd-", "tmux master")):
        return (99, 0)
    found = _TMUX.match(text)
    return (int(found[1]), int(found[2])) if found else None


def available_bytes(text: str) -> int | None:
    """Read what is available from `/proc/meminfo`."""
    found = _AVAILABLE.search(text)
    return int(found[1]) * 1024 if found else None


def is_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8; the first of the three that is set decides."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environ.get(name, ""):
            return value.lower().replace("-", "").partition("@")[0].endswith("utf8")
    return False


def history_bytes(panes: int, lines: int, columns: int) -> int:
    """Return what so many panes take when every one has filled its scroll-back."""
    return panes * lines * columns * CELL_BYTES


def size(count: int) -> str:
    """Return a number of bytes for people: `512 MB`, `3.4 GB`."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            shown = count / step
            return f"{shown:.0f} {unit}" if shown >= 10 else f"{shown:.1f} {unit}"
    return f"{count} bytes"
