"""Insights as text, and which of them answer a question best. Pure; plain words, no model."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.core.admission import clean_body
from reconciler.model.ids import UnitId, canonical
from reconciler.model.insight import Insight, StatusLine
from reconciler.model.problems import NovaorchError

TEXT_BYTES_MAX = 4_000
LABELS_MAX, LABEL_MAX = 8, 40
LINE_MAX = 200
INSIGHTS_MAX = 2_000
"""So many are kept; the oldest make room."""
_WORD = re.compile(r"\w+")
_LABEL_WEIGHT, _TITLE_WEIGHT, _PART = 3.0, 2.0, 0.5


def insight(author: UnitId, text: str, labels: Sequence[str], now: float) -> Insight:
    """Return what somebody found out, fit to be kept. NovaorchError: it is empty or too much."""
    body = clean_body(text)
    size = len(body.encode())
    if size > TEXT_BYTES_MAX:
        raise NovaorchError(
            "the insight is too long",
            why=f"it has {size} bytes, and {TEXT_BYTES_MAX} is the most",
            fix="say what matters, and name the file that has the rest",
        )
    words = tuple(dict.fromkeys(" ".join(label.split()).lower() for label in labels))
    if len(words) > LABELS_MAX or not all(
        word.isprintable() and 0 < len(word) <= LABEL_MAX for word in words
    ):
        raise NovaorchError(
            "these labels cannot be kept",
            why=f"up to {LABELS_MAX} labels of up to {LABEL_MAX} characters are",
            fix="use fewer, or shorter ones",
        )
    return Insight(identity(body), author, now, body, words)


def identity(text: str) -> str:
    """Return the id of a text: blanks and large letters make no other one."""
    plain = " ".join(text.split()).casefold()
    return "i" + hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:15]


def status_line(text: str, now: float) -> StatusLine:
    """Return an agent's word about itself as one line; what is too much is cut off."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    cut = flat if len(flat) <= LINE_MAX else flat[: LINE_MAX - 1].rstrip() + "…"
    return StatusLine(cut, now)


# -- searching ------------------------------------------------------------------------------------


def found(query: str, insights: Iterable[Insight], most: int) -> list[Insight]:
    """Return what answers a question best, best first; of equals the newest. Without a word to
    look for, the newest."""
    known = sorted(insights, key=lambda one: (-one.at, one.id))
    asked = list(dict.fromkeys(_words(query)))
    if not asked:
        return known[:most]
    pages = [(one, _page(one)) for one in known]
    rarity = {word: _rarity(word, [page for _, page in pages]) for word in asked}
    scored = [
        (sum(rarity[word] * _weight(word, page) for word in asked), one) for one, page in pages
    ]
    scored.sort(key=lambda pair: -pair[0])  # sorting is stable: of equals the newest
    return [one for score, one in scored[:most] if score > 0]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _page(one: Insight) -> dict[str, float]:
    """Return what each of its words counts: in a label, its first line, or further down."""
    title = set(_words(one.text.split("\n", 1)[0]))
    page = {
        word: 1.0 + math.log(count) + (_TITLE_WEIGHT if word in title else 0.0)
        for word, count in Counter(_words(one.text)).items()
    }
    for word in _words(" ".join(one.labels)):
        page[word] = page.get(word, 0.0) + _LABEL_WEIGHT
    return page


def _weight(word: str, page: dict[str, float]) -> float:
    whole = page.get(word, 0.0)
    if whole or len(word) < 3:
        return whole
    return _PART * max((w for name, w in page.items() if name.startswith(word)), default=0.0)


def _rarity(word: str, pages: Sequence[dict[str, float]]) -> float:
    holding = sum(1 for page in pages if _weight(word, page) > 0)
    return math.log(1.0 + len(pages) / (1 + holding))


# -- as text ---------------------------------------------------------------------------------------


def insight_text(one: Insight) -> str:
    """Return it as a store keeps it."""
    return canonical(one.as_json())


def insight_of(name: str, text: str) -> Insight | None:
    """Return what a store kept under an id; None for what nobody of us wrote."""
    try:
        said = json.loads(text)
        one = Insight(
            str(said["id"]),
            UnitId(said["author"]),
            float(said["at"]),
            str(said["text"]),
            tuple(str(label) for label in said["labels"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return one if one.id == name and math.isfinite(one.at) else None


def line_text(line: StatusLine) -> str:
    """Return a status line as a store keeps it."""
    return f"{line.at!r} {line.text}"


def line_of(text: str) -> StatusLine | None:
    """Return a status line that a store kept; None for what nobody of us wrote."""
    hour, _, words = text.partition(" ")
    try:
        at = float(hour)
    except ValueError:
        return None
    return status_line(words, at) if math.isfinite(at) and words else None
