"""Which conversation a life goes on with: the same one each time, as long as that works.

A life that began leaves a note, written by the runtime's own first hook. An id is never given up
because one start failed: only when it failed several times, and another one worked instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from reconciler.adapters.claude_code import files
from reconciler.adapters.claude_code.places import is_conversation
from reconciler.model.ids import Json

TRIES = 3
"""So many lives in a row that did not even begin, before another conversation is tried."""
RENDERED_AGAIN_S = 1.0
"""Asked again so soon, a start was written down twice, and did not fail."""
USED_S = 2 * 86_400
USED_MAX = 1000


class Kept(Enum):
    """What there is of a conversation: nothing, a file without a word, or words."""

    NOTHING = 0
    EMPTY = 1
    WORDS = 2


@dataclass(frozen=True, slots=True)
class Life:
    """One start: under which id, and whether it goes on with what was said before.

    `instead` is the conversation that could not be gone on with, '' for none.
    """

    conversation: str
    resume: bool
    instead: str = ""


@dataclass(frozen=True, slots=True)
class _Note:
    """What is remembered of the last start."""

    conversation: str = ""
    resumed: bool = False
    at: float = 0.0
    failed: int = 0
    turn: int = 0
    heard: bool = False
    instead: str = ""
    used: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Lives:
    """The lives of one agent, remembered in its folder."""

    folder: Path

    @property
    def note(self) -> Path:
        """The file that a life's first hook writes its own account of itself to."""
        return self.folder / "began.json"

    def next(self, base: str, kept: Callable[[str], Kept], now: float, *, fresh: bool) -> Life:
        """Return how the next life begins, and remember it.

        `base` is the agent's own conversation, `kept` says what there is of one.
        """
        last, began = self._last(), self._began()
        failed = 0 if began else _failures(last, now)
        heard = last.heard or bool(began)
        turn, instead = last.turn, "" if began else last.instead
        current = began or last.conversation or base
        if fresh:
            current = str(uuid.uuid4())
        elif failed and instead:  # the other one did no better: it was not the conversation
            current, instead, failed = instead, "", 0
        elif failed >= TRIES and heard:
            turn, instead, failed = turn + 1, current, 0
            current = str(uuid.uuid5(uuid.UUID(base), str(turn)))
        while not fresh and kept(current) is Kept.EMPTY:  # neither resumed nor begun anew
            turn += 1
            current = str(uuid.uuid5(uuid.UUID(base), str(turn)))
        resume = not fresh and kept(current) is Kept.WORDS
        self._keep(_Note(current, resume, now, failed, turn, heard, instead, last.used))
        return Life(current, resume, instead)

    def current(self) -> str:
        """Return the conversation of the life that runs, '' when nothing is known."""
        return _session(files.read_json(self.note)) or self._last().conversation

    def used(self, since: float) -> tuple[str, ...]:
        """Return every conversation that may have gone on after `since`, an epoch second."""
        last = self._last()
        # One that was used before another began went on until then.
        ends = [at for _, at in last.used[1:]] + [float("inf")]
        found = [name for (name, _), end in zip(last.used, ends, strict=False) if end >= since]
        return tuple(dict.fromkeys([*found, self.current()] if self.current() else found))

    def _began(self) -> str:
        """Take the note of the life before; return its conversation, '' when it did not begin."""
        session = _session(files.read_json(self.note))
        self.note.unlink(missing_ok=True)
        return session

    def _last(self) -> _Note:
        found = files.read_json(self.folder / "life.json")
        conversation = found.get("conversation")
        if not is_conversation(conversation):
            return _Note()
        return _Note(
            str(conversation),
            found.get("resumed") is True,
            _number(found.get("at")),
            int(_number(found.get("failed"))),
            int(_number(found.get("turn"))),
            found.get("heard") is True,
            str(found["instead"]) if is_conversation(found.get("instead")) else "",
            _pairs(found.get("used")),
        )

    def _keep(self, note: _Note) -> None:
        used = [(name, at) for name, at in note.used if at > note.at - USED_S][-USED_MAX:]
        if note.used and note.used[-1] not in used:
            used = [note.used[-1]]
        if not used or used[-1][0] != note.conversation:
            used.append((note.conversation, note.at))
        told: dict[str, Json] = {
            "conversation": note.conversation,
            "resumed": note.resumed,
            "at": note.at,
            "failed": note.failed,
            "turn": note.turn,
            "heard": note.heard,
            "instead": note.instead,
            "used": [[name, at] for name, at in used],
        }
        files.write_json(self.folder / "life.json", told)


def _failures(last: _Note, now: float) -> int:
    """Return how many lives in a row did not begin, the last one included."""
    again = now - last.at < RENDERED_AGAIN_S
    return last.failed + (1 if last.conversation and not again else 0)


def _session(note: dict[str, Json]) -> str:
    session = note.get("session_id")
    return str(session) if is_conversation(session) else ""


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _pairs(value: Json) -> tuple[tuple[str, float], ...]:
    found = value if isinstance(value, list) else []
    pairs = [pair for pair in found if isinstance(pair, list) and len(pair) == 2]
    return tuple((str(name), _number(at)) for name, at in pairs if is_conversation(name))
