"""Takes over the files of a tree: what each gave, and what is held when it gave nothing.

Looks at one file after the other; how they fit together is not its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.kinds import charter, fleet
from reconciler.kinds.findings import Findings
from reconciler.kinds.parse import Parsed
from reconciler.kinds.paths import concerns, place, refuse, refuse_tree, stranger
from reconciler.kinds.rules import problem
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Blob, Manifest, Tree
from reconciler.model.problems import Problem, Severity
from reconciler.model.unit import CharterText


@dataclass(slots=True)
class Files:
    """The manifests of a tree in path order, its fleet, its charters by project, its projects."""

    manifests: dict[UnitId, Manifest] = field(default_factory=dict)
    fleet: Manifest | None = None
    charters: dict[str, CharterText] = field(default_factory=dict)
    projects: set[str] = field(default_factory=set)


def gather(tree: Tree, parsed: Mapping[str, Parsed], findings: Findings) -> Files:
    """Return every manifest of the tree; every reason why there is none goes to `findings`."""
    files = Files()
    wide = refuse_tree(tree.blobs) if tree.exists else ()
    findings.problems += wide
    if not tree.exists or any(found.rule == "tree/too-many" for found in wide):
        return files
    barred = {found.path: found for found in wide}
    for blob in sorted(tree.blobs, key=lambda blob: blob.path):
        files.projects.update(blob.path.split("/", 1)[:-1])
        found = refuse(blob) or barred.get(blob.path)
        if found is not None:
            _bar(blob.path, (found,), findings)
        elif concerns(blob.path):
            _take(blob, parsed.get(blob.path), files, findings)
        elif (warning := stranger(blob.path)) is not None:
            findings.problems.append(warning)
    return files


def _take(blob: Blob, known: Parsed | None, files: Files, findings: Findings) -> None:
    if known is None or (known[0] is None and not _errors(known[1])):
        unread = problem("file/unread", blob.path, f"{blob.path} was not read")
        _bar(blob.path, (unread,), findings)
        return
    manifest, problems = known
    if manifest is None:
        _bar(blob.path, problems, findings)
        return
    findings.problems += problems
    if manifest.kind == "Fleet":
        files.fleet = manifest
    elif manifest.kind == "Charter":
        files.charters[manifest.project] = charter.lower(manifest)
    elif manifest.id in files.manifests:
        findings.problems.append(_twice(manifest, files.manifests[manifest.id]))
    else:
        files.manifests[manifest.id] = manifest


def _twice(manifest: Manifest, first: Manifest) -> Problem:
    at = manifest.place("metadata.name")
    what = f"{manifest.id} is declared in {first.path} already"
    return problem("name/twice", manifest.path, what, (at[0], at[1]))


def _bar(path: str, problems: tuple[Problem, ...], findings: Findings) -> None:
    """Enter a file that cannot be used: the unit that its path names is held."""
    findings.problems += problems
    first = _errors(problems)[0]
    where = place(path)
    if where.kind == "Fleet":
        findings.problems.append(fleet.broken(first))
    elif where.kind in {"Agent", "Session"}:
        findings.hold(UnitId.of(where.project, where.kind.lower(), where.stem), first)


def _errors(problems: tuple[Problem, ...]) -> list[Problem]:
    return [found for found in problems if found.severity is Severity.ERROR]
