"""Parsed manifests on disk: one JSON file, read once, written when something is new.

Only speed: a file that is missing, broken, foreign or full costs a parse, never an error. Never
imports what parses.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from reconciler.model.ids import Json
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem, Severity

ENTRIES_MAX = 20_000
BYTES_MAX = 256 << 20

Parsed = tuple[Manifest | None, tuple[Problem, ...]]


class DiskCache:
    """A `ports.ManifestCache`. Entries of another `version` of the schema do not count."""

    def __init__(self, path: Path, version: str) -> None:
        self._path, self._version = path, version
        self._entries: dict[str, Any] | None = None
        self._used: set[str] = set()
        self._new = False

    def get(self, oid: str, path: str) -> Parsed | None:
        """Return what parsing gave the last time, or None."""
        key = f"{oid}\0{path}"
        entry = self._loaded().get(key)
        if entry is None:
            return None
        try:
            parsed = _parsed(oid, path, entry)
        except (TypeError, ValueError, KeyError, AttributeError):
            return None
        self._used.add(key)
        return parsed

    def put(
        self, oid: str, path: str, manifest: Manifest | None, problems: tuple[Problem, ...]
    ) -> None:
        """Remember what parsing gave."""
        key = f"{oid}\0{path}"
        self._loaded()[key] = [_manifest_json(manifest), [_problem_json(p) for p in problems]]
        self._used.add(key)
        self._new = True

    def save(self) -> None:
        """Write what is new. A disk that is full or read-only is passed over in silence."""
        if not self._new:
            return
        entries = self._loaded()
        if len(entries) > ENTRIES_MAX:
            entries = self._entries = {k: v for k, v in entries.items() if k in self._used}
        document = {"version": self._version, "entries": entries}
        with contextlib.suppress(OSError):
            _replace(self._path, json.dumps(document, ensure_ascii=True, separators=(",", ":")))
        self._new = False

    def _loaded(self) -> dict[str, Any]:
        if self._entries is None:
            self._entries = _load(self._path, self._version)
        return self._entries


def _load(path: Path, version: str) -> dict[str, Any]:
    """Return the entries of a file that is ours alone, else none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            mine = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
            if not mine or about.st_mode & 0o022 or about.st_size > BYTES_MAX:
                return {}
            document = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("version") != version:
        return {}
    entries = document.get("entries")
    return entries if isinstance(entries, dict) else {}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# -- as JSON: flat lists, since names and nesting would double the time it takes to read them -----


def _manifest_json(manifest: Manifest | None) -> list[Json] | None:
    if manifest is None:
        return None
    lines: list[Json] = [part for name, at in manifest.lines.items() for part in (name, *at)]
    labels: dict[str, Json] = {**manifest.labels}
    kind, project, name = manifest.kind, manifest.project, manifest.name
    return [kind, project, name, labels, {**manifest.spec}, lines]


def _problem_json(p: Problem) -> list[Json]:
    return [p.path, p.line, p.column, p.rule, p.what, p.why, p.fix, p.severity.value]


def _parsed(oid: str, path: str, entry: Any) -> Parsed:
    """Return the entry as values; raises for an entry of another shape."""
    told, problems = entry
    found = tuple(_problem(*problem) for problem in problems)
    if told is None:
        return None, found
    kind, project, name, labels, spec, lines = told
    places = dict(zip(lines[::3], zip(lines[1::3], lines[2::3], strict=True), strict=True))
    return Manifest(path, oid, kind, project, name, labels, spec, places), found


def _problem(*parts: Any) -> Problem:
    path, line, column, rule, what, why, fix, severity = parts
    return Problem(path, line, column, rule, what, why, fix, Severity(severity))
