"""One way to a remote and back: fetch, then push what is new, and keep what became of it.

Never raises for a remote's sake, never repeats in a loop what was refused. Whoever calls waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core import remotes
from reconciler.model.problems import NovaorchError
from reconciler.model.remote import (
    Counted,
    Fetched,
    Offer,
    Pushed,
    Refusal,
    Relation,
    Remote,
    RemoteState,
    Tips,
)
from reconciler.ports import Clock
from reconciler.ports.remotes import RemoteDoor

TRAINING, DESIRED = "training", "desired"


def _quiet(_text: str) -> None:
    """Say nothing."""


def _unkept(_state: RemoteState) -> None:
    """Keep nothing."""


@dataclass(slots=True)
class Exchange:
    """What goes on between the repository and one remote.

    `note` keeps each new state for whoever looks from outside. `known` tells the two tips as the
    last pass saw them, and the commit that it followed. `fresh` is called when something came.
    """

    remote: Remote
    door: RemoteDoor
    clock: Clock
    known: Callable[[], tuple[Tips, str]] = lambda: (Tips(), "")
    log: Callable[[str], None] = _quiet
    note: Callable[[RemoteState], None] = _unkept
    fresh: Callable[[], None] = lambda: None
    state: RemoteState = field(default_factory=RemoteState)
    counted: Counted = field(default_factory=Counted)
    over: bool = False
    _there: dict[str, str] | None = None
    _refused: dict[str, Refusal] = field(default_factory=dict)
    _lost: str = ""
    _said: dict[str, str] = field(default_factory=dict)

    def step(self) -> float:
        """Go there and back once; return how long to wait for the next time, in seconds."""
        began = self.clock.now()
        try:
            fetched = self.door.fetch()
        except NovaorchError as error:
            self._fetches("failed", began)
            self._failed(error)
        else:
            self._fetches("ok", began)
            self._came(fetched)
            self._push()
        return max(0.0, self.state.next - self.clock.now())

    def close(self) -> None:
        """End what is under way; nothing is said of it any more."""
        self.over = True
        self.door.close()

    # -- from there --------------------------------------------------------------------------------

    def _failed(self, error: NovaorchError) -> None:
        now = self.clock.now()
        state = replace(
            self.state,
            url=self.remote.url,
            branch=self.remote.branch,
            failures=self.state.failures + 1,
            since=self.state.since or now,
            trouble=f"{error.what} ({error.why})" if error.why else error.what,
            fix=error.fix,
        )
        self._keep(replace(state, next=remotes.next_try(self.remote, state, 0, now)))
        self._say("fetch", f"{state.trouble}; {state.fix}")

    def _came(self, fetched: Fetched) -> None:
        now, self._lost = self.clock.now(), fetched.lost
        state = replace(
            self.state,
            url=self.remote.url,
            branch=self.remote.branch,
            tip=fetched.tip,
            fetched=now,
            failures=0,
            since=0.0,
            trouble="",
            fix="",
        )
        count = sum(self.counted.fetches.values())
        state = replace(state, next=remotes.next_try(self.remote, state, count, now))
        self._keep(self._measured(state))
        self._say("fetch", "")
        if fetched.tip != fetched.before:
            self.log(f"remote: {self.remote.branch} is at {fetched.tip[:12]}")
            self.fresh()

    def _measured(self, state: RemoteState) -> RemoteState:
        ours = self.known()[0].ours
        if not ours or ours == state.tip:
            return replace(state, ahead=0, behind=0)
        try:
            ahead, behind = self.door.apart(ours, state.tip)
        except NovaorchError:
            return state
        return replace(state, ahead=ahead, behind=behind)

    # -- to there ----------------------------------------------------------------------------------

    def _push(self) -> None:
        """Offer what is new. A remote that does not answer is asked again the next time."""
        try:
            if DESIRED in self.remote.push:
                self._push_branch()
            if TRAINING in self.remote.push:
                self._push_work()
        except NovaorchError as error:
            self._pushes("failed")
            trouble = f"nothing can be pushed: {error.what} ({error.why}); {error.fix}"
            self._keep(replace(self.state, push_trouble=trouble))
            self._say("push", trouble)
            return
        self._keep(replace(self.state, push_trouble="", refused=self._listed()))
        self._say("push", "")

    def _push_branch(self) -> None:
        tips, followed = self.known()
        ref = f"refs/heads/{self.remote.branch}"
        held = ""
        if tips.relation is Relation.AHEAD and tips.theirs == self.state.tip:
            lost = bool(self._lost) and self.door.contains(self._lost, tips.ours)
            held = remotes.withheld_push(self.remote, tips, followed, lost)
            if not held and self._offer({ref: tips.ours}, {}):
                self._keep(replace(self.state, tip=tips.ours, ahead=0))
        elif tips.relation in (Relation.SAME, Relation.BEHIND):
            self._refused.pop(ref, None)
        self._keep(replace(self.state, held=held))
        self._say("branch", held)

    def _push_work(self) -> None:
        outgoing = self.door.outgoing()
        if outgoing and self._there is None:
            self._there = dict(self.door.there())
        there = self._there if self._there is not None else {}
        for offer in self._offer(outgoing, there):
            there[offer.ref] = offer.commit

    def _offer(self, outgoing: Mapping[str, str], there: Mapping[str, str]) -> list[Offer]:
        """Offer what is not there yet; return what the remote has now. What it refuses is said
        once, and remembered."""
        offers = remotes.unsent(outgoing, there, self._refused, self.clock.now())
        answers: Sequence[Pushed] = self.door.push(offers) if offers else ()
        now = self.clock.now()
        for pushed in answers:
            offer = pushed.offer
            self._pushes(pushed.answer.value)
            if pushed.ok:
                self._refused.pop(offer.ref, None)
                self._keep(replace(self.state, pushed=now))
                continue
            said = Refusal(offer.ref, offer.commit, pushed.why, pushed.fix, now)
            self._refused[offer.ref] = said
            self.log(f"remote: {offer.ref} was refused: {pushed.why}; {pushed.fix}")
        return [pushed.offer for pushed in answers if pushed.ok]

    def _listed(self) -> tuple[Refusal, ...]:
        return tuple(self._refused[ref] for ref in sorted(self._refused))

    # -- telling -----------------------------------------------------------------------------------

    def _keep(self, state: RemoteState) -> None:
        if self.over or state == self.state:
            return
        self.state = state
        try:
            self.note(state)
        except NovaorchError as error:
            self._say("note", f"its state is not kept: {error.what} ({error.why})")

    def _say(self, about: str, text: str) -> None:
        """Log a trouble once when it begins or changes, and once when it is over."""
        if self.over or text == self._said.get(about, ""):
            return
        self._said[about] = text
        self.log(f"remote: {text or f'{about}: well again'}")

    def _fetches(self, result: str, began: float) -> None:
        old = self.counted
        fetches = {**old.fetches, result: old.fetches.get(result, 0) + 1}
        took_s = max(0.0, self.clock.now() - began)
        self.counted = replace(old, fetches=fetches, took_s=took_s)

    def _pushes(self, result: str) -> None:
        old = self.counted
        pushes = {**old.pushes, result: old.pushes.get(result, 0) + 1}
        self.counted = replace(old, pushes=pushes)
