"""One life of a controller: everything that `novaorch run` puts together, over one universe.

It has its own memory, its own right to act, and its own ear; all of that dies with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.memory.journal import MemoryJournal
from reconciler.core.lease import Holder
from reconciler.core.masks import Mask
from reconciler.loop.chronicle import Chronicle
from reconciler.loop.cycle import Ports
from reconciler.loop.daemon import Daemon
from reconciler.loop.follow import Followed
from reconciler.loop.highwater import HighWater
from reconciler.loop.restraints import restraints
from reconciler.loop.stakes import Stakes
from reconciler.loop.tenure import Tenure
from reconciler.loop.trial import Trials
from reconciler.loop.wish import Wishes
from reconciler.model.control import Consent
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId
from reconciler.model.unit import Process
from reconciler.model.world import Presence, World
from reconciler.ports import Host, Order, Receipt, Trigger
from reconciler.ports.workspaces import Workshop
from tests.simulator.gate import Gate, gated
from tests.simulator.trees import SimWorkshop
from tests.simulator.universe import SimHost, Universe


class SimTenure(Tenure):
    """A tenure that is renewed by the hour of the story, not by a thread."""

    def _renew(self) -> None:
        """Nothing: whoever lets time pass lets it beat."""


@dataclass
class FreeGround:
    """A lock of a host of one's own: nobody else can have it."""

    place: str
    held: bool = False

    def hold(self) -> bool:
        self.held = True
        return True

    def holder(self) -> str:
        return ""

    def release(self) -> None:
        self.held = False


@dataclass
class Written:
    """Where this host remembers epochs (`ports.Milestone`)."""

    universe: Universe

    def seen(self) -> int:
        return max(self.universe.epoch, self.universe.host.obeyed)

    def keep(self, epoch: int) -> None:
        self.universe.epoch = max(self.universe.epoch, epoch)
        self.universe.host.obeyed = max(self.universe.host.obeyed, epoch)


@dataclass
class OurHost:
    """The host as one controller has it (`ports.Host`): what it writes bears its epoch."""

    host: SimHost
    tenure: Tenure

    def photograph(self, now: float) -> World:
        return self.host.photograph(now)

    def glance(self, world: World, sessions: Collection[str]) -> World | None:
        return self.host.glance(world, sessions)

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        return self.host.applied(targets)

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        return self.host.refusals(processes)

    def presence(self, panes: Iterable[str], typing_s: float) -> Mapping[str, Presence]:
        return self.host.presence(panes, typing_s)

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        epoch = self.tenure.number()
        if not self.host.obeys(epoch):
            self.tenure.overtaken()
            why = "another one gives orders here"
            return [Receipt(order.unit, why, stale=True) for order in orders]
        self.host.acting = epoch
        return self.host.perform(orders)

    def close(self) -> None:
        """Sessions stay, and so does the pretended server."""


@dataclass
class Life:
    """One controller, from its start to its end. `number` counts the lives of a story."""

    universe: Universe
    gate: Gate
    number: int
    tenure: Tenure = field(init=False)

    def __post_init__(self) -> None:
        here = self.universe
        name = f"life-{self.number}"
        stakes = Stakes((FreeGround(name),), (Written(here),), here.leases)
        holder = Holder("memory", self.number + 1, "0", "memory", name)
        dead = here.dead
        self.tenure = SimTenure(stakes, holder, here.clock, lambda other: other.pid in dead)

    def live(self, trigger: Trigger) -> None:
        """Begin, work, and return when told to stop; whatever else ends a life is raised."""
        self.tenure.begin()
        try:
            self._daemon(trigger).run()
        finally:
            self.universe.dead.add(self.number + 1)
        self.tenure.end()
        if self.tenure.lost is not None:
            raise self.tenure.lost

    def _daemon(self, trigger: Trigger) -> Daemon:
        here, followed = self.universe, self._followed()
        chronicle = Chronicle(
            gated("journal", MemoryJournal(here.desk), self.gate),
            here.clock, Mask(b"sim"), "memory", self._epoch, self._log,
        )  # fmt: skip

        def connect(fleet: FleetSettings) -> Ports:
            held_back = restraints(followed.control, self.tenure.standing, fleet.sync.windows)
            return Ports(
                self._host(),
                followed,
                here.clock,
                restraints=held_back,
                chronicle=chronicle,
                workshop=self._workshop(),
            )

        return Daemon(
            wishes=followed,
            connect=connect,
            trigger=trigger,
            clock=here.clock,
            publish=gated("store", here.store, self.gate).publish,
            log=self._log,
            consented=self._consented,
            settle=followed.settle,
        )

    def _workshop(self) -> Workshop:
        return SimWorkshop(self.universe, self.tenure, self.gate)

    def _host(self) -> Host:
        return OurHost(self.universe.host, self.tenure)

    def _followed(self) -> Followed:
        here, gate = self.universe, self.gate
        repository = gated("repository", here.repository, gate)
        control = gated("control", here.control, gate)
        store, mark = gated("store", here.store, gate), gated("mark", here.mark, gate)
        high = HighWater(mark, repository, here.clock, lambda _f, _s: store, thorough=True)
        wishes = Wishes(repository, here.cache, "/", "/root")
        followed = Followed(wishes, control, high, here.clock, self._log)
        followed.trials = Trials(
            control,
            wishes.read,
            followed.promote,
            lambda trial, _why: here.revert(trial),
            self._log,
        )
        return followed

    def _epoch(self) -> int:
        return self.tenure.epoch

    def _consented(self) -> Consent:
        self.tenure.check()
        return Consent(self.universe.consented())

    def _log(self, line: str) -> None:
        self.gate.tell(f"      log: {line}"[:180])
