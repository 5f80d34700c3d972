"""One pass: read once, think, act. A dry run is the same call without its second half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reconciler.core.diff import scene_of
from reconciler.core.engaged import disturbed
from reconciler.core.inquire import Applied, Questions, believed, inquire
from reconciler.core.order import waves
from reconciler.core.plan import plan as make_plan
from reconciler.core.scene import Scene
from reconciler.core.stamp import stamp
from reconciler.core.urgency import portions
from reconciler.loop.grounds import Grounds, NoWorkshop
from reconciler.model.action import Action, Outcome, Plan
from reconciler.model.control import FREE, SILENT, Consent, Restraints
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Desired
from reconciler.model.world import Facts, World
from reconciler.ports import Clock, Host, Order, Receipt
from reconciler.ports.workspaces import Workshop

PORTION = 50
"""How many orders go out before somebody else gets a word in: about a tenth of a second's work."""
Tell = Callable[[Outcome], None]
"""Told of each outcome as it happens."""


class Reader(Protocol):
    """Reads what is wished for; `loop.wish.Wishes` is the one outside of tests."""

    def read(self, revision: str = "", consent: Consent = SILENT) -> Desired:
        """Return what a revision asks for; '' is the commit that is followed."""
        ...


class Following(Reader, Protocol):
    """A reader that a controller follows, commit by commit."""

    def accept(self, desired: Desired) -> None:
        """Note that this commit is followed from now on: nothing older is, without a word."""
        ...

    def remember(self) -> None:
        """Keep what was parsed for the next process."""
        ...


class Chronicler(Protocol):
    """Keeps what is done; `loop.chronicle.Chronicle` is the one outside of tests."""

    def intend(self, thought: Thought, moves: Sequence[Action]) -> None:
        """Note what is about to be done."""
        ...

    def done(self, thought: Thought, outcomes: Sequence[Outcome]) -> None:
        """Note what became of it."""
        ...

    def seen(self, thought: Thought) -> None:
        """Note what is there otherwise than was noted, after each pass."""
        ...

    def flush(self) -> None:
        """Make what was noted durable for ever."""
        ...


class Unwritten:
    """A chronicler that keeps nothing: for a look, or a test of something else."""

    def intend(self, thought: Thought, moves: Sequence[Action]) -> None:
        """Keep nothing."""

    def done(self, thought: Thought, outcomes: Sequence[Outcome]) -> None:
        """Keep nothing."""

    def seen(self, thought: Thought) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """Nothing was kept."""


@dataclass(frozen=True, slots=True)
class Thought:
    """What was read and what follows from it."""

    scene: Scene
    plan: Plan

    @property
    def desired(self) -> Desired:
        """What is wished for."""
        return self.scene.desired


@dataclass(slots=True)
class Quiet:
    """The last thought after which nothing was to be done: the same wish and world need no other.

    A plan without any action does not depend on the hour: whatever does is at least a hold.
    """

    last: Thought | None = None

    def again(self, desired: Desired, world: World, restraints: Restraints) -> Thought | None:
        """Return that thought with a new hour, if all are the very values it was about.

        A suspension is over at an hour of its own, so with one there is always something to think.
        """
        if self.last is None or self.last.desired is not desired:
            return None
        if restraints.suspensions or restraints != self.last.scene.restraints:
            return None
        old = self.last.scene.world
        if old.sessions is not world.sessions or old.server != world.server:
            return None
        if old.workspaces is not world.workspaces:
            return None
        return replace(self.last, scene=replace(self.last.scene, world=world))

    def keep(self, thought: Thought) -> Thought:
        """Remember a thought if it was a quiet one."""
        self.last = thought if not thought.plan.actions else None
        return thought


@dataclass(frozen=True, slots=True)
class Ports:
    """What a pass needs of the outside, and the last quiet thought.

    `restraints` tells what holds moves back at an hour; `chronicle` keeps what is done;
    `overtaken` says whether something newer than the plan at hand has come; `workshop` is where
    agents' work trees are.
    """

    host: Host
    wishes: Reader
    clock: Clock
    quiet: Quiet = field(default_factory=Quiet)
    restraints: Callable[[float], Restraints] = lambda _now: FREE
    overtaken: Callable[[], bool] = lambda: False
    chronicle: Chronicler = field(default_factory=Unwritten)
    workshop: Workshop = field(default_factory=NoWorkshop)

    @property
    def grounds(self) -> Grounds:
        """Sessions and work trees, as one."""
        return Grounds(self.host, self.workshop)


def think(ports: Ports, revision: str = "", consent: Consent = SILENT) -> Thought:
    """Read the wish and the world once and return the plan. Touches nothing."""
    return consider(ports, ports.wishes.read(revision, consent), consent)


def consider(ports: Ports, desired: Desired, consent: Consent = SILENT) -> Thought:
    """Return the plan for a wish that was read already."""
    now = ports.clock.now()
    world, restraints = ports.grounds.photograph(now, desired), ports.restraints(now)
    known = ports.quiet.again(desired, world, restraints)
    if known is not None:
        return known
    return ports.quiet.keep(ponder(ports, scene_of(desired, world, restraints, consent)))


def ponder(ports: Ports, scene: Scene) -> Thought:
    """Ask what a scene does not show, and plan."""
    scene = replace(scene, world=replace(scene.world, facts=_facts(ports, scene)))
    return _considerate(ports, Thought(scene, make_plan(scene)))


def _considerate(ports: Ports, thought: Thought) -> Thought:
    """Ask who is at work in the panes in which this plan would end something, and think again."""
    scene = thought.scene
    panes = [] if scene.consent.now else disturbed(scene, thought.plan.actions)
    presence = ports.host.presence(panes, scene.desired.fleet.typing_s) if panes else {}
    if not presence:
        return thought
    facts = replace(scene.world.facts, presence=presence)
    scene = replace(scene, world=replace(scene.world, facts=facts))
    return Thought(scene, make_plan(scene))


def _facts(ports: Ports, scene: Scene) -> Facts:
    """Ask what the photograph does not show; nothing at all when everything is as wished."""
    questions = inquire(scene)
    applied = _applied(ports, scene, questions)
    grounds, starting = ports.grounds, questions.starting
    refusals = grounds.refusals(scene, starting) if starting else {}
    return Facts(applied, refusals, unsaved=grounds.unsaved(questions.unsaved))


def _applied(ports: Ports, scene: Scene, questions: Questions) -> Applied:
    if not questions.applied:
        return {}
    found = believed(scene, ports.host.applied(questions.applied))
    lost = {unit: at for unit, at in questions.elsewhere.items() if unit not in found}
    return {**found, **believed(scene, ports.host.applied(lost))} if lost else found


def carry_out(ports: Ports, thought: Thought, moves: Sequence[Action], tell: Tell) -> list[Outcome]:
    """Carry out moves of a thought, and keep what was done: before, and after."""
    if not moves:
        return []
    ports.chronicle.intend(thought, moves)
    outcomes: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    try:
        act(ports, moves, told, thought.scene.consent)
    except NovaorchError:
        ports.chronicle.done(thought, outcomes)  # what was told so far; of the rest nobody knows
        raise
    ports.chronicle.done(thought, outcomes)
    return outcomes


def act(
    ports: Ports, moves: Sequence[Action], tell: Tell, consent: Consent = SILENT
) -> list[Outcome]:
    """Carry out ordered moves wave by wave; what needs a failed one is not begun.

    A large wave goes in portions. When something newer comes in between, what was not begun has no
    outcome: the next plan knows better.
    """
    outcomes: list[Outcome] = []
    failed: set[UnitId] = set()
    for wave in waves(tuple(moves)):
        for portion in portions(wave, consent, PORTION):
            if outcomes and ports.overtaken():
                return outcomes
            for outcome in _wave(ports, portion, failed):
                if not outcome.ok:
                    failed.add(outcome.action.unit)
                outcomes.append(outcome)
                tell(outcome)
    return outcomes


def _wave(ports: Ports, wave: list[Action], failed: set[UnitId]) -> list[Outcome]:
    due = [action for action in wave if failed.isdisjoint(action.needs)]
    now = ports.clock.now()
    orders = [_order(action, now) for action in due]
    receipts = ports.grounds.perform(orders) if orders else []
    outcomes = [_outcome(a, r) for a, r in zip(due, receipts, strict=True)]
    for action in wave:
        missing = failed.intersection(action.needs)
        if missing:
            why = f"not begun: {', '.join(sorted(missing))} failed"
            outcomes.append(Outcome(action, error=why, fix="mend that one first"))
    return outcomes


def _order(action: Action, now: float) -> Order:
    return Order(action.unit, tuple(stamp(step, now) for step in action.steps), action.expects)


def _outcome(action: Action, receipt: Receipt) -> Outcome:
    return Outcome(action, receipt.error, receipt.fix, receipt.stale, receipt.seconds)
