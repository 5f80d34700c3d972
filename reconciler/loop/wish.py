"""From a revision to Desired: what did not change since the last pass is no work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.build import Memo, build
from reconciler.kinds.parse import concerns, parse, refuse
from reconciler.model.control import SILENT, Consent
from reconciler.model.manifest import Blob, Manifest, Tree
from reconciler.model.problems import Problem, SourceError
from reconciler.model.unit import Desired
from reconciler.ports import ManifestCache, Repository

REMEMBERED_MAX = 4
"""A branch here and there, what is staged, and what it was: more are never looked at in turn."""

Parsed = tuple[Manifest | None, tuple[Problem, ...]]


@dataclass(slots=True)
class Wishes:
    """Reads what is wished for, and remembers the last answer by the content it came from.

    Only in a `rehearsal` may an agent's runtime be fake. `workspaces` is the folder of agents'
    work trees, '' for the usual one.
    """

    repository: Repository
    cache: ManifestCache
    root: str
    home: str
    rehearsal: bool = False
    workspaces: str = ""
    _last: dict[str, Desired] = field(default_factory=dict)
    _memo: Memo = field(default_factory=dict)

    def read(self, revision: str = "", consent: Consent = SILENT) -> Desired:  # noqa: ARG002
        """Return what `revision` asks for; '' means the branch that the fleet names, else HEAD.

        SourceError when there is no such commit, or when `fleet.yaml` itself cannot be read:
        without it nobody knows which server the rest is meant for.
        """
        if revision:
            return self._desired(revision)
        desired = self._desired("HEAD")
        if not desired.fleet.branch:
            return desired
        return self._desired(f"refs/heads/{desired.fleet.branch}")

    def warm(self) -> None:
        """Load now what parsing needs, so that the first commit does not wait for it."""
        parse("warm/agents/warm.yaml", "", b"apiVersion: novaorch/v1\nkind: Agent\n")

    def accept(self, desired: Desired) -> None:
        """Nothing is kept here of what is followed; `loop.follow` does that."""

    def charter(self, project: str) -> str:
        """Return the text of a project's charter in the tree that was read last, '' for none."""
        last = next(reversed(self._last.values()), None)
        charters = last.charters if last is not None else ()
        return next((c.text for c in charters if c.project == project), "")

    def remember(self) -> None:
        """Keep what was parsed for the next process. Costs a file; so it is nobody's first step."""
        self.cache.save()

    def beside(self, repository: Repository) -> Wishes:
        """Return a reader of another view of the same repository; what both know is shared."""
        return replace(self, repository=repository)

    def _desired(self, revision: str) -> Desired:
        tree = self.repository.tree(revision)
        if not tree.exists and not revision.startswith(":"):
            raise SourceError(
                f"there is no desired-state/ in commit {tree.commit[:12]}",
                why="without it nobody knows which server is meant, so all is left as it is",
                fix="bring it back (git revert), or make one: novaorch init",
            )
        last = self._last.get(tree.oid)
        if last is not None:
            if last.commit == tree.commit:
                return last
            desired = replace(
                last,
                commit=tree.commit,
                author=tree.author,
                subject=tree.subject,
                committed=tree.committed,
            )
        else:
            parsed = self._parsed(tree)
            desired = build(
                tree,
                parsed,
                self.root,
                self.home,
                self._memo,
                rehearsal=self.rehearsal,
                workspaces=self.workspaces,
            )
        _refuse_without_fleet(desired)
        self._last.pop(tree.oid, None)
        self._last[tree.oid] = desired
        while len(self._last) > REMEMBERED_MAX:
            del self._last[next(iter(self._last))]
        return desired

    def _parsed(self, tree: Tree) -> Mapping[str, Parsed]:
        parsed: dict[str, Parsed] = {}
        fresh: list[Blob] = []
        for blob in tree.blobs:
            problem = refuse(blob)
            if problem is not None:
                parsed[blob.path] = (None, (problem,))
            elif concerns(blob.path):
                known = self.cache.get(blob.oid, blob.path)
                if known is None:
                    fresh.append(blob)
                else:
                    parsed[blob.path] = known
        if fresh:
            parsed.update(self._parse(fresh))
        return parsed

    def _parse(self, blobs: list[Blob]) -> Mapping[str, Parsed]:
        contents = self.repository.read([blob.oid for blob in blobs])
        parsed: dict[str, Parsed] = {}
        for blob in blobs:
            manifest, problems = parse(blob.path, blob.oid, contents[blob.oid])
            self.cache.put(blob.oid, blob.path, manifest, problems)
            parsed[blob.path] = (manifest, problems)
        return parsed


def _refuse_without_fleet(desired: Desired) -> None:
    broken = [p for p in desired.problems if p.path == "fleet.yaml" and p.severity == "error"]
    if broken:
        first = broken[0]
        raise UnreadableFleetError(first, desired.problems)


class UnreadableFleetError(SourceError):
    """`fleet.yaml` has an error: everything stays as it is until it is mended."""

    def __init__(self, first: Problem, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            f"{first.where}: {first.what}",
            why=f"{first.why} Without a readable fleet.yaml everything is left as it is.".strip(),
            fix=first.fix,
        )
        self.problems = problems
