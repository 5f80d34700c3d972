"""A fleet of sleepers under a controller that may die at any moment, all in memory.

What runs is read off the host itself: the command of each live pane, not what anybody says of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.adapters.memory import (
    MemoryClock,
    MemoryControl,
    MemoryHost,
    MemoryMark,
    MemoryRepository,
)
from reconciler.core.lease import Standing
from reconciler.loop.cycle import Ports, Thought, act, consider
from reconciler.loop.follow import Followed
from reconciler.loop.highwater import HighWater
from reconciler.loop.restraints import restraints
from reconciler.loop.trial import Trials
from reconciler.loop.wish import Wishes
from reconciler.model.action import Reason
from reconciler.model.control import SILENT, Consent, Trial
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired
from tests.loop.test_daemon import DictCache

CANARY = "{first: '2', above: 1, bake: 60s}"


def fleet(canary: str = CANARY, poll: str = "5s") -> bytes:
    """A fleet that tries what changes many on some first; with '' it does not."""
    sync = f"    canary: {canary}\n" if canary else ""
    head = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: den}\nspec:\n  sync:\n"
    return f"{head}    poll: {poll}\n{sync}".encode()


def agent(word: str, *lines: str) -> bytes:
    more = "".join(f"  {line}\n" for line in lines)
    return (
        f"apiVersion: novaorch/v1\nkind: Agent\nspec:\n  command: [sleep, '{word}']\n{more}"
    ).encode()


def team(word: str, count: int = 5, canary: str = CANARY, *lines: str) -> dict[str, bytes]:
    """Agents `p/agent/a0`, `a1`… that all say one word."""
    agents = {f"p/agents/a{n}.yaml": agent(word, *lines) for n in range(count)}
    return {"fleet.yaml": fleet(canary), **agents}


def unit(number: int) -> UnitId:
    return UnitId(f"p/agent/a{number}")


@dataclass
class Stage:
    """Everything that outlives a controller, and the one that is at work."""

    repository: MemoryRepository = field(default_factory=MemoryRepository)
    control: MemoryControl = field(default_factory=MemoryControl)
    ref: MemoryMark = field(default_factory=MemoryMark)
    clock: MemoryClock = field(default_factory=MemoryClock)
    host: MemoryHost = field(default_factory=MemoryHost)
    log: list[str] = field(default_factory=list)
    reverts: list[tuple[Trial, str]] = field(default_factory=list)
    followed: Followed | None = None

    def controller(self) -> Followed:
        """Return the one that is at work; a new one knows nothing but what is written down."""
        if self.followed is None:
            wishes = Wishes(self.repository, DictCache(), "/", "/root")
            mark = HighWater(self.ref, self.repository, self.clock)
            made = Followed(wishes, self.control, mark, self.clock, log=self.log.append)
            made.trials = Trials(
                self.control, wishes.read, made.promote, self._reverted, self.log.append
            )
            self.followed = made
        return self.followed

    def die(self) -> None:
        """`kill -9`."""
        self.followed = None

    def look(self, consent: Consent = SILENT) -> Thought:
        return consider(self.ports(), self.controller().read("", consent), consent)

    def ports(self) -> Ports:
        held_back = restraints(self.control, lambda _now: Standing.HELD)
        return Ports(self.host, self.controller(), self.clock, restraints=held_back)

    def once(self, consent: Consent = SILENT) -> bool:
        """One pass as the daemon makes it; True when it did something."""
        reader, ports = self.controller(), self.ports()
        desired = reader.read("", consent)
        thought = consider(ports, desired, consent)
        reader.accept(desired)
        moves = thought.plan.moves
        if moves:
            act(ports, moves, lambda _outcome: None)
            thought = consider(ports, desired)
        return reader.settle(thought) or bool(moves)

    def settle(self, consent: Consent = SILENT) -> None:
        """Passes until nothing is due at this hour."""
        for _ in range(20):
            if not self.once(consent):
                return
        raise AssertionError(f"it never rests: {self.log[-5:]}")

    def pass_by(self, seconds: float, step_s: float = 5.0) -> None:
        """Let time pass, with a pass every few seconds."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.sleep(min(step_s, end - self.clock.now()))
            self.settle()

    def commit(self, files: dict[str, bytes]) -> str:
        return self.repository.commit(files)

    # -- looking -------------------------------------------------------------------------------

    def words(self) -> dict[str, str]:
        """What each live process says, by unit."""
        found: dict[str, str] = {}
        for session in self.host.sessions:
            for window in session.windows:
                for pane in window.panes:
                    launch = self.host.alive.get(pane.pid)
                    if pane.mark is not None and not pane.dead and launch is not None:
                        found[pane.mark.unit] = launch.argv[-1]
        return found

    def saying(self, word: str) -> set[str]:
        return {unit for unit, said in self.words().items() if said == word}

    def trial(self) -> Trial:
        found = self.control.read().trial
        assert found is not None
        return found

    def reasons(self) -> dict[str, Reason]:
        return {action.unit: action.reason for action in self.look().plan.holds}

    def desired(self) -> Desired:
        return self.controller().read()

    def _reverted(self, trial: Trial, why: str) -> None:
        self.reverts.append((trial, why))
