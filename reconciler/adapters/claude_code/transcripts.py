"""Reads the transcripts that Claude Code writes: what its model was given, and what it cost.

A transcript only grows: what was read once is never read again, and a line that is still being
written waits. What is not understood counts for nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from reconciler.adapters.claude_code.lives import Kept
from reconciler.core.prices import Use
from reconciler.model.ids import Json

BLOCK = 1 << 20
GIVEN = frozenset({"user", "attachment"})
"""The lines that say what the model was given. What waits in a queue was not given yet, and what
the model wrote itself proves nothing."""
PROMPTS_KEPT = 20
"""So many of what was asked last are remembered of a conversation."""
_SPOKEN = (b'"type":"user"', b'"type":"assistant"')
_NOT_ASKED = ("isMeta", "isSidechain", "isCompactSummary")
_BROKEN_OFF = "[Request interrupted by user"

Cost = Callable[[str, Use], float | None]


def words_in(transcript: Path) -> Kept:
    """Return what there is of a conversation; one without a word cannot be resumed."""
    try:
        with transcript.open("rb") as file:
            rest = b""
            while block := file.read(BLOCK):
                if any(mark in rest + block for mark in _SPOKEN):
                    return Kept.WORDS
                rest = block[-64:]
    except FileNotFoundError:
        return Kept.NOTHING
    except OSError:
        return Kept.WORDS  # it is there and cannot be read: to begin it anew would be refused
    return Kept.EMPTY


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer of a model used. `usd` is None when nobody knows its price; `at` is its
    epoch second, 0 when it has none."""

    day: str
    model: str
    use: Use
    usd: float | None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Words:
    """What a person or a message asked, or an agent said, and when."""

    at: float
    text: str


@dataclass(slots=True)
class Transcript:
    """One growing file, read as far as it goes. `asked` are texts that somebody looks for."""

    path: Path
    cost: Cost
    answers: dict[str, Answer] = field(default_factory=dict)
    prompts: deque[Words] = field(default_factory=lambda: deque(maxlen=PROMPTS_KEPT))
    said: Words = field(default_factory=lambda: Words(0.0, ""))
    """The last answer that has a text."""
    _at: int = 0
    _inode: int = 0
    _rest: bytes = b""
    _seen: set[str] = field(default_factory=set)

    def read(self) -> None:
        """Read what is new; a file that was replaced is read from its beginning."""
        try:
            with self.path.open("rb") as file:
                seen = self.path.stat()
                if seen.st_ino != self._inode or seen.st_size < self._at:
                    self._at, self._inode, self._rest = 0, seen.st_ino, b""
                    self.answers.clear()
                    self.prompts.clear()
                file.seek(self._at)
                while block := file.read(BLOCK):
                    self._at += len(block)
                    *lines, self._rest = (self._rest + block).split(b"\n")
                    for line in lines:
                        self._take(line)
        except OSError:
            return

    def _take(self, line: bytes) -> None:
        answered = b'"usage"' in line and b'"assistant"' in line
        asked = b'"type":"user"' in line and b'"tool_result"' not in line
        if not answered and not asked:
            return
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(told, dict):
            return
        if told.get("type") == "assistant":
            self._note(told)
        elif told.get("type") == "user" and not any(told.get(word) for word in _NOT_ASKED):
            text = _text(told.get("message"))
            if text and not text.startswith(_BROKEN_OFF):
                self.prompts.append(Words(_hour(told.get("timestamp")), text))

    def _note(self, told: dict[str, Json]) -> None:
        message = told.get("message")
        usage = message.get("usage") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(usage, dict):
            return
        model, use = str(message.get("model") or ""), _use(usage)
        if model.startswith("<"):  # an answer that the client made up, of an error
            return
        # The parts of one answer are lines of their own and each has the numbers of all of it.
        name = str(message.get("id") or told.get("uuid") or "")
        hour = told.get("timestamp")
        day = str(hour or "")[:10]
        self.answers[name] = Answer(day, model, use, self.cost(model, use), _hour(hour))
        if text := _text(message):
            self.said = Words(_hour(hour), text)


def holds(transcript: Path, marks: Sequence[str]) -> frozenset[str]:
    """Return which texts are in what the model was given; reads from the end, where news is."""
    looked = {mark: json.dumps(mark, ensure_ascii=False)[1:-1].encode() for mark in marks if mark}
    found: set[str] = set()
    for line in _lines(transcript):
        here = [mark for mark, text in looked.items() if text in line and mark not in found]
        if here and _given(line):
            found.update(here)
            if len(found) == len(looked):
                break
    return frozenset(found)


def _lines(path: Path) -> Iterable[bytes]:
    """Yield the lines of a file, the last one first."""
    with path.open("rb") as file:
        at, rest = file.seek(0, 2), b""
        while at > 0:
            start = max(0, at - BLOCK)
            file.seek(start)
            first, *lines = (file.read(at - start) + rest).split(b"\n")
            yield from reversed(lines)
            at, rest = start, first
        yield rest


def _given(line: bytes) -> bool:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("type") in GIVEN


def _use(usage: dict[str, Json]) -> Use:
    long = usage.get("cache_creation")
    kept_long = _count(long.get("ephemeral_1h_input_tokens")) if isinstance(long, dict) else 0
    written = _count(usage.get("cache_creation_input_tokens"))
    return Use(
        tokens_in=_count(usage.get("input_tokens")),
        tokens_out=_count(usage.get("output_tokens")),
        cache_read=_count(usage.get("cache_read_input_tokens")),
        cache_write=max(0, written - kept_long),
        cache_write_long=kept_long,
    )


def _count(value: Json) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return max(0, int(value)) if whole and isinstance(value, int) else 0


def _text(message: Json) -> str:
    """Return the text of a message, whose content is one or comes in blocks."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def _hour(told: Json) -> float:
    """Return an hour that is written as `2026-11-22T22:00:00.000Z`, 0 for none."""
    try:
        return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
