"""Trials: a commit that changes many is begun on some, judged, and then followed or taken back.

All that is known of a trial is in the control ref and on the panes: kill it at any moment, and the
next one goes on where this one was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core.bake import Baking, Promote, judge
from reconciler.core.canary import awaiting, blend, changed, chosen, lots
from reconciler.loop.cycle import Thought
from reconciler.model.control import Consent, Controls, Quarantine, Trial
from reconciler.model.fleet import Canary
from reconciler.model.problems import ConflictError, NovaorchError
from reconciler.model.unit import Desired
from reconciler.ports import Control

OURS = "novaorch"


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Case:
    """Two wishes that are apart: what was followed last, and what may be followed next."""

    base: Desired
    new: Desired
    canary: Canary


@dataclass(slots=True)
class Trials:
    """Begins, judges and ends trials, one at a time.

    `read` reads a commit, `promote` marks a commit as followed. `revert` makes a commit that takes
    one back, because of a reason; what it cannot do is logged: the quarantine holds all the same.
    """

    control: Control
    read: Callable[[str], Desired]
    promote: Callable[[Desired], None]
    revert: Callable[[Trial, str], None] = _nothing
    log: Callable[[str], None] = _nothing
    _case: Case | None = None
    _free: str = ""
    _weighed: tuple[Desired, Desired, bool] | None = None
    _answer: tuple[Desired, Desired, Trial | None, Desired] | None = None

    def forget(self) -> None:
        """A new pass begins: what the last one was about may be over."""
        self._case = None

    def blended(self, base: Desired, new: Desired, said: Controls, consent: Consent) -> Desired:
        """Return what is wished for now that `new` may be followed after `base`.

        `new` itself when it needs no trial, or when a person says `now`. The same value while
        nothing changes.
        """
        if self._free != new.tree:
            self._free = ""
        canary = base.fleet.sync.canary
        if canary is None or consent.now or new.tree in (base.tree, self._free):
            return new
        if not self._many(base, new, canary):
            return new
        self._case = Case(base, new, canary)
        return self._mixed(self._case, said.trial)

    def step(self, thought: Thought) -> bool:
        """Go on with the trial, once a pass; True when another pass should follow at once.

        `thought` is what came of the wish that was read last. Any error: nothing was lost, the
        next pass tries again.
        """
        try:
            return self._step(thought)
        except ConflictError:
            return True  # a person said something just now: it is read first

    def _step(self, thought: Thought) -> bool:
        said, case = self.control.read(), self._case
        if case is None:
            return said.trial is not None and self._over(said, said.trial)
        trial, now = said.trial, thought.scene.world.taken_at
        if trial is None or not _about(trial, case) or now < trial.began - 1:
            return self._begin(case, said, thought)
        if thought.desired is not self._mixed(case, trial):
            return True  # it was begun elsewhere, after this pass had read
        verdict = judge(trial, case.canary, thought.scene, thought.plan)
        if isinstance(verdict, Baking):
            return False
        if isinstance(verdict, Promote):
            self.promote(case.new)
            self.log(f"commit {trial.commit[:12]} went well on trial: all follow")
            return self._over(said, trial)
        return self._reverted(case, said, trial, (verdict.why, now))

    def _many(self, base: Desired, new: Desired, canary: Canary) -> bool:
        """Whether so much changes that a trial may be needed; worked out once for two wishes."""
        last = self._weighed
        if last is None or last[0] is not base or last[1] is not new:
            last = self._weighed = (base, new, len(changed(base, new)) > canary.above)
        return last[2]

    def _mixed(self, case: Case, trial: Trial | None) -> Desired:
        last = self._answer
        if last is not None and last[:3] == (case.base, case.new, trial):
            return last[3]
        made = self._mix(case, trial)
        self._answer = (case.base, case.new, trial, made)
        return made

    def _mix(self, case: Case, trial: Trial | None) -> Desired:
        if trial is None or trial.base != case.base.commit:
            return awaiting(case.base, case.new)
        if _about(trial, case):
            return blend(case.base, case.new, trial, case.canary)
        try:  # until the newer commit has a trial of its own, its predecessor's goes on
            older = self.read(trial.commit)
        except NovaorchError:
            return awaiting(case.base, case.new)
        if older.tree != trial.tree:
            return awaiting(case.base, case.new)
        return blend(case.base, older, trial, case.canary)

    def _begin(self, case: Case, said: Controls, thought: Thought) -> bool:
        """Choose who goes first from what runs now; nobody, when few do."""
        scene, new = thought.scene, case.new
        live = {unit for unit in scene.match.panes if scene.match.alive(unit)}
        before = said.trial.units if said.trial is not None else ()
        units = chosen(lots(case.base, new, live), new.tree, case.canary, before)
        if not units:
            self._free = new.tree
            return said.trial is None or self._over(said, said.trial)
        trial = Trial(new.commit, case.base.commit, units, scene.world.taken_at, new.tree)
        self.control.write(replace(said, trial=trial), f"try {new.commit[:12]} on some first")
        self.log(f"commit {new.commit[:12]} is tried on {', '.join(units)} first")
        return True

    def _over(self, said: Controls, trial: Trial) -> bool:
        self.control.write(replace(said, trial=None), f"the trial of {trial.commit[:12]} is over")
        return True

    def _reverted(self, case: Case, said: Controls, trial: Trial, found: tuple[str, float]) -> bool:
        """Put the content into quarantine, which holds all on the old wish; then take it back in
        the branch, too, so that whoever reads it sees why."""
        why, now = found
        reason = f"on trial, {why}"
        others = tuple(one for one in said.quarantined if one.tree != case.new.tree)
        bad = Quarantine(case.new.commit, case.new.tree, reason, OURS, now)
        made = replace(said, trial=None, quarantined=(*others, bad))
        self.control.write(made, f"quarantine {case.new.commit[:12]}: {reason}")
        self._case = None
        self.log(f"commit {case.new.commit[:12]} is taken back: {reason}")
        try:
            self.revert(replace(trial, commit=case.new.commit), reason)
        except NovaorchError as error:
            self.log(f"no commit takes it back: {error.what} ({error.why}) {error.fix}".strip())
        return True


def _about(trial: Trial, case: Case) -> bool:
    """Whether this is the trial of this very content, begun on this very base."""
    return (trial.tree, trial.base) == (case.new.tree, case.base.commit)
