"""From the bytes of one file to a manifest, or to everything that is wrong with it.

Never raises, never looks at another file. Brings pydantic and YAML only when called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from reconciler.kinds import KINDS
from reconciler.kinds.names import NAME, did_you_mean, shown, visible
from reconciler.kinds.paths import BYTES_MAX, Place, concerns, place, refuse, refuse_tree, stranger
from reconciler.kinds.rules import problem
from reconciler.model.ids import Json
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem, Severity

if TYPE_CHECKING:
    from reconciler.kinds.specs.document import CharterDocument
    from reconciler.kinds.text import Document

PROBLEMS_MAX = 50

Parsed = tuple[Manifest | None, tuple[Problem, ...]]


def parse(path: str, oid: str, data: bytes) -> Parsed:
    """Return what a file says and all its problems in order; None when one of them is an error."""
    try:
        manifest, problems = _parse(path, oid, data)
    except Exception as error:  # one file must never stop the others
        what = f"{type(error).__name__} while reading {visible(path)}"
        return None, (problem("file/unexpected", path, what),)
    if any(found.severity is Severity.ERROR for found in problems):
        manifest = None
    ordered = sorted(set(problems))
    if len(ordered) > PROBLEMS_MAX:
        what = f"{len(ordered)} problems"
        ordered = sorted([*ordered[:PROBLEMS_MAX], problem("file/more-problems", path, what)])
    return manifest, tuple(ordered)


def _parse(path: str, oid: str, data: bytes) -> tuple[Manifest | None, list[Problem]]:
    if len(data) > BYTES_MAX:
        return None, [problem("file/too-big", path, f"{len(data)} bytes")]
    where = place(path)
    problems: list[Problem] = []
    if where.project and re.fullmatch(NAME, where.project) is None:
        problems.append(problem("name/project", path, f"the project {shown(where.project)}"))
    manifest, found = (
        _charter(path, oid, data) if where.kind == "Charter" else _yaml(path, oid, data)
    )
    return manifest, problems + found


# -- YAML -----------------------------------------------------------------------------------------


def _yaml(path: str, oid: str, data: bytes) -> tuple[Manifest | None, list[Problem]]:
    from reconciler.kinds.faults import validated  # noqa: PLC0415  # brings pydantic
    from reconciler.kinds.specs.document import DOCUMENTS, CharterDocument  # noqa: PLC0415
    from reconciler.kinds.text import read  # noqa: PLC0415  # brings YAML

    document, problems = read(path, data)
    if not document.whole or not isinstance(document.value, dict):
        return None, problems
    where = place(path)
    word, found = _kind(path, where, document)
    problems += found
    if not word:
        return None, problems
    model, found = validated(path, DOCUMENTS[word], document)
    problems += found
    if model is None or isinstance(model, CharterDocument):
        return None, problems
    dumped = model.model_dump(mode="json", by_alias=True)
    name = dumped["metadata"]["name"] or where.stem
    if re.fullmatch(NAME, name) is None:
        problems.append(problem("name/unit", path, f"the file's name gives {shown(name)}"))
    labels = dumped["metadata"]["labels"]
    return (
        Manifest(path, oid, word, where.project, name, labels, dumped["spec"], _lines(document)),
        problems,
    )


def _kind(path: str, where: Place, document: Document) -> tuple[str, list[Problem]]:
    """Return the kind that the document names, '' when none is known, and what is wrong with it."""
    value = cast(dict[str, Json], document.value)
    word = value.get("kind")
    known = [kind.name for kind in KINDS.values() if kind.name != "Charter"]
    at = document.mark(("kind",))
    if word is None:
        fix = f"add `kind:` and one of {', '.join(known)}"
        return "", [problem("schema/missing-field", path, "kind is missing", (1, 1), fix)]
    if not isinstance(word, str) or word not in known:
        near = did_you_mean(word, known) if isinstance(word, str) else ""
        fix = f"{near}; known: {', '.join(known)}" if near.startswith("did") else f"{near}"
        return "", [problem("kind/unknown", path, f"kind: {shown(word)} is not known", at, fix)]
    if where.kind == word:
        return word, []
    if not where.kind:
        return word, [problem("path/misplaced", path, f"no {word} is looked for here", at)]
    what = f"kind: {word} stands where a {where.kind} is looked for"
    return word, [problem("path/wrong-folder", path, what, at, _home(word))]


def _home(word: str) -> str:
    kind = KINDS[word]
    home = f"PROJECT/{kind.folder}/NAME.yaml" if kind.folder else kind.file
    return f"a {word} lives in desired-state/{home}: move the file, or correct its kind"


def _lines(document: Document) -> dict[str, tuple[int, int]]:
    """Return where each field stands: a scalar at its value, a collection at its key.

    Words of a command stand where their command does: nobody asks for them one by one.
    """
    lines: dict[str, tuple[int, int]] = {}
    for loc, mark in document.values.items():
        if loc[-2:-1] == ("command",):
            continue
        key = document.keys.get(loc)
        at = key if key is not None and key[0] != mark[0] else mark
        lines[".".join(map(str, loc))] = at
    return lines


# -- charters -------------------------------------------------------------------------------------


def _charter(path: str, oid: str, data: bytes) -> tuple[Manifest | None, list[Problem]]:
    from reconciler.kinds import charter  # noqa: PLC0415  # only projects with a new charter

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return None, [problem("yaml/encoding", path, what, (line, 1))]
    matter, closed = charter.front_matter(text)
    if not closed:
        return None, [problem("charter/front-matter", path, "the front matter has no end", (1, 1))]
    labels, problems = _front(path, matter) if matter and matter.strip() else ({}, [])
    said, line, found = charter.contents(path, text)
    lines = {"": (1, 1), "title": (line, 1)}
    manifest = Manifest(path, oid, "Charter", place(path).project, "charter", labels, said, lines)
    return manifest, problems + found


def _front(path: str, matter: str) -> tuple[dict[str, str], list[Problem]]:
    from reconciler.kinds.faults import validated  # noqa: PLC0415  # brings pydantic
    from reconciler.kinds.specs.document import CharterDocument  # noqa: PLC0415
    from reconciler.kinds.text import read  # noqa: PLC0415  # brings YAML

    document, problems = read(path, matter.encode(), first_line=2)
    if not document.whole:
        return {}, problems
    model, found = validated(path, CharterDocument, document)
    labels = cast("CharterDocument", model).metadata.labels if model is not None else {}
    return labels, problems + found


__all__ = ["Parsed", "concerns", "parse", "refuse", "refuse_tree", "stranger"]
