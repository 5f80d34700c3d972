"""YAML in a strict subset, composed from the event stream; limits are checked before things grow.

Scalars stay text; an empty one is None. Never constructs an object, follows an alias or recurses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.kinds.names import shown
from reconciler.kinds.rules import problem
from reconciler.model.problems import Problem

DEPTH_MAX = 32
NODES_MAX = 50_000
PROBLEMS_MAX = 200

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
Loc: TypeAlias = tuple[str | int, ...]
Mark: TypeAlias = tuple[int, int]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(slots=True)
class Document:
    """One file's content: its value, and where each value and each key stands.

    `whole` is False when a part could not be taken over, so that nothing may be concluded from
    what is missing.
    """

    value: Value = None
    values: dict[Loc, Mark] = field(default_factory=dict)
    keys: dict[Loc, Mark] = field(default_factory=dict)
    whole: bool = True

    def mark(self, loc: Loc) -> Mark:
        """Return where `loc` stands, or the nearest place above it."""
        while loc and loc not in self.values:
            loc = loc[:-1]
        return self.values.get(loc, (1, 1))

    def key(self, loc: Loc) -> Mark:
        """Return where the key of `loc` stands; an item of a list stands where its value does."""
        while loc:
            if loc in self.keys:
                return self.keys[loc]
            if loc in self.values:
                return self.values[loc]
            loc = loc[:-1]
        return self.values.get((), (1, 1))


class _EnoughError(Exception):
    """Reading ends here; what was found is kept."""


@dataclass(slots=True)
class _Open:
    """A collection that is being read. `loc` is None below something that is thrown away."""

    into: list[Value] | dict[str, Value]
    loc: Loc
    key: str | None = None
    wants_key: bool = True
    lost: bool = False


def read(path: str, data: bytes, first_line: int = 1) -> tuple[Document, list[Problem]]:
    """Return what the bytes of a file say and everything wrong with them; never raises.

    `first_line` is the line of the file at which `data` begins.
    """
    reader = _Reader(path, first_line - 1)
    try:
        reader.take(reader.decoded(data))
    except _EnoughError:
        reader.document.whole = False
    return reader.document, reader.problems


class _Reader:
    def __init__(self, path: str, above: int) -> None:
        self.path, self.above = path, above
        self.document, self.problems = Document(), list[Problem]()
        self.stack: list[_Open] = []
        self.nodes = self.documents = 0
        self.arms: dict[type, Callable[[Any], None]] = {
            ScalarEvent: self._scalar,
            MappingStartEvent: self._start,
            SequenceStartEvent: self._start,
            MappingEndEvent: self._end,
            SequenceEndEvent: self._end,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document,
        }

    def say(self, rule: str, mark: Mark, what: str) -> None:
        self.problems.append(problem(rule, self.path, what, mark))
        if len(self.problems) >= PROBLEMS_MAX:
            raise _EnoughError

    def stop(self, rule: str, mark: Mark, what: str) -> _EnoughError:
        self.problems.append(problem(rule, self.path, what, mark))
        return _EnoughError()

    # -- bytes to text ----------------------------------------------------------------------------

    def decoded(self, data: bytes) -> str:
        """Return the text, or stop at the first byte that is not UTF-8."""
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:2]:
            raise self.stop("yaml/utf16", (1 + self.above, 1), "the file starts as UTF-16 does")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8", "replace")
            what = f"byte 0x{data[error.start]:02x} is not UTF-8"
            raise self.stop("yaml/encoding", self._at(before), what) from None
        hidden = _UNPRINTABLE.search(text)
        if hidden is not None:
            what = f"{shown(hidden[0])} cannot be printed"
            raise self.stop("yaml/control-character", self._at(text[: hidden.start()]), what)
        return text

    def _at(self, before: str) -> Mark:
        line = before.count("\n")
        return line + 1 + self.above, len(before) - (before.rfind("\n") + 1) + 1

    # -- text to value ----------------------------------------------------------------------------

    def take(self, text: str) -> None:
        loader = _LOADER(text)
        try:
            while loader.check_event():
                event = loader.get_event()
                arm = self.arms.get(type(event))
                if arm is not None:
                    arm(event)
        except yaml.YAMLError as error:
            raise self._unreadable(text, error) from None
        finally:
            loader.dispose()
        self._closing()

    def _closing(self) -> None:
        value = self.document.value
        if value is None and self.document.whole:
            raise self.stop("yaml/empty", (0, 0), "the file is empty")
        if not isinstance(value, dict) and self.document.whole:
            what = f"the file holds {shown(value)}, not a mapping"
            raise self.stop("yaml/not-a-mapping", self.document.mark(()), what)

    def _unreadable(self, text: str, error: yaml.YAMLError) -> _EnoughError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is None:
            return self.stop("yaml/syntax", (0, 0), "the text cannot be read")
        at = (mark.line + 1 + self.above, mark.column + 1)
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        if line[mark.column : mark.column + 1] == "\t" or re.match(" *\t", line):
            return self.stop("yaml/tab", at, "a tab stands where indentation is meant")
        said = " ".join(
            part
            for part in (getattr(error, "context", None), getattr(error, "problem", ""))
            if part
        )
        return self.stop("yaml/syntax", at, said or "the text cannot be read")

    def _mark(self, event: Any) -> Mark:
        return event.start_mark.line + 1 + self.above, event.start_mark.column + 1

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.stop("yaml/documents", self._mark(event), "a second document starts here")
        if event.version or event.tags:
            self.say("yaml/directive", self._mark(event), "a directive")

    def _count(self, event: Any) -> Mark:
        mark = self._mark(event)
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise self.stop("yaml/nodes", mark, f"more than {NODES_MAX:,} values")
        if event.anchor is not None:
            self.say("yaml/anchor", mark, f"an anchor, &{event.anchor}")
        if event.tag is not None:
            self.say("yaml/tag", mark, f"a tag, {shown(event.tag)}")
        return mark

    def _alias(self, event: Any) -> None:
        self.say("yaml/alias", self._mark(event), f"an alias, *{event.anchor}")
        self.document.whole = False
        if (top := self._awaits_key()) is not None:
            top.wants_key, top.key = False, None
        else:
            self._put(None, self._mark(event))

    def _awaits_key(self) -> _Open | None:
        """Return the mapping that is being read when its next key is due."""
        top = self.stack[-1] if self.stack else None
        return top if top is not None and top.wants_key and isinstance(top.into, dict) else None

    def _scalar(self, event: Any) -> None:
        mark = self._count(event)
        plain = not event.style
        if (top := self._awaits_key()) is not None:
            self._key(top, event.value, plain=plain, mark=mark)
        else:
            self._put(None if plain and event.value == "" else event.value, mark)

    def _key(self, top: _Open, text: str, *, plain: bool, mark: Mark) -> None:
        top.wants_key, top.key = False, None
        if plain and text == "<<":
            self.document.whole = False
            self.say("yaml/merge-key", mark, "a merge key, <<")
        elif plain and not text:
            self.say("yaml/key-not-text", mark, "an empty key")
        elif text in top.into:
            first = self.document.keys.get((*top.loc, text), (0, 0))
            self.say("yaml/duplicate-key", mark, f"{shown(text)} stands in line {first[0]} already")
        else:
            top.key = text
            if not top.lost:
                self.document.keys[(*top.loc, text)] = mark

    def _start(self, event: Any) -> None:
        mark = self._count(event)
        if len(self.stack) >= DEPTH_MAX:
            raise self.stop("yaml/depth", mark, f"a value more than {DEPTH_MAX} deep")
        into: list[Value] | dict[str, Value] = {} if isinstance(event, MappingStartEvent) else []
        if (top := self._awaits_key()) is not None:
            self.say("yaml/key-not-text", mark, "a key that is a collection")
            top.wants_key, top.key = False, None
            self.stack.append(_Open(into, (), lost=True))
            return
        loc = self._put(into, mark)
        self.stack.append(_Open(into, loc or (), lost=loc is None))

    def _end(self, _: Any) -> None:
        self.stack.pop()

    def _put(self, value: Value, mark: Mark) -> Loc | None:
        """Put a value where it belongs; return its place, None when it is thrown away."""
        if not self.stack:
            self.document.value, self.document.values[()] = value, mark
            return ()
        top = self.stack[-1]
        if isinstance(top.into, list):
            loc: Loc = (*top.loc, len(top.into))
            top.into.append(value)
        else:
            key, top.key, top.wants_key = top.key, None, True
            if key is None:
                return None
            loc = (*top.loc, key)
            top.into[key] = value
        if top.lost:
            return None
        self.document.values[loc] = mark
        return loc
