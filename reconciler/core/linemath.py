"""Arithmetic of lines: where a line of one text is in another, and whose each is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.provenance import Hunk, Span

_HEAD = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def hunks(diff: Iterable[bytes]) -> list[Hunk]:
    """Return the hunks of a diff without context (`-U0`), in order."""
    found = []
    for line in diff:
        match = _HEAD.match(line)
        if match is not None:
            old, old_count, new, new_count = (1 if n is None else int(n) for n in match.groups())
            found.append(Hunk(old, old_count, new, new_count))
    return found


def before(changes: Sequence[Hunk], line: int) -> int:
    """Return the number that a line of the new text had in the old one; 0: it was not there."""
    shift = 0
    for hunk in changes:
        # A hunk without new lines stands behind the line that it names.
        first = hunk.new if hunk.new_count else hunk.new + 1
        if line < first:
            break
        if line < first + hunk.new_count:
            return 0
        shift += hunk.old_count - hunk.new_count
    return line + shift


def at(spans: Iterable[Span], line: int) -> Span | None:
    """Return the span that a line is in, cut down to that one line; None: nobody knows."""
    for span in spans:
        if span.first <= line < span.end:
            return Span(line, 1, span.commit, span.path, span.origin + line - span.first)
    return None


def cover(spans: Sequence[Span], first: int, count: int) -> Iterator[Span]:
    """Yield whose the lines `first` to `first + count - 1` are, in pieces. Gaps are left out."""
    end = first + count
    for span in sorted(spans, key=lambda one: one.first):
        low, high = max(first, span.first), min(end, span.end)
        if low < high:
            yield Span(low, high - low, span.commit, span.path, span.origin + low - span.first)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order of their lines; neighbours that go on in one another become one."""
    made: list[Span] = []
    for span in sorted(spans, key=lambda one: one.first):
        last = made[-1] if made else None
        goes_on = (
            last is not None
            and (last.commit, last.path, last.end) == (span.commit, span.path, span.first)
            and last.origin + last.count == span.origin
        )
        if last is not None and goes_on:
            made[-1] = Span(last.first, last.count + span.count, *_rest(last))
        else:
            made.append(span)
    return made


def _rest(span: Span) -> tuple[str, str, int]:
    return span.commit, span.path, span.origin


def total(body: bytes) -> int:
    """Return how many lines a text has; the last one may lack its line break."""
    return body.count(b"\n") + (not body.endswith(b"\n") and bool(body))


def content(body: bytes, line: int) -> bytes | None:
    """Return a line of a text without its line break, None when it has no such line."""
    if not 1 <= line <= total(body):
        return None
    start = 0
    for _ in range(line - 1):
        start = body.index(b"\n", start) + 1
    end = body.find(b"\n", start)
    return body[start:] if end < 0 else body[start:end]
