"""Verdicts on runs: kept for ever on refs of their own, in one breath with what they decided.

One transaction moves the target, keeps the run under its verdict and lets its branch go. No ref is
moved that is not what it was read to be, and nothing is forgotten: a verdict has the one before it
as its last parent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.judge.candidate import OURS, Workbench
from reconciler.adapters.git.process import said
from reconciler.core.verdicts import ARCHIVE, CONFLICT, PUSHED, conflict_message, message
from reconciler.model.problems import ConflictError, SourceError
from reconciler.model.promotion import Clash, KnownRun, Sentence

_PERSON = re.compile(r"[^<>\0\n]+ <[^<>\0\n]*>")
# A power cut must not leave a ref whose commit was never written.
_DURABLE = ("-c", "core.fsync=committed,loose-object")


@dataclass(frozen=True, slots=True)
class Change:
    """One ref: what it is to be ('': gone), and what it must be now ('': not there)."""

    ref: str
    new: str
    old: str


class Verdicts:
    """Writes what became of runs. One thread only."""

    def __init__(self, room: CleanRoom, bench: Workbench) -> None:
        self._room, self._bench = room, bench

    def settle(self, said: Sentence, target: Change | None, *, keep_branch: bool) -> str:
        """Write a verdict, move the target, let the branch go; return the verdict's commit.

        All or nothing. ConflictError: somebody moved one of these refs meanwhile.
        """
        known = said.known
        commit = self.commit(said)
        changes = [target] if target is not None else []
        changes.append(Change(ARCHIVE + known.name, commit, known.archive))
        if known.branch and not keep_branch:
            changes.append(Change(f"refs/heads/{known.run.branch}", "", known.run.tip))
        changes += self._forgotten(known)
        self.move(changes, f"novaorch: {said.verdict.value} {known.name}")
        return commit

    def commit(self, said: Sentence) -> str:
        """Write the commit of a verdict: the run's tip comes first among its parents."""
        tip = said.known.run.tip
        tree = self._bench.commit(tip).tree
        result = said.result if said.result != tip else ""
        parents = list(dict.fromkeys(filter(None, (tip, result, said.known.archive))))
        person = said.by if _PERSON.fullmatch(said.by) else OURS
        return self._bench.write(tree, parents, message(said), (person, said.at))

    def clash(self, known: KnownRun, onto: str, clashes: Sequence[Clash], at: float) -> None:
        """Remember that a run conflicts, until something is added to it."""
        tree = self._bench.commit(known.run.tip).tree
        told = conflict_message(known.name, known.target, [clash.path for clash in clashes])
        commit = self._bench.write(tree, [known.run.tip, onto], told, (OURS, at))
        name = CONFLICT + known.name
        self.move([Change(name, commit, self.tip(name))], f"novaorch: {known.name} conflicts")

    def pushed(self, known: KnownRun, candidate: str) -> None:
        """Remember the candidate of a run that people are to merge."""
        name = PUSHED + known.name
        self.move([Change(name, candidate, self.tip(name))], f"novaorch: push {known.name}")

    def tip(self, ref: str) -> str:
        """Return what a ref names, '' when there is none."""
        reply = self._room.command().run("for-each-ref", "--format=%(refname) %(objectname)", ref)
        for line in reply.out.decode("utf-8", "replace").splitlines():
            name, _, oid = line.partition(" ")
            if name == ref:
                return oid
        return ""

    def move(self, changes: Sequence[Change], why: str) -> None:
        """Move refs, all or none. ConflictError: one of them is not what it was read to be."""
        lines = ["start", *(_line(one, self._room.object_format) for one in changes)]
        given = "\n".join([*lines, "prepare", "commit", ""]).encode()
        reply = self._room.command().run(
            *_DURABLE, "update-ref", "--no-deref", "-m", why, "--stdin", given=given
        )
        if reply.ok:
            return
        moved = [one.ref for one in changes if self.tip(one.ref) != one.old]
        if moved:
            raise ConflictError(
                f"{moved[0]} was moved by somebody else meanwhile",
                why=said(reply.err),
                fix="run the same command again",
            )
        raise SourceError(
            "git would not write down the verdict",
            why=said(reply.err),
            fix="look at the disk, and at who owns the folder .git; a file that ends in .lock and "
            "that no git process holds may be deleted",
        )

    def _forgotten(self, known: KnownRun) -> list[Change]:
        """Return that notes on an open run go with its verdict."""
        found = [(prefix + known.name) for prefix in (CONFLICT, PUSHED)]
        return [Change(name, "", tip) for name in found if (tip := self.tip(name))]


def _line(change: Change, object_format: str) -> str:
    nothing = "0" * (64 if object_format == "sha256" else 40)
    if not change.new:
        return f"delete {change.ref} {change.old}"
    return f"update {change.ref} {change.new} {change.old or nothing}"
