"""The doors to where runs are judged: facts, candidates, and moving a branch."""

from __future__ import annotations

from typing import Protocol

from reconciler.model.promotion import (
    Candidate,
    Checkout,
    Clash,
    Facts,
    KnownRun,
    Move,
    Proof,
    Sentence,
)
from reconciler.model.training import HeldBack
from reconciler.model.unit import Training


class Yard(Protocol):
    """One repository whose runs are judged. One thread; the queue's turn is had by the caller."""

    def run(self, name: str) -> KnownRun | None:
        """Return a run by its full name (`shop/torch/3`), as it is now."""
        ...

    def facts(self, known: KnownRun, policy: str, *, publish: bool) -> Facts:
        """Return what git knows; work trees on the target are looked at by `checkouts`."""
        ...

    def make(self, facts: Facts, move: Move, by: str) -> Candidate | tuple[Clash, ...]:
        """Make the candidate; moves nothing. What clashes is returned, with its commits."""
        ...

    def brings(
        self, known: KnownRun, made: tuple[Candidate, Move], rules: Training
    ) -> tuple[HeldBack, ...]:
        """Return what a candidate would bring although the policy keeps it out."""
        ...

    def checkouts(self, facts: Facts, candidate: Candidate) -> tuple[Checkout, ...]:
        """Look at every work tree that is on the target. RefusedError: something is in the way."""
        ...

    def take(self, sentence: Sentence, candidate: Candidate) -> tuple[str, bool]:
        """Bring work trees along, move the target and archive the run, all or nothing.

        Return the verdict's commit, and whether the run's branch stays. ConflictError: somebody
        moved the target meanwhile; everything is as it was.
        """
        ...

    def archive(self, sentence: Sentence) -> tuple[str, bool]:
        """Write a verdict down without moving any target."""
        ...

    def clash(self, facts: Facts, clashes: tuple[Clash, ...]) -> None:
        """Remember that a run conflicts with its target, until something is added to it."""
        ...

    def publish(self, facts: Facts, candidate: Candidate) -> str:
        """Push the candidate as a branch for people; return its name."""
        ...


class Prover(Protocol):
    """Who runs a gate's commands on a candidate, outside of everybody's work trees."""

    def prove(self, facts: Facts, candidate: Candidate) -> Proof:
        """Run them one after another; the first that fails ends it."""
        ...


class Bench(Protocol):
    """What is known of an agent at work, beside git."""

    def unsaved(self, known: KnownRun) -> tuple[int, bool]:
        """Return how many paths in its tree no commit has, and whether the agent is busy."""
        ...

    def record(self, known: KnownRun) -> str:
        """Have them committed; return '' when they were, else why not."""
        ...
