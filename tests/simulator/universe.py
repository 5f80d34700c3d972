"""The world that outlives controllers: git, tmux, store, hour, and people who act in it.

Everything here can be copied, so that a thousand tellings begin in the very same world.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.memory import MemoryClock, MemoryHost, MemoryRepository, MemoryStore
from reconciler.adapters.memory.board import Pane
from reconciler.adapters.memory.hands import Hands
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem
from reconciler.model.step import Signal, Step
from reconciler.model.unit import Desired
from reconciler.model.world import Presence, SeenSession, World
from reconciler.loop.wish import Wishes
from tests.simulator.gate import Gate, stale

Files = Mapping[str, bytes]

_WORD = re.compile(r"--confirm (\w+)")


class SimClock(MemoryClock):
    """`hour` is the wall clock, which jumps; `elapsed` is how long the story has lasted."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass on both."""
        super().sleep(seconds)
        self.elapsed += max(0.0, seconds)


class SimHost(MemoryHost):
    """A host behind the gate: each look and each single step is a boundary.

    `before` is what a photograph showed before the last change; `signals` has the second, the unit
    and the name of each signal; `crimes` what no moment may show.
    """

    def __init__(self, clock: SimClock) -> None:
        super().__init__("sim")
        self.clock = clock
        self.gate = Gate(open=False)
        self.before: tuple[SeenSession, ...] = ()
        self.signals: list[tuple[float, UnitId, str]] = []
        self.crimes: list[str] = []

    def photograph(self, now: float) -> World:
        here = super()
        return stale(self.gate, lambda: here.photograph(now), lambda: self._old(now))

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        here = super()
        return self.gate.cross("host.applied", lambda: here.applied(targets))

    def presence(self, panes: Sequence[str], typing_s: float) -> Mapping[str, Presence]:  # type: ignore[override]
        here = super()
        return self.gate.cross("host.presence", lambda: here.presence(panes, typing_s))

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

    def _old(self, now: float) -> World:
        world = super().photograph(now)
        server = world.server if self.before else ""
        panes = [p for s in self.before for w in s.windows for p in w.panes]
        self._slots.clear()
        self._slots.update({p.mark.unit: p.pane_id for p in panes if p.mark is not None})
        return World(now, server, self.before)

    def _step(self, hands: Hands, step: Step) -> None:
        here = super()
        self.gate.cross(f"step.{type(step).__name__}", lambda: self._watched(here, hands, step))

    def _watched(self, here: MemoryHost, hands: Hands, step: Step) -> None:
        self.changing()
        if isinstance(step, Signal):
            pane = self._server().panes.get(step.pane)
            unit = pane.mark.unit if pane is not None and pane.mark is not None else UnitId("")
            self.signals.append((self.clock.elapsed, unit, step.name))
        MemoryHost._step(self, hands, step)  # noqa: SLF001
        self.gate.tell(f"            {step}"[:180])
        self._check()

    def _check(self) -> None:
        seen: set[UnitId] = set()
        for pane in self.everything():
            if pane.mark is None or pane.dead or pane.mark.placeholder:
                continue
            if pane.mark.unit in seen:
                self.crimes.append(f"{pane.mark.unit} runs twice")
            seen.add(pane.mark.unit)


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


@dataclass
class Universe:
    """One world. `files` is the wish as it was committed last; `word` what a person confirmed."""

    clock: SimClock = field(default_factory=SimClock)
    repository: MemoryRepository = field(default_factory=MemoryRepository)
    store: MemoryStore = field(default_factory=MemoryStore)
    files: dict[str, bytes] = field(default_factory=dict)
    word: str = ""
    cache: DictCache = field(default_factory=DictCache)
    host: SimHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = SimHost(self.clock)

    # -- people --------------------------------------------------------------------------------

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Let a person commit: a file anew, or (None) its removal."""
        for path, content in changes.items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        self.repository.commit(dict(self.files))

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

    # -- looking -------------------------------------------------------------------------------

    def wish(self) -> Desired:
        """Return what the head asks for."""
        return Wishes(self.repository, self.cache, "/", "/root").read()

    def statuses(self) -> dict[str, dict[str, Json]]:
        """Return what was published last."""
        return {unit: json.loads(text) for unit, text in self.store.statuses.items()}
