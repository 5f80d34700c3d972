"""`GitYard`: the repository in which runs are judged (`ports.promotion.Yard`).

Everything is made in the clean room; only `take` and `archive` move refs, each in one transaction.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.judge.candidate import ClashError, Wanted, Workbench
from reconciler.adapters.git.judge.checkouts import Checkouts, Desk
from reconciler.adapters.git.judge.containment import Landing, landed
from reconciler.adapters.git.judge.customs import held
from reconciler.adapters.git.judge.layout import lay_out
from reconciler.adapters.git.judge.runs import HEADS, REMOTE, Runs, Target, list_runs
from reconciler.adapters.git.judge.runwork import begin
from reconciler.adapters.git.judge.verdicts import Change, Verdicts
from reconciler.adapters.git.place import Place
from reconciler.adapters.git.process import GitCommand
from reconciler.adapters.git.seal import Seal
from reconciler.core.verdicts import PUSHED
from reconciler.model.problems import ConflictError, RefusedError
from reconciler.model.promotion import (
    Candidate,
    Checkout,
    Clash,
    Facts,
    KnownRun,
    Move,
    Sentence,
)
from reconciler.model.training import HeldBack, Verdict
from reconciler.model.unit import Training

PROMOTED = "novaorch/promote/"
_SHORT = 10
Push = Callable[[str, str], None]
"""Offers a commit as a branch of the remote; a NovaorchError says why it was not taken."""


class GitYard:
    """One repository. One thread only; close it."""

    def __init__(self, place: Place, now: Callable[[], float], seal: Seal | None = None) -> None:
        self.place, self._now = place, now
        self.room = CleanRoom(place.common_dir)
        self.bench = Workbench(self.room, seal)
        self._git = GitCommand(place.anchor, place.trusted, fenced=True)
        self._verdicts = Verdicts(self.room, self.bench)
        self._desks = Checkouts(self.room, self._git)
        self.targets: Target = {}
        self.usual = ""
        self.push: Push | None = None

    def aim(self, targets: Mapping[tuple[str, str], str], usual: str) -> None:
        """Say which branch the runs of which agent are meant for, and those of all others."""
        self.targets, self.usual = targets, usual

    def runs(self) -> Runs:
        """Return every run there is."""
        return list_runs(self.room, self.targets, self.usual)

    def head(self) -> str:
        """Return the branch that the repository itself is on, '' for none."""
        reply = self._git.run("symbolic-ref", "--quiet", "--short", "HEAD")
        return reply.out.decode("utf-8", "replace").strip()

    def tip_of(self, target: str) -> str:
        """Return the commit of a branch, here or else as the remote has it; '' for none."""
        return (self._tip(HEADS + target) or self._tip(REMOTE + target)) if target else ""

    def place_of(self, known: KnownRun) -> str:
        """Return the work tree that is on a run's branch, '' for none."""
        desk = self._desk_of(known)
        return str(desk.path) if desk is not None else ""

    def unsaved(self, known: KnownRun) -> int:
        """Return how many paths in the work tree of a run no commit has."""
        desk = self._desk_of(known)
        return self._desks.unsaved(desk, known.run.tip) if desk is not None else 0

    def close(self) -> None:
        """End the helpers."""
        self.room.close()

    # -- asking ----------------------------------------------------------------------------------

    def run(self, name: str) -> KnownRun | None:
        """See `Yard.run`."""
        return next((known for known in self.runs().runs if known.name == name), None)

    def facts(self, known: KnownRun, policy: str, *, publish: bool) -> Facts:
        """See `Yard.facts`."""
        here, there = self._tip(HEADS + known.target), self._tip(REMOTE + known.target)
        tip = (there or here) if publish else here
        landing = None if known.empty else self._landing(known, (here, there))
        desk = self._desk_of(known)
        start = known.run.base or begin(self.room, known, here or there)
        return Facts(
            replace(known, run=replace(known.run, base=start)),
            policy,
            target_tip=tip,
            ahead=bool(tip) and self._contains(tip, known.run.tip),
            contained=landing.commit if landing is not None else "",
            landed_by=landing.by if landing is not None else "",
            tree=str(desk.path) if desk is not None else "",
            publish=publish,
        )

    def landing(self, known: KnownRun) -> Landing | None:
        """Return how an open run came into its target without us, None when it did not."""
        tips = (self._tip(HEADS + known.target), self._tip(REMOTE + known.target))
        return self._landing(known, tips)

    def make(self, facts: Facts, move: Move, by: str) -> Candidate | tuple[Clash, ...]:
        """See `Yard.make`."""
        try:
            return self.bench.make(Wanted(facts.known, facts.target_tip, move, by))
        except ClashError as error:
            return error.clashes

    def brings(
        self, known: KnownRun, made: tuple[Candidate, Move], rules: Training
    ) -> tuple[HeldBack, ...]:
        """See `Yard.brings`."""
        return held(self.room, known, made, rules)

    def checkouts(self, facts: Facts, candidate: Candidate) -> tuple[Checkout, ...]:
        """See `Yard.checkouts`."""
        desks = self._desks_on(facts.known.target)
        old = candidate.onto
        if self._tip(HEADS + facts.known.target) != old:
            raise _moved(facts.known.target)
        looked = tuple(self._desks.look(desk, old, candidate.commit) for desk in desks)
        if not any(one.dirty or one.trouble for one in looked):
            for desk in desks:
                self._desks.fits(desk, old, candidate.commit)
        return looked

    def lay_out(self, candidate: Candidate, folder: Path) -> None:
        """Write the candidate's files below an empty folder."""
        lay_out(self.room, candidate.tree, folder)

    # -- doing -----------------------------------------------------------------------------------

    def take(self, sentence: Sentence, candidate: Candidate) -> tuple[str, bool]:
        """See `Yard.take`."""
        with _undisturbed():
            return self._taken(sentence, candidate)

    def _taken(self, sentence: Sentence, candidate: Candidate) -> tuple[str, bool]:
        old, new = candidate.onto, candidate.commit
        desks = self._desks_on(sentence.known.target)
        done: list[Desk] = []
        target = Change(HEADS + sentence.known.target, new, old)
        try:
            for desk in desks:
                self._clean(desk, old, new)
                self._desks.bring(desk, old, new)
                done.append(desk)
            return self._settled(sentence, target)
        except BaseException as error:
            now = self._tip(target.ref)
            for desk in done if now != new else ():
                self._desks.bring(desk, new, old)
            if isinstance(error, RefusedError) and now != old:
                raise _moved(sentence.known.target) from error
            raise

    def archive(self, sentence: Sentence) -> tuple[str, bool]:
        """See `Yard.archive`."""
        return self._settled(sentence, None)

    def clash(self, facts: Facts, clashes: tuple[Clash, ...]) -> None:
        """See `Yard.clash`."""
        self._verdicts.clash(facts.known, facts.target_tip, clashes, self._now())

    def publish(self, facts: Facts, candidate: Candidate) -> str:
        """See `Yard.publish`."""
        if self.push is None:
            raise RefusedError(
                "there is no remote to push to",
                why="fleet.yaml names none",
                fix="name one there (remote: {url: ...}), or promote here, without --push",
            )
        name = PROMOTED + facts.known.name
        before = self._tip(PUSHED + facts.known.name)
        if before not in ("", candidate.commit):  # nothing is ever pushed by force
            name = f"{name}-{candidate.commit[:_SHORT]}"
        self.push(candidate.commit, name)
        self._verdicts.pushed(facts.known, candidate.commit)
        return name

    # -- inside ----------------------------------------------------------------------------------

    def _settled(self, sentence: Sentence, target: Change | None) -> tuple[str, bool]:
        stays = sentence.known.branch and self._desk_of(sentence.known) is not None
        commit = self._verdicts.settle(sentence, target, keep_branch=stays)
        return commit, stays

    def _clean(self, desk: Desk, old: str, new: str) -> None:
        looked = self._desks.look(desk, old, new)
        if looked.dirty or looked.trouble:
            raise RefusedError(
                f"{desk.path} was changed while the gate was asked",
                why=looked.trouble or ", ".join(looked.dirty[:5]),
                fix=looked.fix or "commit it or put it aside, then run the same command again",
            )

    def _landing(self, known: KnownRun, tips: tuple[str, ...]) -> Landing | None:
        if known.run.verdict is Verdict.PROMOTED:
            return None
        for tip in dict.fromkeys(filter(None, tips)):
            found = landed(self.room, self.bench, known, tip)
            if found is not None:
                return found
        return None

    def _desks_on(self, branch: str) -> list[Desk]:
        return [desk for desk in self._desks.desks() if desk.branch == branch]

    def _desk_of(self, known: KnownRun) -> Desk | None:
        found = self._desks_on(known.run.branch)
        return found[0] if found else None

    def _tip(self, ref: str) -> str:
        return self._verdicts.tip(ref)

    def _contains(self, older: str, newer: str) -> bool:
        return self.room.command().run("merge-base", "--is-ancestor", older, newer).ok


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a Ctrl-C wait until files, index and refs go together again."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _moved(target: str) -> ConflictError:
    return ConflictError(
        f"{target} was moved by somebody else meanwhile", fix="run the same command again"
    )
