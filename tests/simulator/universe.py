"""The world that outlives controllers: git, tmux, store, hour, and people who act in it.

Everything here can be copied, so that a thousand tellings begin in the very same world.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from reconciler.adapters.memory import (
    MemoryClock,
    MemoryControl,
    MemoryHost,
    MemoryLeases,
    MemoryMark,
    MemoryRepository,
    MemoryStore,
    Yard,
)
from reconciler.adapters.memory.board import Pane
from reconciler.adapters.memory.hands import Hands, MovedOnError
from reconciler.adapters.memory.journal import Desk
from reconciler.loop.wish import Wishes
from reconciler.model.control import Controls, Trial
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem, SourceError
from reconciler.model.step import Signal, Step
from reconciler.model.unit import Desired
from reconciler.model.world import Presence, SeenSession, World
from reconciler.ports import Order, Receipt
from tests.simulator.gate import Gate, stale

Files = Mapping[str, bytes]

TREES = "/novaorch/workspaces/"
"""Within the path of every tree of an agent."""
_WORD = re.compile(r"--confirm (\w+)")


class SimClock(MemoryClock):
    """`hour` is the wall clock, which jumps; `elapsed` is how long the story has lasted."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def seconds(self) -> float:
        """Return what a clock shows that never jumps."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Let time pass on both."""
        super().sleep(seconds)
        self.elapsed += max(0.0, seconds)


class SimHost(MemoryHost):
    """A host behind the gate: each look and each single step is a boundary.

    `before` is what a photograph showed before the last change; `signals` has the second, the unit
    and the name of each signal; `crimes` what no moment may show. `obeyed` is the largest epoch
    that gave orders here, `acting` the one whose orders are carried out;
    `rotten` are programs that end at once.
    """

    def __init__(self, clock: SimClock) -> None:
        super().__init__("sim")
        self.clock = clock
        self.gate = Gate(open=False)
        self.before: tuple[SeenSession, ...] = ()
        self.signals: list[tuple[float, UnitId, str]] = []
        self.crimes: list[str] = []
        self.obeyed = self.acting = 0
        self.rotten: set[str] = set()
        self.yard = Yard()

    def photograph(self, now: float) -> World:
        return stale(self.gate, partial(super().photograph, now), partial(self._old, now))

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        return self.gate.cross("host.applied", partial(super().applied, targets))

    def presence(self, panes: Iterable[str], typing_s: float) -> Mapping[str, Presence]:
        return self.gate.cross("host.presence", partial(super().presence, panes, typing_s))

    def obeys(self, epoch: int) -> bool:
        """Whether orders of this epoch count; from now on, no smaller one's do."""
        self.obeyed = max(self.obeyed, epoch)
        return epoch == self.obeyed

    def kill_server(self) -> None:
        """Lose everything, also whose orders counted."""
        super().kill_server()
        self.obeyed = 0

    def changing(self) -> None:
        """Say that something is about to change."""
        self.before = self.sessions
        self.gate.changes += 1

    def everything(self) -> list[Pane]:
        """Every pane there is."""
        return list(self._board.panes.values()) if self._board is not None else []

    def living(self) -> dict[str, int]:
        """Return the process of every unit that runs."""
        return {
            str(p.mark.unit): p.pid
            for p in self.everything()
            if p.mark is not None and not p.dead and not p.mark.placeholder
        }

    def within(self, path: str) -> list[str]:
        """Return the units whose processes run at a path, or below it."""
        return [
            str(p.mark.unit)
            for p in self.everything()
            if p.mark is not None and not p.dead and p.launch is not None
            if f"{p.launch.directory}/".startswith(f"{path}/")
        ]

    def _old(self, now: float) -> World:
        world = super().photograph(now)
        server = world.server if self.before else ""
        panes = [p for s in self.before for w in s.windows for p in w.panes]
        self._slots.clear()
        self._slots.update({p.mark.unit: p.pane_id for p in panes if p.mark is not None})
        return World(now, server, self.before)

    def _step(self, hands: Hands, step: Step) -> None:
        self.gate.cross(f"step.{type(step).__name__}", lambda: self._watched(hands, step))

    def _watched(self, hands: Hands, step: Step) -> None:
        if self.acting < self.obeyed:
            raise MovedOnError("another one gives orders here")
        self.changing()
        if isinstance(step, Signal):
            pane = self._server().panes.get(step.pane)
            if pane is not None and pane.mark is not None:
                self.signals.append((self.clock.elapsed, pane.mark.unit, step.name))
        MemoryHost._step(self, hands, step)
        self.gate.tell(f"            {step}"[:180])

    def _carry_out(self, order: Order) -> Receipt:
        before = self.starts.copy()
        receipt = super()._carry_out(order)
        if not receipt.error:
            self.crimes += [
                f"{unit} runs twice" for unit in self.starts - before if self._twin(unit)
            ]
        return receipt

    def _settle(self, hands: Hands) -> None:
        started = list(hands.started)
        self.crimes += [
            f"{pane.mark.unit} starts where no tree is"
            for pane in started
            if pane.mark is not None and pane.launch is not None
            if TREES in pane.launch.directory and pane.launch.directory not in self.yard.trees
        ]
        super()._settle(hands)
        for pane in started:
            if pane.launch is not None and self.rotten.intersection(pane.launch.argv):
                self._end(pane, 1)

    def _twin(self, unit: UnitId) -> bool:
        """Whether a unit runs more than once. Marks that exchange their names are no twins."""
        return sum(not p.dead and not p.mark.placeholder for p in self.panes_of(unit) if p.mark) > 1


class DictCache:
    """What the cache of parsed manifests is on disk."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[Manifest | None, tuple[Problem, ...]]] = {}

    def get(self, oid: str, path: str) -> tuple[Manifest | None, tuple[Problem, ...]] | None:
        return self.known.get((oid, path))

    def put(
        self, oid: str, path: str, manifest: Manifest | None, problems: tuple[Problem, ...]
    ) -> None:
        self.known[oid, path] = (manifest, problems)

    def save(self) -> None:
        """It is there."""


class SimStore(MemoryStore):
    """A store that is still there when one connection to it is closed."""

    def close(self) -> None:
        """Nothing: others are connected."""


@dataclass
class Universe:
    """One world. `files` is the wish as it was committed last; `word` what a person confirmed.

    `written` has each file that an agent wrote into its tree: its unit, name and text.
    `epoch` is what the controllers' own file remembers, `lost` the commit that a forced push took
    away; `dead` holds the lives that are over.
    """

    clock: SimClock = field(default_factory=SimClock)
    repository: MemoryRepository = field(default_factory=MemoryRepository)
    store: SimStore = field(default_factory=SimStore)
    control: MemoryControl = field(default_factory=MemoryControl)
    mark: MemoryMark = field(default_factory=MemoryMark)
    desk: Desk = field(default_factory=Desk)
    epoch: int = 0
    lives: int = 0
    dead: set[int] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    word: str = ""
    lost: str = ""
    written: list[tuple[UnitId, str, str]] = field(default_factory=list)
    cache: DictCache = field(default_factory=DictCache)
    host: SimHost = field(init=False)
    leases: MemoryLeases = field(init=False)

    def __post_init__(self) -> None:
        self.host, self.leases = SimHost(self.clock), MemoryLeases(self.clock.seconds)
        self.yard.repository("/")
        self.yard.repository("/other")

    # -- people --------------------------------------------------------------------------------

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Let a person commit: a file anew, or (None) its removal."""
        for path, content in changes.items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        self.push_again()
        self.repository.commit(dict(self.files))

    def force_back(self) -> None:
        """Let a forced push take the newest commit away."""
        head = self.repository.head
        if self.repository.tree("HEAD").commit and self.lost == "":
            with contextlib.suppress(SourceError):  # the very first one stays
                self.repository.rewind("HEAD~1")
                self.lost = head

    def push_again(self) -> None:
        """Let the branch be where it was before the forced push."""
        if self.lost:
            self.repository.rewind(self.lost)
            self.lost = ""

    def revert(self, trial: Trial) -> None:
        """Take a commit back: a new one that asks for what its base asked for."""
        self.push_again()
        tree = self.repository.tree(trial.base)
        contents = self.repository.read([blob.oid for blob in tree.blobs])
        self.files = {blob.path: contents[blob.oid] for blob in tree.blobs}
        self.repository.commit(dict(self.files), subject="Revert")

    def asked(self) -> str:
        """Return the word that a published hold asks for, '' if none does."""
        for text in self.store.statuses.values():
            match = _WORD.search(text)
            if match is not None:
                return match[1]
        return ""

    def consented(self) -> str:
        """Take what a person confirmed, once."""
        word, self.word = self.word, ""
        return word

    def say(self, change: Callable[[Controls], Controls]) -> None:
        """Let a person say something to the controller, over whatever was said before."""
        self.control.write(change(self.control.read()), "a person says so", "Ada")

    @property
    def yard(self) -> Yard:
        """Repositories, and the work trees in them."""
        return self.host.yard

    def write(self, unit: str, name: str, text: str) -> None:
        """Let an agent write a file into its tree, if there is one."""
        tree = UnitId(unit.replace("/agent/", "/workspace/"))
        with contextlib.suppress(LookupError):
            self.yard.write(tree, name, text)
            self.written.append((tree, name, text))

    # -- looking -------------------------------------------------------------------------------

    def wish(self) -> Desired:
        """Return what the newest commit asks for that nobody took away or rolled back."""
        wishes = Wishes(self.repository, self.cache, "/", "/root")
        wish, bad = wishes.read(self.lost or "HEAD"), self.control.read().quarantined
        while any(one.tree == wish.tree for one in bad):
            wish = wishes.read(f"{wish.commit}^")
        return wish

    def statuses(self) -> dict[str, dict[str, Json]]:
        """Return what was published last."""
        return {unit: json.loads(text) for unit, text in self.store.statuses.items()}
