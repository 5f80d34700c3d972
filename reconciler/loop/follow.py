"""Which commit is followed: the head, or the one before it and why.

Reads a wish and what is known of it, and lets `core.accept` decide. Never writes anything but how
far history was followed, and that only when a controller says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.core.accept import Facts, decide
from reconciler.core.remotes import choose, related
from reconciler.core.timetable import open_at
from reconciler.loop.cycle import Thought
from reconciler.loop.highwater import HighWater
from reconciler.loop.trial import Trials
from reconciler.loop.wish import Wishes
from reconciler.model.control import SILENT, Consent, Controls, Quarantine, Withheld
from reconciler.model.problems import ConflictError, NovaorchError, SourceError
from reconciler.model.remote import Remote, Tips
from reconciler.model.unit import Desired
from reconciler.ports import Clock, Control, Repository


def _nothing(_text: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Followed:
    """A reader that follows one branch (`loop.cycle.Following`).

    Said to `log`: what a person should know, once. `theirs` returns the commit of a remote's
    branch as it was fetched last; `tips` is what the last `read` found here and there.
    """

    wishes: Wishes
    control: Control
    mark: HighWater
    clock: Clock
    log: Callable[[str], None] = _nothing
    trials: Trials | None = None
    theirs: Callable[[str], str] = lambda _branch: ""
    tips: Tips = field(default_factory=Tips)
    _base: Desired | None = None
    _chosen: str = ""
    _answer: Desired | None = None
    _placed: tuple[Desired, Desired] | None = None
    _said: set[str] = field(default_factory=set)

    @property
    def repository(self) -> Repository:
        """Where the commits are."""
        return self.wishes.repository

    def read(self, revision: str = "", consent: Consent = SILENT) -> Desired:
        """Return what `revision` asks for; '' is the commit that is followed.

        That is the head, or, when it is withheld, the last commit that is not: `withheld` says
        why. SourceError when there is none.
        """
        if revision:
            return self.wishes.read(revision)
        if self.trials is not None:
            self.trials.forget()
        ours = self.wishes.read()
        return self._with_remote(self._read(ours, consent), ours.fleet.remote)

    def _read(self, ours: Desired, consent: Consent) -> Desired:
        accepted = self.mark.read(ours.fleet)
        controls = self.control.read()
        self._chosen = ""
        new = self._of_both(ours, accepted)
        if isinstance(new, Withheld):
            if accepted == ours.commit and _quarantine(controls, ours.tree) is None:
                return self._instead(ours, new)
            return self._instead(self._followed_before(accepted, ours, controls), new)
        quarantine = _quarantine(controls, new.tree)
        if new.commit == accepted and quarantine is None and controls.trial is None:
            self._chosen, self._base = accepted, new
            return new
        base = self._followed_before(accepted or new.commit, new, controls)
        verdict = decide(
            new.commit, accepted, self._facts(accepted, base, new, (controls, consent))
        )
        if isinstance(verdict, Withheld):
            return self._instead(base, verdict)
        desired = self._blended(base, new, controls, consent)
        if desired is new:
            self._chosen = new.commit
        return desired

    def accept(self, desired: Desired) -> None:
        """Raise the mark to the commit that `read` chose last; any other one moves nothing.

        A full disk is said and endured: what is lost is a guard, not an agent. ConflictError:
        somebody else moved it just now.
        """
        if desired.commit != self._chosen:
            return
        try:
            self.mark.set(desired.fleet, desired.commit)
        except ConflictError:
            raise
        except NovaorchError as error:
            self._say(f"how far the branch was followed is not kept: {error.what} ({error.why})")
        self._base = desired

    def remember(self) -> None:
        """Keep what was parsed, and tell the store of the mark: nobody waits for that."""
        self.wishes.remember()
        self.mark.tell()

    def warm(self) -> None:
        """Load now what the first new commit needs."""
        self.wishes.warm()

    def promote(self, desired: Desired) -> None:
        """Follow a commit in full: its trial went well.

        NovaorchError when that cannot be kept: a trial that was forgotten then would begin anew.
        """
        self.mark.set(desired.fleet, desired.commit)
        self._chosen, self._base = desired.commit, desired

    def settle(self, thought: Thought) -> bool:
        """Go on with a trial, once a pass; True when another pass should follow at once."""
        return self.trials.step(thought) if self.trials is not None else False

    def _blended(
        self, base: Desired | None, new: Desired, controls: Controls, consent: Consent
    ) -> Desired:
        """Return what a commit that may be followed asks for; a trial mixes it with `base`.

        The mark moves only for `new` itself.
        """
        if self.trials is None:
            return new
        return self.trials.blended(base or new, new, controls, consent)

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.log(text)

    # -- here and there ------------------------------------------------------------------------

    def _of_both(self, ours: Desired, accepted: str) -> Desired | Withheld:
        """Return what the branch here asks for, or what the remote's does if that is further."""
        remote = ours.fleet.remote
        if remote is None:
            self.tips = Tips(ours.commit)
            return ours
        tips = self.tips
        theirs = self.theirs(remote.branch)
        if (tips.ours, tips.theirs) != (ours.commit, theirs) or tips.doubt:
            tips = self.tips = related(ours.commit, theirs, self.repository.descends)
        chosen = choose(tips, accepted, remote.branch)
        if isinstance(chosen, Withheld) or chosen == ours.commit:
            return chosen if isinstance(chosen, Withheld) else ours
        return self.wishes.read(chosen)

    def _with_remote(self, desired: Desired, remote: Remote | None) -> Desired:
        """Return the wish with the remote that the branch here names: no commit from elsewhere
        sends this host's word to another place."""
        if desired.fleet.remote == remote:
            return desired
        if self._placed is None or self._placed[0] is not desired:
            fleet = replace(desired.fleet, remote=remote)
            self._placed = (desired, replace(desired, fleet=fleet))
            self._say(
                f"commit {desired.commit[:12]} names another remote than the branch here, which is "
                "the one that counts: to follow it there, pull it (git pull)"
            )
        return self._placed[1]

    # -- the decision --------------------------------------------------------------------------

    def _followed_before(self, commit: str, new: Desired, controls: Controls) -> Desired | None:
        """Return the nearest commit, from `commit` back, whose content is not quarantined.

        None when there is none, or when it is not here any more.
        """
        base = self._base
        if base is not None and base.commit == commit and not _quarantine(controls, base.tree):
            return base
        if commit == new.commit and _quarantine(controls, new.tree) is None:
            return None  # nothing was followed before the very first one
        try:
            for at, tree in self.repository.line(commit):
                if tree and not _quarantine(controls, tree):
                    if self._base is None or self._base.commit != at:
                        self._base = self.wishes.read(at)
                    return self._base
        except SourceError:
            return None
        return None

    def _facts(
        self,
        accepted: str,
        base: Desired | None,
        new: Desired,
        said: tuple[Controls, Consent],
    ) -> Facts:
        controls, consent = said
        quarantine = _quarantine(controls, new.tree)
        begun = controls.trial is not None and controls.trial.tree == new.tree
        policy = (base or new).fleet
        descends, doubt = self._descends(accepted, new.commit)
        if accepted and base is None and not doubt:
            doubt = "what was followed cannot be read any more"
        older = "" if doubt else accepted
        unasked = policy.verify.commits == "off"
        opening = open_at(policy.sync.windows, self.clock.now())
        return Facts(
            descends=descends,
            doubt=doubt,
            same=base is not None and new.tree == base.tree,
            unasked=unasked,
            quarantine=quarantine,
            unsigned=None if unasked or quarantine else self._unsigned(older, new, base),
            closed=""
            if opening.open or (begun and opening.overrun)
            else opening.detail or "every window is closed",
            until=opening.until,
            follow_rewinds=base is not None and policy.sync.follow_rewinds,
            consent=consent,
        )

    def _descends(self, accepted: str, head: str) -> tuple[bool, str]:
        if not accepted:
            return True, ""
        try:
            return self.repository.descends(accepted, head), ""
        except SourceError as error:
            return False, f"{error.what} ({error.why}); {error.fix}"

    def _unsigned(self, older: str, new: Desired, base: Desired | None) -> tuple[str, str] | None:
        """Return what the principals of the last commit followed say of a new one."""
        if base is None:
            self._say(f"commit {new.commit[:12]} is the first: its own principals are believed")
        try:
            return self.repository.unsigned(older, new.commit, (base or new).fleet.verify)
        except SourceError as error:
            return new.commit, f"{error.what} ({error.why}); {error.fix}"

    def _instead(self, base: Desired | None, withheld: Withheld) -> Desired:
        """Return what is followed instead; the very same value while nothing changes."""
        if base is None or base.commit == withheld.commit:
            raise SourceError(
                withheld.detail,
                why="no other commit was followed before, so all is left as it is",
                fix=withheld.fix,
            )
        answer = self._answer
        if answer is None or answer.commit != base.commit or answer.withheld != (withheld,):
            self._answer = answer = replace(base, withheld=(withheld,))
        return answer


def _quarantine(controls: Controls, tree: str) -> Quarantine | None:
    """Return what says that this content is not followed again."""
    return next((q for q in controls.quarantined if q.tree == tree), None)
