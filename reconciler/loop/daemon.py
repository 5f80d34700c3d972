"""The daemon: one pass after another. A trigger only shortens the wait; every pass reads anew.

It remembers nothing that matters: kill it at any moment, and the next one sees what this one saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.explain import counted
from reconciler.core.fold import fold
from reconciler.core.retry import Attempts, due, next_due, remember
from reconciler.loop.cycle import Following, Ports, Thought, carry_out, consider
from reconciler.loop.glance import glance, second_halves
from reconciler.loop.meter import Meter
from reconciler.model.action import Action, Outcome, Reason
from reconciler.model.control import SILENT, Consent
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import digest
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.status import Status
from reconciler.ports import Clock, Trigger

DRAIN_LOOK_S = 0.02
"""Between two looks while a process was asked to end, at least: see `_look_s`."""
LOOKS_SHARE = 4
"""A look that took so long is followed by a wait this many times as long."""
EVENT_GAP_S = 0.05
"""The least time between two passes that tmux events ask for: a flood of them stays cheap."""
NEWER = frozenset({"hook", "watch"})
"""Words after which there may be a newer commit."""
PASSES_MAX = 8
"""How many passes follow one trigger at once before the daemon waits again."""

Publish = Callable[[str, Sequence[Status], float], None]
Log = Callable[[str], None]


@dataclass(slots=True)
class Daemon:
    """Keeps one fleet true until it is told to stop.

    `fleet` is the one it took the right to act for; without it, the first one it sees.
    `connect` gives the ports for fleet settings, and is called again when those change.
    `publish` may raise: sessions are reconciled all the same, and the log says so once.
    `consented` takes what a person said on the command line, once. `errands` answers
    the questions that hooks asked; the trigger says `ask` when there are any. `settle` goes on
    with a trial after each pass, and says whether another should follow at once. `meter` counts.
    """

    wishes: Following
    connect: Callable[[FleetSettings], Ports]
    trigger: Trigger
    clock: Clock
    publish: Publish
    log: Log
    consented: Callable[[], Consent] = lambda: SILENT
    errands: Callable[[], None] = lambda: None
    settle: Callable[[Thought], bool] = lambda _thought: False
    meter: Meter = field(default_factory=Meter)
    fleet: FleetSettings | None = None
    _ports: Ports | None = None
    _attempts: Attempts = field(default_factory=dict)
    _passes: int = 0
    _followed: str = ""
    _took_s: float = 0.0
    _draining: bool = False
    _left: bool = False
    _trouble: dict[str, str] = field(default_factory=dict)
    _said: str = ""

    def run(self) -> None:
        """Pass, wait, pass; return when the trigger says `stop`."""
        while True:
            wait_s = self._settle()
            self._flush()
            if self._awaited(wait_s) == "stop":
                return

    def _flush(self) -> None:
        """Make durable what was noted of the passes since the last wait."""
        if self._ports is None:
            return
        try:
            self._ports.chronicle.flush()
        except NovaorchError as error:
            self.meter.unwritten()
            self._note("journal", f"{error.what}; what was done is kept aside. {error.fix}")
        else:
            self.meter.journalled(0)
            self._note("journal", "")

    def _awaited(self, wait_s: float) -> str:
        """Wait for a word that asks for a pass; run errands meanwhile.

        A tmux event waits a little for its like, but not longer than anything more pressing; not
        at all while an end is waited for, which it may well be.
        """
        word = self._heard(wait_s)
        return self._heard(EVENT_GAP_S) if word == "tmux" and not self._draining else word

    def _heard(self, wait_s: float) -> str:
        end, left_s = self.clock.now() + wait_s, wait_s
        while (word := self.trigger.wait(left_s)) == "ask":
            self.errands()
            left_s = max(0.0, end - self.clock.now())
        self.errands()  # a more pressing word may have hidden an `ask`
        return word

    def _settle(self) -> float:
        """Make passes until nothing is due, and return how long to wait."""
        for _ in range(PASSES_MAX):
            wait_s, acted = self._pass()
            if not acted or self.trigger.pressing() == "stop":
                return wait_s
        return DRAIN_LOOK_S

    def _pass(self) -> tuple[float, bool]:
        self._passes += 1
        began = self.clock.now()
        try:
            thought, outcomes = self._converge()
            again = self.settle(thought)
        except NovaorchError as error:
            self._note("pass", f"{error.what} ({error.why}) {error.fix}".strip())
            self.meter.failed(self.clock.now() - began)
            return self._poll_s(), False
        self._note("pass", "")
        now = self.clock.now()
        self.meter.passed(now - began, thought, outcomes, now)
        self._took_s = 0.0 if outcomes else max(0.0, now - began)
        more = self._left or bool(due(thought.plan.moves, self._attempts, now))
        return self._wait_s(thought), (bool(outcomes) and more) or again

    def _converge(self) -> tuple[Thought, list[Outcome]]:
        """Read, think, act, look again; and go on at once with what that look shows, such as the
        second half of a restart. Then tell."""
        consent = self.consented()
        desired = self.wishes.read("", consent)
        ports = self._connected(desired.fleet)
        self._followed = desired.commit
        thought = consider(ports, desired, consent)
        self.wishes.accept(desired)
        outcomes: list[Outcome] = []
        self._left = False
        for _ in range(PASSES_MAX):
            moves = due(thought.plan.moves, self._attempts, self.clock.now())
            if not moves or (outcomes and (self._left or self._overtaken())):
                break
            outcomes += self._act(ports, thought, moves)
            outcomes += self._finished(ports, thought, moves)
            thought = consider(ports, desired)
        ports.chronicle.seen(thought)
        self._tell(thought, outcomes)
        return thought, outcomes

    def _finished(self, ports: Ports, thought: Thought, moves: list[Action]) -> list[Outcome]:
        """Carry out the second halves of moves whose processes ended at once."""
        after = None if self._left else glance(ports, thought, moves)
        rest = second_halves(after, moves) if after is not None else []
        rest = due(rest, self._attempts, self.clock.now())
        if after is None or not rest or self._overtaken():
            return []
        return self._act(ports, after, rest)

    def _act(self, ports: Ports, thought: Thought, moves: list[Action]) -> list[Outcome]:
        now = self.clock.now()
        self.log(f"commit {thought.desired.commit[:12]}: {counted(len(moves), 'move')}")
        outcomes = carry_out(ports, thought, moves, self._told)
        self._attempts = remember(self._attempts, outcomes, now)
        return outcomes

    def _connected(self, fleet: FleetSettings) -> Ports:
        if self.fleet is not None and fleet.name != self.fleet.name:
            raise SourceError(
                f"fleet.yaml names the fleet {fleet.name}; this daemon keeps {self.fleet.name}",
                why="its lock, its store and its marks bear that name, so all is left as it is",
                fix="take the old name back, or end this process and start another",
            )
        if self._ports is None or fleet != self.fleet:
            if self._ports is not None:
                self._ports.host.close()
                self.log("fleet.yaml changed: connecting anew")
            made = self.connect(fleet)
            self._ports, self.fleet = replace(made, overtaken=self._overtaken), fleet
        return self._ports

    def _overtaken(self) -> bool:
        """Whether to leave the rest of a plan for the next one: a newer commit, or the end.

        Hooks that ask something are answered in between. A word without a newer commit is none.
        """
        word = self.trigger.pressing()
        if word == "ask":
            self.errands()
        self._left = word == "stop" or (word in NEWER and self._newer())
        return self._left

    def _newer(self) -> bool:
        try:
            return self.wishes.read().commit != self._followed
        except NovaorchError:
            return False

    def close(self) -> None:
        """Let go of the host. Sessions stay."""
        if self._ports is not None:
            self._ports.host.close()

    # -- telling ----------------------------------------------------------------------------------

    def _told(self, outcome: Outcome) -> None:
        action = outcome.action
        how = "done" if outcome.ok else f"failed: {outcome.error}"
        why = action.detail or action.reason.value
        self.log(f"{action.verb.value} {action.unit} ({why}): {how}")

    def _tell(self, thought: Thought, outcomes: Sequence[Outcome]) -> None:
        holds = [f"held {a.unit}: {a.detail} {a.fix}".rstrip() for a in thought.plan.holds]
        said = "\n".join(line for line in holds if line)
        if said != self._said:
            self._said = said
            for line in holds:
                self.log(line)
        self.wishes.remember()
        statuses = fold(thought.scene, thought.plan, outcomes, self._attempts)
        try:
            self.publish(thought.desired.commit, statuses, self.clock.now())
        except NovaorchError as error:
            self._note("store", f"{error.what}; sessions are kept true all the same. {error.fix}")
        else:
            self._note("store", "")

    def _note(self, about: str, trouble: str) -> None:
        """Log a trouble once when it begins or changes, and once when it is over."""
        before = self._trouble.get(about, "")
        if trouble != before:
            self._trouble[about] = trouble
            self.log(trouble or f"{about}: well again")

    # -- waiting ----------------------------------------------------------------------------------

    def _wait_s(self, thought: Thought) -> float:
        now = self.clock.now()
        self._draining = any(hold.reason is Reason.DRAINING for hold in thought.plan.holds)
        if self._draining:
            return self._look_s()
        ends = [hold.until for hold in thought.plan.holds if hold.until > now]
        soonest = min([*ends, next_due(self._attempts, now)], default=math.inf)
        return max(DRAIN_LOOK_S, min(self._poll_s(), soonest - now))

    def _look_s(self) -> float:
        """How long to wait for something that ends soon. Its end is heard; a look is a backstop,
        and may not cost more than a fifth of a core however many agents there are. A pass that
        seems to have lasted for hours was interrupted: by a sleep of the machine, or its clock."""
        return max(DRAIN_LOOK_S, min(self._poll_s(), LOOKS_SHARE * self._took_s))

    def _poll_s(self) -> float:
        """The poll interval, a tenth up or down, so that many daemons do not march in step."""
        poll_s = self.fleet.poll_s if self.fleet is not None else 5.0
        share = int(digest(self._passes)[:4], 16) / 0xFFFF
        return poll_s * (0.9 + 0.2 * share)
