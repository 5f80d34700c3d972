"""Which runs there are: branches, verdicts, conflicts, kept snapshots; read from refs.

Two git processes, however many runs there are; one more for each run that waits for people. What
an agent could have written is text, never an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.process import Reply, said
from reconciler.core.trailers import trailers as ours
from reconciler.core.verdicts import (
    ARCHIVE,
    CONFLICT,
    KEPT,
    PUSHED,
    RECORDED,
    Read,
    conflict_paths,
    lines_of,
    read,
)
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError
from reconciler.model.promotion import Kept, KnownRun
from reconciler.model.training import Run, Verdict
from reconciler.model.workspace import RUNS

HEADS, REMOTE = "refs/heads/", "refs/novaorch/remote/"
BRANCHES = f"{HEADS}{RUNS}/"
_FORMAT = "%00".join(
    ("%(refname)", "%(objectname)", "%(parent)", "%(committerdate:unix)", "%(contents:subject)",
     "%(trailers:only,unfold)")
) + "%00"  # fmt: skip
_FIELDS = 6
_PART = r"([a-z0-9][a-z0-9.-]{0,63})"
_PLACE = re.compile(rf"{_PART}/{_PART}/([1-9][0-9]{{0,8}})", re.ASCII)

Place = tuple[str, str, int]
Target = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Ref:
    """One ref and what its commit says."""

    name: str
    oid: str
    parents: tuple[str, ...]
    at: float
    subject: str
    trailers: str


@dataclass(slots=True)
class Found:
    """All refs about one run."""

    branch: Ref | None = None
    archive: Ref | None = None
    conflict: Ref | None = None
    pushed: Ref | None = None
    recorded: Ref | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """Every run of a repository, and every kept snapshot."""

    runs: tuple[KnownRun, ...] = ()
    kept: tuple[Kept, ...] = ()
    tips: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Commit:
    parents: tuple[str, ...]
    at: float


def list_runs(room: CleanRoom, targets: Target, usual: str = "") -> Runs:
    """Return all runs; `targets` are the branches of agents by (project, name), `usual` of others.

    Ordered by agent and number. SourceError: the refs cannot be read.
    """
    names = {name for name in (*targets.values(), usual) if name}
    refs = _refs(room, names)
    places = _by_place(refs)
    tips = {ref.name: ref.oid for ref in refs if not _PLACE.search(ref.name)}
    graph = _graph(room, places.values(), tips.values())
    made = [
        _known(place, found, targets.get(place[:2], usual), _Sight(tips, graph))
        for place, found in sorted(places.items())
        if found.branch is not None or found.archive is not None
    ]
    return Runs(tuple(made), tuple(_kept(refs)), tips)


@dataclass(frozen=True, slots=True)
class _Sight:
    """The tips of targets, and every commit that some run has and no target."""

    tips: Mapping[str, str]
    graph: Mapping[str, _Commit]

    def target(self, name: str) -> str:
        """Return the tip of a target: here, or else as the remote has it."""
        return self.tips.get(HEADS + name, "") or self.tips.get(REMOTE + name, "")

    def beyond(self, tip: str, other: str = "") -> list[_Commit]:
        """Return the commits of a tip that neither a target has, nor another tip."""
        known = self._reached(other) if other else set()
        return [self.graph[oid] for oid in self._reached(tip) - known]

    def _reached(self, tip: str) -> set[str]:
        seen: set[str] = set()
        todo = [tip]
        while todo:
            oid = todo.pop()
            if oid in seen or oid not in self.graph:
                continue
            seen.add(oid)
            todo += self.graph[oid].parents
        return seen


# -- reading --------------------------------------------------------------------------------------


def _refs(room: CleanRoom, names: Iterable[str]) -> list[Ref]:
    patterns = [BRANCHES, ARCHIVE, CONFLICT, PUSHED, KEPT, RECORDED]
    patterns += [base + name for name in sorted(names) for base in (HEADS, REMOTE)]
    reply = room.command().run("for-each-ref", f"--format={_FORMAT}", *patterns)
    if not reply.ok:
        raise _unread(reply)
    words = [w.decode("utf-8", "surrogateescape") for w in reply.out.split(b"\0")[:-1]]
    rows = [words[at : at + _FIELDS] for at in range(0, len(words), _FIELDS)]
    return [_ref(row) for row in rows if len(row) == _FIELDS]


def _ref(row: Sequence[str]) -> Ref:
    name, oid, parents, at, subject, found = row
    hour = float(at) if at.isascii() and at.isdigit() else 0.0
    return Ref(
        name.lstrip("\n"), oid, tuple(parents.split()), hour, printable(subject)[:200], found
    )


def _by_place(refs: Iterable[Ref]) -> dict[Place, Found]:
    found: dict[Place, Found] = {}
    kinds = (("branch", BRANCHES), ("archive", ARCHIVE), ("conflict", CONFLICT),
             ("pushed", PUSHED), ("recorded", RECORDED))  # fmt: skip
    for ref in refs:
        for kind, prefix in kinds:
            place = place_of(ref.name, prefix)
            if place is not None:
                setattr(found.setdefault(place, Found()), kind, ref)
    return found


def place_of(name: str, prefix: str) -> Place | None:
    """Return (project, name, number) of a ref below a prefix; None when it is none of ours."""
    match = _PLACE.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
    return (match[1], match[2], int(match[3])) if match else None


def _graph(room: CleanRoom, found: Iterable[Found], tips: Iterable[str]) -> dict[str, _Commit]:
    wanted = [one.branch.oid for one in found if one.branch is not None]
    if not wanted:
        return {}
    given = "".join(f"{oid}\n" for oid in [*wanted, *(f"^{tip}" for tip in tips)])
    reply = room.command().run(
        "rev-list", "--timestamp", "--parents", "--stdin", given=given.encode()
    )
    if not reply.ok:
        raise _unread(reply)
    graph = {}
    for line in reply.out.decode("ascii", "replace").splitlines():
        at, oid, *parents = line.split()
        graph[oid] = _Commit(tuple(parents), float(at))
    return graph


# -- understanding --------------------------------------------------------------------------------


def _known(place: Place, found: Found, target: str, sight: _Sight) -> KnownRun:
    project, name, number = place
    unit = UnitId.of(project, "agent", name)
    verdict = read(lines_of(found.archive.trailers)) if found.archive is not None else None
    judged = found.archive.parents[0] if found.archive and found.archive.parents else ""
    tip = found.branch.oid if found.branch is not None else judged
    archive = found.archive.oid if found.archive is not None else ""
    run = Run(unit, number, tip)
    if verdict is not None and tip == judged and found.archive is not None:
        ended = _ended(run, verdict, found.archive)
        done = judged if ended.verdict is Verdict.PROMOTED else ""
        return KnownRun(ended, verdict.target or target, found.branch is not None, archive, done)
    promoted = judged if verdict is not None and verdict.verdict is Verdict.PROMOTED else ""
    mine = sight.beyond(tip, promoted)
    began = min((commit.at for commit in mine), default=found.branch.at if found.branch else 0.0)
    run = replace(run, commits=len(mine), began=began)
    known = KnownRun(run, target, archive=archive, promoted=promoted)
    return _state(known, found, sight)


def _ended(run: Run, verdict: Read, archive: Ref) -> Run:
    return replace(
        run,
        base=verdict.base,
        commits=verdict.commits,
        verdict=verdict.verdict,
        result=verdict.result,
        by=verdict.by,
        why=verdict.why,
        began=verdict.began,
        ended=archive.at,
    )


def _state(known: KnownRun, found: Found, sight: _Sight) -> KnownRun:
    """Say of an open run whether it waits for people, is merged, clashes, or is empty."""
    tip = known.run.tip
    pushed = _candidate(found.pushed, tip)
    clashes = found.conflict is not None and found.conflict.parents[:1] == (tip,)
    paths = conflict_paths(found.conflict.trailers) if clashes and found.conflict else ()
    inside = not known.run.commits and bool(sight.target(known.target))
    worked = pushed or _worked(known, found)
    return replace(
        known,
        conflict=paths,
        pushed=pushed,
        landed=tip if inside and worked else "",
        empty=not known.run.commits and not worked,
    )


def _candidate(pushed: Ref | None, tip: str) -> str:
    """Return the candidate that was pushed of this very tip."""
    if pushed is None:
        return ""
    return pushed.oid if ours(pushed.trailers).get("Nova-Recorded") == tip or pushed.oid == tip \
        else ""  # fmt: skip


def _worked(known: KnownRun, found: Found) -> bool:
    """Whether a run's tip is work of this very run, and no commit that it began at."""
    if found.recorded is not None:
        return True
    said = ours(found.branch.trailers) if found.branch is not None else {}
    unit = known.run.unit
    return said.get("Nova-Run") == str(known.run.number) and said.get("Nova-Agent") == str(unit)


def _kept(refs: Iterable[Ref]) -> Iterable[Kept]:
    for ref in refs:
        if ref.name.startswith(KEPT):
            yield Kept(ref.name.removeprefix(KEPT), ref.oid, ref.at, ref.subject)


def _unread(reply: Reply) -> SourceError:
    return SourceError(
        "the runs of this repository cannot be read",
        why=said(reply.err),
        fix="run `git fsck` in the repository and mend what it names",
    )
