"""The quick half of `novaorch why`: what the journal says, in a tenth of a second.

Imports neither typer nor GitPython nor the nouns. Whatever is not plain is left to `cli.why`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from reconciler.adapters.git.glance import Glance, UnclearError, glance, names_in
from reconciler.adapters.git.refnames import own_ref
from reconciler.core.journal import page_path, unit_at
from reconciler.core.retell import meant, ndjson, why_lines

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@+=-]{0,400}", re.ASCII)


def quick(argv: list[str]) -> int | None:
    """Answer a plain `[-C DIR] why [--json] UNIT`; return the exit code, None: take the slow way.

    On a terminal the slow way follows, for what holds the unit back now.
    """
    asked = _plain(argv)
    if asked is None:
        return None
    directory, unit, as_json = asked
    try:
        with glance(directory) as git:
            page = _page(git, unit)
    except (UnclearError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if page is None:
        return None
    lines = [ndjson("why", page)] if as_json else why_lines(page)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    if as_json or not sys.stdout.isatty():
        return 0
    from reconciler.cli.app import run  # noqa: PLC0415 - all that is heavy

    return run(["-C", str(directory), "why", "--live-only", page["unit"]])


def _plain(argv: list[str]) -> tuple[Path, str, bool] | None:
    words, directory = list(argv), Path()
    if words[:1] == ["-C"] and len(words) > 1:
        directory, words = Path(words[1]), words[2:]
    if words[:1] != ["why"]:
        return None
    as_json = "--json" in words
    rest = [word for word in words[1:] if word != "--json"]
    if len(rest) != 1 or not _UNIT.fullmatch(rest[0]):
        return None
    return directory.absolute(), rest[0], as_json


def _page(git: Glance, unit: str) -> dict[str, Any] | None:
    ref = own_ref("journal", os.uname().nodename)
    head, page, fleet, tree = git.ask(
        [
            f"{ref}:head.json",
            f"{ref}:{page_path(unit)}",
            "HEAD:desired-state/fleet.yaml",
            f"{ref}:units",
        ]
    )
    if head is None or tree is None or not _of_this_fleet(json.loads(head), fleet):
        return None
    if page is None:
        found = meant(unit, _units(git, ref, tree))
        if len(found) != 1:
            return None
        page = git.ask([f"{ref}:{page_path(found[0])}"])[0]
    made = json.loads(page) if page is not None else None
    return made if isinstance(made, dict) else None


def _of_this_fleet(head: dict[str, Any], manifest: bytes | None) -> bool:
    """Two fleets of one repository have a journal each; this one's name is looked for roughly."""
    return manifest is None or re.search(rb"\b%s\b" % head["fleet"].encode(), manifest) is not None


def _units(git: Glance, ref: str, tree: bytes) -> list[str]:
    """Return every unit that has a page, folder by folder."""
    found: list[str] = []
    level: list[tuple[str, bytes]] = [("units", tree)]
    while level:
        deeper: list[str] = []
        for above, body in level:
            for folder, name in names_in(body):
                (deeper if folder else found).append(f"{above}/{name}")
        bodies = git.ask([f"{ref}:{path}" for path in deeper])
        level = [(path, body) for path, body in zip(deeper, bodies, strict=True) if body]
    return [unit_at(path) for path in found]
