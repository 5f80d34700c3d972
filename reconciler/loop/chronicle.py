"""The chronicler: from a thought and its outcomes to a record, with every secret taken out.

Never keeps anybody from acting: what cannot be written is said once, and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.core.ledger import Tally, corrections
from reconciler.core.masks import Mask
from reconciler.loop.cycle import Thought
from reconciler.model.action import Action, Outcome
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.record import Deed, Record
from reconciler.model.unit import Desired
from reconciler.model.world import World
from reconciler.ports import Clock, Journal

HOLDS_MAX = 100
CHANGES_MAX = 50

Reveal = Callable[[str], str]
"""Returns the value that a secret's reference stands for, '' when it has none."""


def _nothing(_text: str) -> str:
    return ""


def _quiet(_text: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Chronicle:
    """Keeps a journal of what a loop does (`loop.cycle.Chronicler`).

    `epoch` is that of the lease at the hour of acting. `reveal` looks secrets up, only to find
    them in what a host said. `say` is told once of what keeps it from taking notes.
    """

    journal: Journal
    clock: Clock
    mask: Mask
    host: str
    epoch: Callable[[], int] = lambda: 0
    say: Callable[[str], None] = _quiet
    reveal: Reveal = _nothing
    _began: float = 0.0
    _seen: World | None = None
    _trouble: str = ""
    _values: tuple[Desired | None, frozenset[str]] = (None, frozenset())

    def intend(self, thought: Thought, moves: Sequence[Action]) -> None:
        """Note what is about to be done, on disk, before it is."""
        self._began = self.clock.now()
        mask = self._mask(thought)
        deeds = tuple(_deed(action, mask) for action in moves)
        self._try(lambda: self.journal.intend(self._record(thought, deeds, mask)))

    def done(self, thought: Thought, outcomes: Sequence[Outcome]) -> None:
        """Note what became of it, and whatever else was found otherwise than it was left.

        Without any outcome nobody knows what was done: the intent stays, and is `interrupted`.
        """
        if outcomes:
            self._try(lambda: self._done(thought, outcomes))

    def seen(self, thought: Thought) -> None:
        """Note what is there otherwise than the journal has it, although nobody noted a deed: a
        controller died in the middle, a host did more than it said, a person closed a window.

        Costs nothing while the photograph is the same.
        """
        world = thought.scene.world
        if self._seen is None or not _same(self._seen, world):
            self._seen, self._began = world, self.clock.now()
            self._try(lambda: self._found(thought))

    def flush(self) -> None:
        """Make what was noted durable for ever. NovaorchError: it cannot be now, and waits."""
        self.journal.flush()
        self._trouble = ""

    def _found(self, thought: Thought) -> None:
        live = Tally(thought.scene.world, thought.desired.fleet.name).inventory()
        found = corrections(self.journal.inventory(), live)
        if found:
            self.journal.record(self._record(thought, found, self._mask(thought)))

    def _done(self, thought: Thought, outcomes: Sequence[Outcome]) -> None:
        mask = self._mask(thought, told=[o for o in outcomes if o.error])
        tally = Tally(thought.scene.world, thought.desired.fleet.name)
        found: tuple[Deed, ...] = ()
        trouble: NovaorchError | None = None
        try:
            found = corrections(self.journal.inventory(), tally.inventory())
        except NovaorchError as error:  # it cannot be read: what was done is noted all the same
            trouble = error
        deeds = tuple(_ended(outcome, tally, mask) for outcome in outcomes)
        self.journal.record(self._record(thought, (*found, *deeds), mask))
        if trouble is not None:
            raise trouble

    def _record(self, thought: Thought, deeds: tuple[Deed, ...], mask: Mask) -> Record:
        desired = thought.desired
        holds = tuple(
            (a.unit, a.reason.value, mask.text(a.detail)) for a in thought.plan.holds[:HOLDS_MAX]
        )
        more = len(thought.plan.holds) - HOLDS_MAX
        return Record(
            seq=0,
            began=self._began,
            ended=self.clock.now(),
            fleet=desired.fleet.name,
            host=self.host,
            epoch=self.epoch(),
            plan=thought.plan.id,
            commit=desired.commit,
            author=mask.text(desired.author),
            subject=mask.text(desired.subject),
            deeds=deeds,
            holds=(*holds, (UnitId(""), "more", f"{more} more")) if more > 0 else holds,
        )

    def _mask(self, thought: Thought, told: Sequence[Outcome] = ()) -> Mask:
        """Return a mask that knows the values of this wish, and of what was applied before.

        What a secret's reference stands for is looked up only when a host said something that may
        hold it, and is not kept.
        """
        processes = thought.desired.processes
        if self._values[0] is not thought.desired:
            values = {value for p in processes.values() for _, value in p.launch.env}
            self._values = (thought.desired, frozenset(values))
        before = (
            value
            for fields in thought.scene.world.facts.applied.values()
            for name, value in fields.items()
            if name.startswith("env.") and isinstance(value, str)
        )
        references = {r for p in processes.values() if told for _, r in p.launch.secrets}
        return self.mask.knowing({*self._values[1], *before, *map(self.reveal, references)})

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except NovaorchError as error:
            trouble = f"{error.what} ({error.why}) {error.fix}".strip()
            if trouble != self._trouble:
                self._trouble = trouble
                self.say(trouble)


def _same(old: World, new: World) -> bool:
    """Whether two photographs are of the very same things."""
    return old.sessions is new.sessions and old.workspaces is new.workspaces


def _deed(action: Action, mask: Mask) -> Deed:
    source = action.source
    return Deed(
        verb=action.verb.value,
        unit=action.unit,
        reason=action.reason.value,
        detail=mask.text(action.detail),
        path=mask.text(source.path) if source is not None else "",
        line=source.line if source is not None else 0,
        changes=tuple(
            _change(c.field, c.wanted, c.applied, mask) for c in action.changes[:CHANGES_MAX]
        ),
    )


def _change(name: str, wanted: Json, applied: Json, mask: Mask) -> tuple[str, Json, Json]:
    return mask.text(name), mask.field(name, wanted), mask.field(name, applied)


def _ended(outcome: Outcome, tally: Tally, mask: Mask) -> Deed:
    """Return what a deed became. What failed leaves nothing that anybody could count on."""
    deed = _deed(outcome.action, mask)
    return Deed(
        verb=deed.verb,
        unit=deed.unit,
        reason=deed.reason,
        detail=deed.detail,
        path=deed.path,
        line=deed.line,
        changes=deed.changes,
        leaves=tally.leaves(outcome.action) if outcome.ok else (),
        error=mask.text(outcome.error),
        stale=outcome.stale,
        seconds=outcome.seconds,
    )
