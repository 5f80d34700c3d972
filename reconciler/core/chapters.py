"""A charter in parts, so that nobody has to read all of it to know one thing. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from reconciler.model.problems import NovaorchError

WHOLE_MAX = 6_000
"""Up to so many characters a charter is shown whole."""
CHAPTER_MAX = 16_000
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*\s*")
_TASK = re.compile(r"\s*[-*+] \[([ xX])\][ \t]+(.*?)\s*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading, how deep it is (0: what comes before any), and all lines until the next one of
    its depth."""

    title: str
    depth: int
    text: str


@dataclass(frozen=True, slots=True)
class Checkbox:
    """One task of a charter, and the nearest heading above it."""

    text: str
    done: bool
    chapter: str


def chapters(text: str) -> tuple[Chapter, ...]:
    """Return every part of a charter in order; a part holds those below it, too."""
    lines = text.replace("\r\n", "\n").split("\n")
    heads = [(n, len(h[1]), h[2]) for n, h in _headings(lines)]
    found = [Chapter("", 0, "\n".join(lines[: heads[0][0] if heads else len(lines)]))]
    for place, (start, depth, title) in enumerate(heads):
        after = heads[place + 1 :]
        end = next((n for n, below, _ in after if below <= depth), len(lines))
        found.append(Chapter(title, depth, "\n".join(lines[start:end])))
    return tuple(part for part in found if part.text.strip())


def outline(text: str) -> list[str]:
    """Return the headings, the deeper ones indented."""
    parts = [part for part in chapters(text) if part.depth]
    top = min((part.depth for part in parts), default=1)
    return [f"{'  ' * (part.depth - top)}{part.title}" for part in parts]


def chapter(text: str, name: str) -> Chapter:
    """Return the part that a heading, or the unique piece of one, names. NovaorchError: none."""
    wanted = " ".join(name.split()).casefold()
    parts = [part for part in chapters(text) if part.depth]
    titles = {part.title.casefold(): part for part in reversed(parts)}
    if wanted in titles:
        return titles[wanted]
    near = [part for title, part in titles.items() if wanted and wanted in title]
    if len(near) == 1:
        return near[0]
    known = [part.title for part in near or parts]
    close = difflib.get_close_matches(name, known, 3, 0.5) or known[:12]
    what = f"{len(near)} sections are called like" if near else "there is no section"
    raise NovaorchError(
        f"{what} {name[:80]!r}",
        why=f"there are: {'; '.join(close)}" if close else "the charter has no headings",
        fix="give a heading as it stands there, or none for the beginning",
    )


def checkboxes(text: str) -> tuple[Checkbox, ...]:
    """Return the tasks of a charter, in order; what stands inside a code fence is none."""
    lines = text.replace("\r\n", "\n").split("\n")
    found: list[Checkbox] = []
    title = ""
    for line in _prose(lines).values():
        head, task = _HEADING.fullmatch(line), _TASK.fullmatch(line)
        title = head[2] if head else title
        if task:
            found.append(Checkbox(task[2], task[1] != " ", title))
    return tuple(found)


def _headings(lines: list[str]) -> list[tuple[int, re.Match[str]]]:
    prose = _prose(lines).items()
    return [(n, head) for n, line in prose if (head := _HEADING.fullmatch(line))]


def _prose(lines: list[str]) -> dict[int, str]:
    """Return the lines outside of code fences, by number."""
    fence = ""
    kept: dict[int, str] = {}
    for number, line in enumerate(lines):
        mark = _FENCE.fullmatch(line)
        if fence:
            ends = mark is not None and mark[1].startswith(fence) and not mark[2].strip()
            fence = "" if ends else fence
        elif mark:
            fence = mark[1]
        else:
            kept[number] = line
    return kept
