"""One word of a manifest changed as a person would: every other byte stays what it is.

What cannot be changed for sure is refused, never written anew from what was read.
"""

from __future__ import annotations

import re

from reconciler.kinds.parse import parse
from reconciler.kinds.text import Document, read
from reconciler.model.manifest import Manifest
from reconciler.model.problems import NovaorchError

_SCALAR = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[^\s,{}\[\]#]+")


def with_mode(path: str, data: bytes, mode: str) -> bytes:
    """Return an Agent's file with this `spec.mode`; the very same when it says so already.

    NovaorchError: the file has an error, or has to be changed by hand.
    """
    before = _manifest(path, data)
    if before.spec.get("mode") == mode:
        return data
    document, _ = read(path, data)
    text = data.decode("utf-8")
    edited = _edited(text, document, mode).encode("utf-8")
    after = _manifest(path, edited)
    if {**before.spec, "mode": mode} != after.spec or before.labels != after.labels:
        raise _by_hand(path, mode)
    return edited


def _edited(text: str, document: Document, mode: str) -> str:
    lines = text.splitlines(keepends=True)
    if ("spec", "mode") in document.values:
        line, column = document.values["spec", "mode"]
        return _replaced(lines, line - 1, column - 1, mode)
    line, column = document.values.get(("spec",), (1, 1))
    row = lines[line - 1] if line <= len(lines) else ""
    if row[column - 1 : column] == "{":
        return _into_braces(lines, line - 1, column, mode)
    return _as_line(lines, document, mode)


def _replaced(lines: list[str], row: int, start: int, mode: str) -> str:
    """Put the word in the place of the one that stands there, in the same quotes."""
    found = _SCALAR.match(lines[row], start)
    if found is not None:
        quote = found[0][0] if found[0][0] in "\"'" else ""
        lines[row] = lines[row][:start] + quote + mode + quote + lines[row][found.end() :]
    return "".join(lines)


def _into_braces(lines: list[str], row: int, start: int, mode: str) -> str:
    rest = lines[row][start:]
    ahead = (rest + "".join(lines[row + 1 :])).lstrip()
    word = f'"mode": "{mode}"' if ahead.startswith('"') else f"mode: {mode}"
    comma = "" if ahead.startswith("}") else ", "
    lines[row] = lines[row][:start] + word + comma + rest
    return "".join(lines)


def _as_line(lines: list[str], document: Document, mode: str) -> str:
    """Put a line below `spec:`, as deep as the lines that are there."""
    row = document.keys.get(("spec",), (len(lines), 1))[0] - 1
    columns = [mark[1] for loc, mark in document.keys.items() if loc[:-1] == ("spec",)]
    indent = " " * (min(columns) - 1 if columns else 2)
    end = "\r\n" if lines[row].endswith("\r\n") else "\n"
    if not lines[row].endswith("\n"):
        lines[row] += end
    lines.insert(row + 1, f"{indent}mode: {mode}{end}")
    return "".join(lines)


def _manifest(path: str, data: bytes) -> Manifest:
    manifest, problems = parse(path, "", data)
    if manifest is None or manifest.kind != "Agent":
        first = next(iter(problems), None)
        raise NovaorchError(
            f"desired-state/{path} cannot be changed",
            why=f"{first.place}: {first.what}" if first else "it is no Agent's file",
            fix=first.fix if first else "name an agent",
        )
    return manifest


def _by_hand(path: str, mode: str) -> NovaorchError:
    return NovaorchError(
        f"desired-state/{path} is written in a way that is not changed for sure",
        why="every other byte of it has to stay",
        fix=f"write `mode: {mode}` below spec: yourself, and commit it",
    )
