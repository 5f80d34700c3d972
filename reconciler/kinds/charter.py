"""Charters: Markdown that people and agents share, read as data.

Never obeys, renders or cleans the text: whoever prints it strips what a terminal would obey.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TypeAlias, cast

from reconciler.kinds.rules import problem
from reconciler.model.ids import Json
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem
from reconciler.model.unit import CharterText, Source

_HEADER = re.compile(r"\*\*([^*:]{1,100})(?::\*\*|\*\*:)[ \t]*(.*)")
_TASK = re.compile(r"[ \t]*[-*+] \[([ xX])\][ \t]+(.*)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")

_SEEN = "\t\r"
_HIDDEN_MAX = 10


_Line: TypeAlias = tuple[int, str]  # its number, and its text without the line's end


def front_matter(text: str) -> tuple[str | None, bool]:
    """Return the YAML between the first two `---` lines (None: there is none), and if it ends."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return None, True
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number]), True
    return None, False


def contents(path: str, text: str) -> tuple[dict[str, Json], int, list[Problem]]:
    """Return what a charter says, the line of its title (0: none), and its warnings."""
    lines = list(_prose(text))
    where, title = next(((n, line[2:].strip()) for n, line in lines if line[:2] == "# "), (0, ""))
    tasks = [_TASK.fullmatch(line) for _, line in lines if "[" in line]
    said: dict[str, Json] = {
        "title": title,
        "header": [[key, value] for key, value in _header(lines)],
        "tasks": [[m[2].strip(), m[1] != " "] for m in tasks if m is not None],
        "text": text,
    }
    problems = list(_hidden(path, text))
    if not title:
        problems.append(problem("charter/title", path, "the charter has no title"))
    return said, where, problems


def lower(manifest: Manifest) -> CharterText:
    """Return the charter that a manifest of this kind holds."""
    spec = manifest.spec
    header = cast(list[list[str]], spec["header"])
    tasks = cast(list[tuple[str, bool]], spec["tasks"])
    return CharterText(
        project=manifest.project,
        source=Source(manifest.path, manifest.place("title")[0]),
        oid=manifest.oid,
        title=str(spec["title"]),
        header=tuple((key, value) for key, value in header),
        tasks=tuple((text, done) for text, done in tasks),
        text=str(spec["text"]),
    )


def _prose(text: str) -> Iterator[_Line]:
    """Yield the lines that are neither front matter nor inside a code fence."""
    matter, _ = front_matter(text)
    skipped = 0 if matter is None else matter.count("\n") + 3 - (matter == "")
    fence = ""
    for number, raw in enumerate(text.split("\n")[skipped:], skipped + 1):
        line = raw.rstrip("\r")
        mark = _FENCE.fullmatch(line) if "```" in line or "~~~" in line else None
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield number, line


def _header(lines: list[_Line]) -> Iterator[tuple[str, str]]:
    for _, line in lines:
        if line.startswith("## "):
            return
        match = _HEADER.fullmatch(line.rstrip()) if line.startswith("**") else None
        if match is not None:
            yield match[1].strip(), match[2].strip()


def _hidden(path: str, text: str) -> Iterator[Problem]:
    """Yield a warning for each of the first lines that hold what cannot be seen."""
    if text.isascii() and text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        return
    found = 0
    for number, line in enumerate(text.split("\n"), 1):
        column = 0 if line.isprintable() else _hidden_column(line)
        if column:
            found += 1
            if found > _HIDDEN_MAX:
                return
            character = line[column - 1]
            what = f"U+{ord(character):04X} ({unicodedata.name(character, 'control character')})"
            yield problem("charter/hidden-text", path, what, (number, column))


def _hidden_column(line: str) -> int:
    for column, character in enumerate(line, 1):
        if unicodedata.category(character) not in {"Cc", "Cf"} or character in _SEEN:
            continue
        joins = character == "\u200d" and 1 < column < len(line)
        if not (joins and ord(line[column]) > 0x2000):  # an emoji made of several
            return column
    return 0
