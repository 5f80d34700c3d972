"""Whether and how a run comes into its target: from what is known to one decision. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from reconciler.core.explain import counted
from reconciler.model.promotion import Checkout, Decision, Facts, KnownRun, Move
from reconciler.model.training import HeldBack, Verdict

_SHOWN = 5
NO_PATH = "git takes no path of this name"
"""Nobody's word lets this through."""


def decide(facts: Facts) -> Decision:
    """Return what is done with a run, or why nothing is and how to mend it."""
    for question in (_before, _nothing, _contained, _no_target, _unsaved, _in_the_way):
        answer = question(facts)
        if answer is not None:
            return answer
    return Decision(_move(facts), notes=_notes(facts))


def _before(facts: Facts) -> Decision | None:
    if facts.known.run.verdict is not Verdict.PROMOTED:
        return None
    return Decision(Move.NOTHING, notes=(_said_before(facts),))


def _nothing(facts: Facts) -> Decision | None:
    if not facts.known.empty or (facts.unsaved and not facts.busy):
        return None
    return Decision(
        Move.REFUSE,
        f"there is nothing in {facts.known.name}",
        "it has no commit that its target lacks",
        "see what there is: novaorch training list",
    )


def _contained(facts: Facts) -> Decision | None:
    if not facts.contained:
        return None
    return Decision(
        Move.ARCHIVE, notes=(f"{facts.known.target} has it already, in {facts.contained[:12]}",)
    )


def _unsaved(facts: Facts) -> Decision | None:
    """Ask for what the agent left unsaved to be saved first; one at work is not waited for."""
    return Decision(Move.NOTHING, record=True) if facts.unsaved and not facts.busy else None


def _move(facts: Facts) -> Move:
    if facts.policy == "merge":
        return Move.MERGE
    if facts.policy == "ff":
        return Move.FORWARD if facts.ahead else Move.REPLAY
    return Move.SQUASH


def _notes(facts: Facts) -> tuple[str, ...]:
    if not facts.unsaved:
        return ()
    return (
        f"what {_agent(facts)} has not committed ({counted(facts.unsaved, 'path')}) stays where it "
        f"is, for its next run (to save it first: novaorch training commit {_agent(facts)})",
    )


def _said_before(facts: Facts) -> str:
    run = facts.known.run
    where = f" as {run.result[:12]}" if run.result else ""
    return f"{facts.known.name} was promoted before{where}, by {run.by or 'somebody'}"


def _no_target(facts: Facts) -> Decision | None:
    if facts.target_tip:
        return None
    target = facts.known.target
    if not target:
        return Decision(
            Move.REFUSE,
            f"nobody says which branch {facts.known.name} is meant for",
            "its manifest names no base, and the repository is on no branch",
            "name one: --into BRANCH, or `workspace: {base: BRANCH}` in the agent's manifest",
        )
    return Decision(
        Move.REFUSE,
        f"there is no branch {target} to promote into",
        "",
        f"make it (git branch {shlex.quote(target)}), or name another one: --into BRANCH",
    )


def _in_the_way(facts: Facts) -> Decision | None:
    """Return the refusal because of a work tree that is on the target, if any."""
    if facts.publish:
        return None
    for checkout in facts.checkouts:
        if checkout.trouble:
            return Decision(
                Move.REFUSE,
                f"{facts.known.target} is checked out in {checkout.path}, where it cannot be moved",
                checkout.trouble,
                checkout.fix,
            )
        if checkout.dirty:
            return Decision(
                Move.REFUSE,
                f"{facts.known.target} is checked out in {checkout.path}, with changes that are "
                "not committed",
                _listed(checkout),
                _put_aside(checkout),
            )
    return None


def _listed(checkout: Checkout) -> str:
    shown = ", ".join(checkout.dirty[:_SHOWN])
    more = len(checkout.dirty) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _put_aside(checkout: Checkout) -> str:
    place = shlex.quote(checkout.path)
    return (
        f"commit them (git -C {place} commit --all), or put them aside (git -C {place} stash push "
        "--include-untracked), then run the same command again"
    )


def customs(known: KnownRun, held: Sequence[HeldBack], allow: Collection[str]) -> Decision | None:
    """Return the refusal because of paths that policy keeps out, unless each is allowed by name."""
    left = [one for one in held if one.path not in allow or one.why == NO_PATH]
    if not left:
        return None
    shown = "; ".join(f"{one.path} ({one.rule}: {one.why})" for one in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN} more" if left[_SHOWN:] else ""
    words = " ".join(f"--allow {shlex.quote(one.path)}" for one in left)
    return Decision(
        Move.REFUSE,
        f"{known.name} would bring what agents' work may not hold: {counted(len(left), 'path')}",
        shown + more,
        f"have its agent take it out, or, if you have looked at it: novaorch training promote "
        f"{known.name} {words}",
    )


def _agent(facts: Facts) -> str:
    unit = facts.known.run.unit
    return f"{unit.project}/{unit.name}"
