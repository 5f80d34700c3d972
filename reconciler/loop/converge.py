"""Apply: carry out one plan to its end, drains included, and look again before saying so."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.plan import fingerprint
from reconciler.loop.cycle import Ports, Tell, Thought, carry_out, consider
from reconciler.model.action import Action, Outcome, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.problems import StalePlanError

PATIENCE_S = 0.02
"""How long to wait between two looks at a process that was asked to end."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """How an apply went: every outcome, and what a fresh look says afterwards."""

    outcomes: tuple[Outcome, ...]
    after: Thought

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The actions that were not carried out."""
        return tuple(outcome for outcome in self.outcomes if not outcome.ok)


@dataclass(slots=True)
class _Job:
    """The units that the printed plan named: only their follow-ups belong to this apply."""

    units: set[UnitId]
    tried: set[str] = field(default_factory=set)


def converge(ports: Ports, thought: Thought, tell: Tell, limit_s: float = 600.0) -> Convergence:
    """Carry out the plan, follow its drains to their end, and return what is true afterwards.

    Follow-ups are moves of units that the plan named: the second half of a restart or stop, and,
    once each, starts that waited for one, updates that could only then be seen, and the end of work
    trees whose agents have ended. Anything else
    that a later look would do, such as a restart of what fell meanwhile, is left to the next apply.
    """
    job = _Job({action.unit for action in thought.plan.actions})
    outcomes = carry_out(ports, thought, thought.plan.moves, tell)
    deadline = ports.clock.now() + limit_s
    while True:
        after = consider(ports, thought.desired)
        if any(not outcome.ok for outcome in outcomes) or ports.clock.now() > deadline:
            return Convergence(tuple(outcomes), after)
        follow = [action for action in after.plan.moves if _follows(job, action)]
        if follow:
            outcomes += carry_out(ports, after, follow, tell)
        elif any(action.reason is Reason.DRAINING for action in after.plan.holds):
            ports.clock.sleep(PATIENCE_S)
        else:
            return Convergence(tuple(outcomes), after)


def _follows(job: _Job, action: Action) -> bool:
    if action.unit not in job.units:
        return False
    if action.continues:
        return True
    begun = action.reason is Reason.ABSENT or action.verb is Verb.UPDATE
    if not begun and action.unit.kind != "workspace":
        return False
    name = fingerprint(action)
    fresh = name not in job.tried
    job.tried.add(name)
    return fresh


def select(saved: frozenset[str], thought: Thought) -> tuple[Action, ...]:
    """Return the moves of `thought` that a saved plan names; StalePlanError unless all are there.

    `saved` holds fingerprints: each names the wish, the reason and the very process expected.
    """
    moves = tuple(a for a in thought.plan.moves if fingerprint(a) in saved)
    if len(moves) != len(saved):
        missing = len(saved) - len(moves)
        raise StalePlanError(
            "the saved plan is stale",
            why=f"{missing} of its {len(saved)} actions no longer fit the commit or what runs",
            fix="make a new one: novaorch diff --out PLAN",
        )
    return moves
