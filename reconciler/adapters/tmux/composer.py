"""Finds the text that a person has typed into an agent's composer and not sent. Pure.

A composer is drawn at the end of the screen: a rule, a line that begins with a prompt, perhaps more
lines, a rule; or the same in a box. Whoever draws it otherwise is not understood, and that is all
right: this is one kind of evidence among others.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LINES_MAX = 60
"""So many lines from the end may belong to a composer and what is below it."""
DASHES_MIN = 6
_CODES = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\[[0-9;:?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x0e\x0f]")
_RULE = re.compile(r"\s*[╭╰┌└├+]?[─━═╌┄-]{2,}.*")
_DASHES = re.compile(r"[─━═╌┄-]")
_SIDES = re.compile(r"^\s*[│┃|]?(.*?)[│┃|]?\s*$", re.DOTALL)
_PROMPT = re.compile(r"\s*[\u276f>](?:\s(.*))?$", re.DOTALL)
_HINTS = re.compile(r'(Try "|Press up to edit|Type your message)')


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a screen: all of it, and what is left of it without what is drawn dim.

    `cursor` is what is drawn inverse: a program that draws its own cursor does so on one character.
    """

    text: str
    bright: str
    cursor: str


def draft(screen: Sequence[str]) -> str:
    """Return the text that is not sent, '' when there is none, or no composer.

    `screen` is what `capture-pane -e` gives: lines with the escapes of their colours.
    """
    last = next(_composers(_rows(screen)[-LINES_MAX:]), None)
    return _text(last) if last is not None else ""


def blanked(screen: Sequence[str]) -> list[tuple[str, str]]:
    """Return each line of a screen as text: all of it, and with what is drawn dim as blanks.

    A drawn cursor with dim text right behind it stands on the first letter of a hint: blank, too.
    """
    rows = []
    dim = inverse = False
    for line in screen:
        text, bright, drawn = "", "", False
        for words, codes in _pieces(line):
            if drawn and dim and words:
                bright = f"{bright[:-1]} "
            text += words
            bright += " " * len(words) if dim else words
            drawn = (inverse and len(words) == 1 and not dim) or (drawn and not words)
            dim, inverse = _drawn(codes, dim, inverse)
        rows.append((text.rstrip(), bright.rstrip()))
    return rows


def _composers(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Yield what stands between two rules and begins like a prompt, the lowest first."""
    rules = [number for number, row in enumerate(rows) if _is_rule(row.text)]
    for upper, lower in reversed(list(itertools.pairwise(rules))):
        block = [_inside(row) for row in rows[upper + 1 : lower]]
        if block and _PROMPT.match(block[0].text):
            yield block


def _text(block: Sequence[_Row]) -> str:
    """Return what a person typed in a composer."""
    first, *others = block
    prompt = _PROMPT.match(first.text)
    whole = " ".join([(prompt and prompt[1]) or "", *(row.text for row in others)]).strip()
    if _HINTS.match(whole):
        return ""
    dim = any(row.text != row.bright for row in block)
    begun = _PROMPT.match(first.bright)
    bright = begun[1] or "" if begun is not None else first.bright
    typed = " ".join([bright, *(row.bright for row in others)]).split()
    cursor = "".join(row.cursor for row in block).strip()
    if dim and len(cursor) == 1 and "".join(typed) == cursor:
        return ""  # the cursor stands on the first letter of a hint
    return " ".join(typed)


def _inside(row: _Row) -> _Row:
    """Take away the sides of a box."""
    text, bright = (_SIDES.sub(r"\1", words) for words in (row.text, row.bright))
    return _Row(text.rstrip(), bright.rstrip(), row.cursor)


def _is_rule(text: str) -> bool:
    """A line of dashes; a few words may stand in it, such as a name."""
    dashes = len(_DASHES.findall(text))
    return bool(_RULE.match(text)) and dashes >= DASHES_MIN and dashes * 2 > len(text.strip())


def _rows(screen: Sequence[str]) -> list[_Row]:
    """Read the lines from the top: how text is drawn holds on from one line to the next."""
    rows = []
    dim = inverse = False
    for line in screen:
        text, bright, cursor = "", "", ""
        for words, codes in _pieces(line):
            text += words
            bright += "" if dim else words
            cursor += words if inverse else ""
            dim, inverse = _drawn(codes, dim, inverse)
        rows.append(_Row(text, bright, cursor))
    return rows


def _pieces(line: str) -> Iterator[tuple[str, str | None]]:
    """Yield text and the codes that follow it; None: none that say how text is drawn."""
    start = 0
    for code in _CODES.finditer(line):
        yield line[start : code.start()], code[1]
        start = code.end()
    yield line[start:], None


def _drawn(codes: str | None, dim: bool, inverse: bool) -> tuple[bool, bool]:
    """Return how text is drawn after these codes. Colours take their own words along."""
    if codes is None:
        return dim, inverse
    words = iter(codes.split(";"))
    for word in words:
        if word in ("", "0"):
            dim = inverse = False
        elif word in ("38", "48", "58"):
            _skip_colour(words)
        elif word in ("2", "22"):
            dim = word == "2"
        elif word in ("7", "27"):
            inverse = word == "7"
    return dim, inverse


def _skip_colour(words: Iterator[str]) -> None:
    count = {"5": 1, "2": 3}.get(next(words, ""), 0)
    for _ in range(count):
        next(words, None)
