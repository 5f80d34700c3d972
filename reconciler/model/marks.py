"""How our marks are written on a host: short texts of safe words, `v1` first.

Total: a text that we did not write, or a newer version's, reads as None, never as an error.

A pane's mark has twelve words. One that says nothing of bursts and protection is written without
the last two, as it was before those words were known: an upgrade, or a way back, restarts nothing.
"""

from __future__ import annotations

import re

from reconciler.model.ids import UnitId
from reconciler.model.world import Drain, FrameMark, PaneMark

VERSION = "v1"
NOTHING = "-"
"""Stands for an empty word."""

_WORD = re.compile(r"[A-Za-z0-9_./@+=-]{1,400}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,12}", re.ASCII)


def pane_text(mark: PaneMark) -> str:
    """Return the text of a pane's mark: ten or twelve words between single spaces.

    ValueError when a field holds anything but letters, digits and `_./@+=-`: such a text would
    need quoting wherever it goes. A negative count is a ValueError too.
    """
    words = [
        VERSION,
        _word(mark.fleet),
        _word(mark.unit),
        _word(mark.digest),
        _word(mark.commit),
        _count(mark.started),
        _count(mark.falls),
        mark.drain.value,
        _count(mark.drain_until),
        _FLAGS[mark.placeholder, mark.protect],
    ]
    if mark.burst or mark.burst_since or mark.protect:
        words += [_count(mark.burst), _count(mark.burst_since)]
    return " ".join(words)


def pane_mark(text: str) -> PaneMark | None:
    """Return the mark that `text` is, or None: not ours, damaged, or of another version."""
    words = text.split(" ")
    if len(words) not in (10, 12) or words[0] != VERSION:
        return None
    if not all(map(_WORD.fullmatch, words[1:5])):
        return None
    if not all(map(_COUNT.fullmatch, (words[5], words[6], words[8], *words[10:]))):
        return None
    if words[7] not in _DRAINS or words[9] not in _FLAGGED:
        return None
    placeholder, protect = _FLAGGED[words[9]]
    burst, burst_since = map(int, words[10:] or ("0", "0"))
    return PaneMark(
        fleet=_unword(words[1]),
        unit=UnitId(_unword(words[2])),
        digest=_unword(words[3]),
        commit=_unword(words[4]),
        started=int(words[5]),
        falls=int(words[6]),
        drain=_DRAINS[words[7]],
        drain_until=int(words[8]),
        placeholder=placeholder,
        burst=burst,
        burst_since=burst_since,
        protect=protect,
    )


def frame_text(mark: FrameMark) -> str:
    """Return the text of a session's mark: five words; errors as in `pane_text`."""
    return " ".join((VERSION, *map(_word, (mark.fleet, mark.unit, mark.digest, mark.commit))))


def frame_mark(text: str) -> FrameMark | None:
    """Return the mark that `text` is, or None: not ours, damaged, or of another version."""
    words = text.split(" ")
    if len(words) != 5 or words[0] != VERSION or not all(map(_WORD.fullmatch, words[1:])):
        return None
    fleet, unit, digest, commit = map(_unword, words[1:])
    return FrameMark(fleet, UnitId(unit), digest, commit)


_DRAINS = {drain.value: drain for drain in Drain}
_FLAGS = {
    (False, False): NOTHING,
    (True, False): "placeholder",
    (False, True): "protect",
    (True, True): "placeholder+protect",
}
_FLAGGED = {text: flags for flags, text in _FLAGS.items()}


def _word(value: str) -> str:
    word = value or NOTHING
    if not _WORD.fullmatch(word):
        raise ValueError(f"not a word that a mark can hold: {value!r}")
    return str(word)


def _unword(word: str) -> str:
    return "" if word == NOTHING else word


def _count(value: int) -> str:
    text = str(int(value))
    if not _COUNT.fullmatch(text):
        raise ValueError(f"not a count that a mark can hold: {value!r}")
    return text
