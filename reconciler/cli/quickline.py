"""The quick half of `novaorch why FILE:LINE`: where a line comes from, in a fifth of a second.

Imports neither typer nor GitPython. Whatever is not plain is left to `cli.why`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.problems import NovaorchError

if TYPE_CHECKING:
    from reconciler.model.provenance import Line

_ASKED = re.compile(r"(.+):([0-9]{1,9})", re.ASCII | re.DOTALL)
_OPTIONS = {"--rev": "rev", "--fleet": "fleet"}


def file_and_line(word: str) -> tuple[str, int] | None:
    """Return what FILE:LINE names; None when it is something else."""
    found = _ASKED.fullmatch(word)
    return (found[1], int(found[2])) if found is not None else None


def quick(argv: list[str]) -> int | None:
    """Answer `[-C DIR] why [--json] [--rev REV] [--fleet DIR] FILE:LINE`; None: the slow way."""
    words, directory = list(argv), Path()
    if words[:1] == ["-C"] and len(words) > 1:
        directory, words = Path(words[1]), words[2:]
    if words[:1] != ["why"]:
        return None
    plain = _plain(words[1:])
    asked = file_and_line(plain[0]) if plain is not None else None
    if plain is None or asked is None:
        return None
    return answer(asked, plain[1], directory, as_json=plain[2])


def answer(asked: tuple[str, int], options: dict[str, str], at: Path, *, as_json: bool) -> int:
    """Print where a line comes from; return the exit code."""
    from reconciler.cli.lineage import Query, opened  # noqa: PLC0415 - only if it is a line

    query = Query(asked[0], options.get("rev", ""), at.absolute(), options.get("fleet", ""))
    try:
        with opened(query, os.environ) as file:
            line = file.line(asked[1])
            told = _records(line) if as_json else _words(line)
            sys.stdout.write("".join(f"{one}\n" for one in told))
            sys.stdout.flush()
    except NovaorchError as error:
        from reconciler.cli import render  # noqa: PLC0415 - only now

        render.error(error)
        return error.exit_code
    return 0


def _words(line: Line) -> list[str]:
    from reconciler.core.provenance import line_words  # noqa: PLC0415

    return line_words(line)


def _records(line: Line) -> list[str]:
    from reconciler.core.provenancedata import line_json  # noqa: PLC0415
    from reconciler.core.retell import ndjson  # noqa: PLC0415

    return [ndjson("line", line_json(line))]


def _plain(words: list[str]) -> tuple[str, dict[str, str], bool] | None:
    options: dict[str, str] = {}
    rest: list[str] = []
    as_json = False
    given = iter(words)
    for word in given:
        name, equals, value = word.partition("=")
        if word == "--json":
            as_json = True
        elif name in _OPTIONS:
            value = value if equals else next(given, "")
            if not value:
                return None
            options[_OPTIONS[name]] = value
        elif word.startswith("-"):
            return None
        else:
            rest.append(word)
    return (rest[0], options, as_json) if len(rest) == 1 else None
