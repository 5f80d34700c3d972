"""Screens of real agents, as `capture-pane -e` gave them."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.model.agent import Screen

_CODE = re.compile(r"\x1b\[([0-9;:]*)m")
_OTHER = re.compile(r"\x1b\[[0-9;:?]*[A-Za-ln-z]|\x1b[()][A-Z0-9]|[\x0e\x0f]")
SCREENS = Path(__file__).parent / "screens"


def load(path: Path | str) -> Screen:
    """Return a screen; its cursor stands where the program draws one, in inverse."""
    rows, bright, cursor = [], [], (0, 0)
    dim = inverse = False
    for number, line in enumerate(Path(path).read_text().split("\n")):
        text = seen = ""
        for n, piece in enumerate(_CODE.split(_OTHER.sub("", line))):
            if n % 2:
                dim, inverse = _drawn(piece, dim, inverse)
                continue
            if inverse and piece:
                cursor = (number, len(text))
            text += piece
            seen += " " * len(piece) if dim else piece
        rows.append(text.rstrip(" "))
        bright.append(seen.rstrip(" "))
    return Screen(tuple(rows), tuple(bright), cursor)


def plain(text: str, cursor: tuple[int, int] = (0, 0)) -> Screen:
    """Return a screen on which nothing is dim."""
    rows = tuple(row.rstrip(" ") for row in text.split("\n"))
    return Screen(rows, rows, cursor)


def _drawn(codes: str, dim: bool, inverse: bool) -> tuple[bool, bool]:
    words = iter(codes.split(";"))
    for word in words:
        if word in ("", "0"):
            dim = inverse = False
        elif word in ("38", "48"):
            for _ in range({"5": 1, "2": 3}.get(next(words, ""), 0)):
                next(words, None)
        elif word in ("2", "22"):
            dim = word == "2"
        elif word in ("7", "27"):
            inverse = word == "7"
    return dim, inverse
