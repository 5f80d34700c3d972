"""A foreign file read with care: limits are checked on the event stream, before anything grows.

Unlike our own subset it knows aliases and merge keys, counted by what they expand to. It never
constructs an object and never follows a tag.
"""

from __future__ import annotations

import json
import re
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
from reconciler.model.problems import SourceError

BYTES_MAX = 1 << 20
DEPTH_MAX = 32
NODES_MAX = 10_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("yes", "true", "on"))
_FALSE = frozenset(("no", "false", "off"))


class Plain(str):
    """A scalar that stood without quotes: only such a one may mean a boolean or a number."""

    __slots__ = ()


class Table(dict[str, "Value"]):
    """A mapping that knows the line of each key."""

    line: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}

    def at(self, key: str) -> int:
        """Return the line of a key, or of the mapping."""
        return self.lines.get(key, self.line)


class Items(list["Value"]):
    """A list that knows the line of each item."""

    line: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []

    def at(self, index: int) -> int:
        """Return the line of an item, or of the list."""
        return self.lines[index] if index < len(self.lines) else self.line


Value: TypeAlias = "str | Table | Items | None"


class Document:
    """One file: its path, for notes, and its mapping."""

    def __init__(self, path: str, root: Table, twice: list[tuple[int, str]]) -> None:
        self.path, self.root, self.twice = path, root, twice


def flag(value: Value) -> bool | None:
    """Return the boolean that YAML 1.1 reads, or None when it reads something else."""
    if isinstance(value, Plain):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def number(value: Value) -> float | None:
    """Return the number that an unquoted scalar means, or None."""
    if isinstance(value, Plain) and re.fullmatch(r"[-+]?[0-9]{1,9}(\.[0-9]{0,9})?", value):
        return float(value)
    return None


def truthy(value: Value) -> bool:
    """Return whether a Python program that loaded the file would call it true."""
    meant = flag(value)
    if meant is not None:
        return meant
    return number(value) != 0 if number(value) is not None else bool(value)


def read_document(path: str, data: bytes) -> Document:
    """Return the mapping that a YAML or JSON file holds; SourceError says why not."""
    if len(data) > BYTES_MAX:
        raise _refused(path, 0, f"the file holds {len(data)} bytes", "at most 1 MiB is read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, 0, "the file is not UTF-8", f"byte {error.start}") from None
    if "<%" in text:
        line = text[: text.index("<%")].count("\n") + 1
        raise SourceError(
            f"{path}:{line}: the file is an ERB template",
            why="a template is a Ruby program, and no program of a foreign file is run",
            fix="render it first, for example: erb FILE > plain.yml",
        )
    reader = _Reader(path)
    if path.endswith(".json"):
        # YAML reads JSON, but for tabs and for escapes of characters beyond 16 bits. No tab can
        # stand in a JSON string as it is.
        text = _joined_pairs(text.replace("\t", " "))
    reader.take(text)
    return Document(path, reader.whole(), reader.twice)


def _joined_pairs(text: str) -> str:
    pair = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
    return pair.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)


def _refused(path: str, line: int, what: str, why: str) -> SourceError:
    place = f"{path}:{line}" if line else path
    return SourceError(f"{place}: {what}", why=why, fix="mend the file, or leave it out")


class _Open:
    """A collection that is being read, and the anchor it will be known by."""

    def __init__(self, into: Table | Items, anchor: str | None) -> None:
        self.into, self.anchor = into, anchor
        self.key: str | None = None
        self.key_line = 0
        self.size = 1


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.root: Value = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Value, int]] = {}
        self.nodes = 0
        self.documents = 0
        self.twice: list[tuple[int, str]] = []
        self.merged: set[tuple[int, str]] = set()

    def take(self, text: str) -> None:
        loader: Any = None
        try:
            loader = _LOADER(text)
            while loader.check_event():
                self._event(loader.get_event())
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            said = getattr(error, "problem", None) or "the text cannot be read"
            line = mark.line + 1 if mark is not None else 0
            raise _refused(self.path, line, "the file is not YAML", str(said)) from None
        finally:
            if loader is not None:
                loader.dispose()

    def whole(self) -> Table:
        if not isinstance(self.root, Table):
            what = f"the file holds {shown(self.root)}, not a mapping"
            raise _refused(self.path, 0, what, "a session file starts with a key, like `name:`")
        return self.root

    def _event(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise _refused(self.path, line, "a second document starts here", "")
            case ScalarEvent():
                self._limits(event, line)
                self._put(_scalar(event), 1, line, event.anchor)
            case MappingStartEvent():
                self._start(Table(), event, line)
            case SequenceStartEvent():
                self._start(Items(), event, line)
            case MappingEndEvent() | SequenceEndEvent():
                self._end()
            case AliasEvent():
                self._alias(str(event.anchor), line)

    def _limits(self, event: Any, line: int) -> None:
        self._grow(1, line)
        # A quoted scalar carries the tag "!" in some loaders' eyes: it says only "not resolved".
        if event.tag is not None and event.tag != "!":
            raise _refused(
                self.path, line, f"a tag, {shown(event.tag)}", "a tag can ask for any object"
            )

    def _grow(self, size: int, line: int) -> None:
        self.nodes += size
        if self.nodes > NODES_MAX:
            why = "aliases are counted by what they stand for"
            raise _refused(self.path, line, f"more than {NODES_MAX:,} values", why)

    def _start(self, into: Table | Items, event: Any, line: int) -> None:
        self._limits(event, line)
        if len(self.stack) >= DEPTH_MAX:
            raise _refused(self.path, line, f"a value more than {DEPTH_MAX} deep", "")
        if self._awaits_key():
            raise _refused(self.path, line, "a key that is a collection", "keys are text")
        into.line = line
        self.stack.append(_Open(into, event.anchor))

    def _end(self) -> None:
        done = self.stack.pop()
        self._put(done.into, done.size, done.into.line, done.anchor)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self.anchors:
            raise _refused(self.path, line, f"*{anchor} stands for nothing before it", "")
        value, size = self.anchors[anchor]
        self._grow(size, line)
        self._put(value, size, line, None)

    def _awaits_key(self) -> bool:
        top = self.stack[-1] if self.stack else None
        return top is not None and top.key is None and isinstance(top.into, Table)

    def _put(self, value: Value, size: int, line: int, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.into, Items):
            top.into.append(value)
            top.into.lines.append(line)
        elif top.key is None:
            self._key(top, value, line)
        else:
            self._entry(top, top.into, value)

    def _key(self, top: _Open, value: Value, line: int) -> None:
        if isinstance(value, Table | Items):
            raise _refused(self.path, line, f"a key that is {shown(value)}", "keys are text")
        top.key, top.key_line = value or "", line

    def _entry(self, top: _Open, table: Table, value: Value) -> None:
        key, line, top.key = top.key or "", top.key_line, None
        if key == "<<" and isinstance(key, Plain):
            self._merge(table, value, line)
            return
        known = (id(table), key)
        if key in table and known not in self.merged:
            self.twice.append((line, key))
        self.merged.discard(known)
        table[key] = value
        table.lines[key] = line

    def _merge(self, table: Table, value: Value, line: int) -> None:
        for source in value if isinstance(value, Items) else [value]:
            if not isinstance(source, Table):
                raise _refused(self.path, line, "<< does not stand before a mapping", "")
            self._grow(len(source), line)
            for key, inner in source.items():
                if key not in table:
                    table[key], table.lines[key] = inner, source.at(key)
                    self.merged.add((id(table), key))


def _scalar(event: Any) -> Value:
    if event.style:
        return str(event.value)
    return None if event.value in _NULLS else Plain(event.value)
