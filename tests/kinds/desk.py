"""A desk to write manifests on: files in, Desired out, without git or disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from reconciler.core.build import build
from reconciler.kinds.parse import Parsed, concerns, parse, refuse
from reconciler.model.manifest import Blob, Tree
from reconciler.model.problems import Problem
from reconciler.model.unit import Desired, Process

ROOT, HOME = "/repo", "/home/nova"

FLEET = "apiVersion: novaorch/v1\nkind: Fleet\n"


def agent(spec: str = "", name: str = "") -> str:
    """Return an Agent whose spec starts in line 5 with its command."""
    return f"""apiVersion: novaorch/v1
kind: Agent
metadata: {{name: {name}}}
spec:
  command: [sleep, 1]
{_indented(spec)}"""


def runtime(spec: str = "", word: str = "claude-code", name: str = "") -> str:
    """Return an Agent of a runtime whose spec starts in line 5 with its word."""
    return agent(spec, name).replace("command: [sleep, 1]", f"runtime: {word}")


def session(spec: str = "", name: str = "") -> str:
    """Return a Session whose spec goes on in line 6."""
    return f"""apiVersion: novaorch/v1
kind: Session
metadata: {{name: {name}}}
spec:
  directory: .
{_indented(spec)}"""


def fleet(spec: str) -> str:
    """Return a Fleet whose spec starts in line 4."""
    return f"{FLEET}spec:\n{_indented(spec)}"


def _indented(spec: str) -> str:
    return "".join(f"  {line}\n" for line in spec.splitlines())


Files = Mapping[str, str | bytes]


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def blobs(files: Files) -> tuple[Blob, ...]:
    named = {path: as_bytes(text) for path, text in files.items()}
    return tuple(Blob(path, oid(data), size=len(data)) for path, data in named.items())


def parsed(files: Files) -> dict[str, Parsed]:
    named = {path: as_bytes(text) for path, text in files.items()}
    return {p: parse(p, oid(d), d) for p, d in named.items() if concerns(p)}


def tree(entries: tuple[Blob, ...]) -> Tree:
    return Tree(commit="c0ffee", oid="7ree", blobs=entries, author="Nova", subject="wish")


def wish(files: Files, extra: tuple[Blob, ...] = (), *, with_fleet: bool = True) -> Desired:
    """Return what these files ask for; `extra` entries are in the tree but not read."""
    all_files = {"fleet.yaml": FLEET, **files} if with_fleet else dict(files)
    entries = tree(blobs(all_files) + extra)
    readable = {b.path for b in entries.blobs if refuse(b) is None}
    known = {path: found for path, found in parsed(all_files).items() if path in readable}
    return build(entries, known, ROOT, HOME)


def rules(desired: Desired) -> list[str]:
    return [found.rule for found in desired.problems]


def only(desired: Desired) -> Problem:
    """Return the one problem there is."""
    assert len(desired.problems) == 1, [f"{p.place} {p.rule} {p.what}" for p in desired.problems]
    return desired.problems[0]


def the_process(desired: Desired) -> Process:
    """Return the one process there is, of a tree without problems."""
    assert desired.problems == ()
    assert len(desired.processes) == 1
    return next(iter(desired.processes.values()))
