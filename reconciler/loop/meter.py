"""Counts what the loop does, for whoever asks at the gate. Never waits, never reads an hour."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.metrics import BLOCKS, Measured
from reconciler.loop.cycle import Thought
from reconciler.model.action import Action, Outcome, Plan, Reason, Verb


class Meter:
    """What a controller counted since it started.

    One thread passes; any thread may look, and gets a whole value: it is replaced, not changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measured = Measured()
        self._plan: Plan | None = None
        self._commit = ""
        self._seen_at = 0.0
        self._settled = False

    def passed(
        self, took_s: float, thought: Thought, outcomes: Sequence[Outcome], now: float
    ) -> None:
        """Count a pass that ended at `now`; `thought` is what was still to be done after it."""
        healed = sum(self._heals(outcome, thought.desired.commit) for outcome in outcomes)
        fates = Counter((o.action.verb.value, _fate(o)) for o in outcomes)
        with self._lock:
            old = self._measured
            self._plan = thought.plan
            self._measured = replace(
                old,
                passes=_more(old.passes, _result(outcomes)),
                took=old.took.with_value(took_s),
                actions=Counter(old.actions) + fates if fates else old.actions,
                heals=old.heals + healed,
                last_pass=now,
                leased=thought.scene.restraints.leased,
                withheld=thought.desired.withheld,
            )
            self._follow(thought, now - max(0.0, took_s), now)

    def failed(self, took_s: float) -> None:
        """Count a pass that could not be made: nobody knows what is."""
        with self._lock:
            old = self._measured
            passes = _more(old.passes, "error")
            self._measured = replace(old, passes=passes, took=old.took.with_value(took_s))

    def leased(self, epoch: int) -> None:
        """Note the epoch of the lease; whether it is held, each pass says."""
        self._note(epoch=epoch)

    def stored(self, *, up: bool) -> None:
        """Note whether the store answered."""
        self._note(store_up=up)

    def journalled(self, pending: int) -> None:
        """Note how many times in a row the journal could not be written."""
        self._note(journal=pending)

    def unwritten(self) -> None:
        """Note that the journal could not be written, once more."""
        self._note(journal=self.measured.journal + 1)

    @property
    def measured(self) -> Measured:
        """Everything that was counted."""
        with self._lock:
            measured, plan = self._measured, self._plan
        return replace(measured, blocked=_blocked(plan) if plan is not None else {})

    # -- inside ------------------------------------------------------------------------------------

    def _note(self, **values: int | bool) -> None:
        with self._lock:
            self._measured = replace(self._measured, **values)  # type: ignore[arg-type]

    def _heals(self, outcome: Outcome, commit: str) -> bool:
        """Whether a move mended what no commit had asked for."""
        action = outcome.action
        if not outcome.ok or action.continues:
            return False
        return action.reason is Reason.EXITED or (self._settled and commit == self._commit)

    def _follow(self, thought: Thought, began: float, now: float) -> None:
        """Count once, for each commit that came while this daemon ran, how long it took.

        How long the first commit had waited says nothing about this daemon.
        """
        desired = thought.desired
        if desired.commit != self._commit:
            self._seen_at = began if self._commit else 0.0
            self._commit, self._settled = desired.commit, False
        if self._settled or any(map(_is_left, thought.plan.actions)):
            return
        self._settled = True
        if not self._seen_at:
            return
        old = self._measured
        converged = old.converged
        if desired.committed:
            converged = converged.with_value(now - desired.committed)
        noticed = old.noticed.with_value(now - self._seen_at)
        self._measured = replace(old, converged=converged, noticed=noticed)


def _is_left(action: Action) -> bool:
    """Whether an action is still to be done for the commit that is followed."""
    return action.reason is not Reason.WITHHELD


def _result(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "idle"
    return "acted" if all(outcome.ok for outcome in outcomes) else "failed"


def _fate(outcome: Outcome) -> str:
    if outcome.stale:
        return "stale"
    return "done" if outcome.ok else "failed"


def _more(counts: Mapping[str, int], name: str) -> dict[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}


def _blocked(plan: Plan) -> dict[str, int]:
    reasons = (a.reason.value for a in plan.actions if a.verb is Verb.HOLD and a.reason in BLOCKS)
    return dict(Counter(reasons))
