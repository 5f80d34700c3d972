"""Everything that speaks with agents, put together: watch, treasury, decisions, courier, one desk.

Opens when a fleet has agents to speak with and its store answers, closes with the daemon or when
the fleet's places change. Sessions are kept true with or without it, and work is committed with or
without a store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.errand import Closed
from reconciler.core.recording import Remark
from reconciler.loop.courier import Courier
from reconciler.loop.decisions import Decisions
from reconciler.loop.desk import FrontDesk
from reconciler.loop.overhearing import Overheard, Overread
from reconciler.loop.rounds import Doors
from reconciler.loop.settling import Settling
from reconciler.loop.training import Training
from reconciler.loop.treasury import Treasury
from reconciler.loop.watch import Watch
from reconciler.model.agent import AgentReport, AgentState, Roster, Seat
from reconciler.model.capacity import Account
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.training import Trainee
from reconciler.ports import Clock
from reconciler.ports.agents import Accounts, Desk, Mail, Records, Typist
from reconciler.ports.knowledge import Insights, StatusLines

_AT_WORK = frozenset({AgentState.BUSY, AgentState.WAITING})
RETRY_S = 5.0
"""Between two tries to open while the store does not answer."""


def _nobody(_unit: UnitId, _text: str) -> None:
    return None


class Closing(Protocol):
    """What is let go of at the end."""

    def close(self) -> None:
        """Let go."""
        ...


class Knowledge(Insights, StatusLines, Protocol):
    """What agents tell all others."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The doors to agents, opened for one fleet. `rest` is closed after everything else."""

    mail: Mail
    typist: Typist
    records: Records
    accounts: Accounts
    knowledge: Knowledge
    rest: tuple[Closing, ...] = ()


@dataclass(slots=True)
class Rooms:
    """Those at work while the office is open."""

    outside: Outside
    watch: Watch
    treasury: Treasury
    courier: Courier


@dataclass(slots=True)
class Office:
    """One office a daemon. `outside` opens the doors; NovaorchError: not now. `training` commits
    agents' work, None where nobody does.

    Every method may be called from any thread, `take` and `close` from one at a time.
    """

    outside: Callable[[], Outside]
    decisions: Decisions
    clock: Clock
    log: Callable[[str], None]
    poke: Callable[[str], None]
    training: Training | None = None
    roster: Roster = field(default_factory=Roster)
    rooms: Rooms | None = None
    _settling: Settling | None = None
    _not_before: float = 0.0
    _trouble: str = ""

    def take(self, roster: Roster, trainees: Mapping[UnitId, Trainee] | None = None) -> None:
        """Work with this roster from now on; open if there is somebody to speak with."""
        known, self.roster = self.roster, roster
        if self.training is not None:
            self._train(self.training, trainees or {})
        if self.rooms is None:
            self._open()
        elif known.seats != roster.seats:
            self.rooms.courier.changed()

    def close(self) -> None:
        """End every thread and let go of every connection; what is under way is kept."""
        if self._settling is not None:
            self._settling.close()
        if self.training is not None:
            self.training.close()
        rooms, self.rooms = self.rooms, None
        if rooms is None:
            return
        ends: tuple[Closing, ...] = (rooms.courier, rooms.watch, rooms.treasury)
        for room in (*ends, *rooms.outside.rest):
            room.close()

    def hear(self, event: HookEvent) -> HookAnswer:
        """Let everybody hear what a runtime tells; see `Desk.hear`."""
        rooms, heard = self.rooms, list[Desk]()
        if rooms is not None:
            heard += [rooms.watch, rooms.treasury]
        heard.append(self.decisions)
        if self.training is not None:
            heard.append(self.training)  # before whatever may make the turn go on
        if rooms is not None:
            given = self.training.given if self.training is not None else _nobody
            heard.append(Overheard(rooms.courier, given))
        return FrontDesk(heard, self.log).hear(event)

    def remarks(self) -> Mapping[UnitId, Remark]:
        """Return what people should know of the commits of agents' work."""
        return self.training.remarks() if self.training is not None else {}

    def reports(self) -> Mapping[UnitId, AgentReport]:
        """Return what every agent is doing, as far as anybody knows."""
        return self.rooms.watch.reports() if self.rooms is not None else {}

    def warnings(self) -> Mapping[UnitId, str]:
        """Return why the budgets of these agents are not kept."""
        return self.rooms.treasury.warnings() if self.rooms is not None else {}

    def accounts(self, now: float) -> Mapping[str, Account]:
        """Return the accounts that do not let everything through."""
        return self.rooms.treasury.standing(now) if self.rooms is not None else {}

    def why(self, message: str) -> str:
        """Return what an open message waits for."""
        if self.rooms is None:
            return f"nobody delivers it: {self._trouble or 'no agent is known yet'}"
        return self.rooms.courier.why(message)

    def _train(self, training: Training, trainees: Mapping[UnitId, Trainee]) -> None:
        training.take(trainees)
        if self._settling is None and training.trainees():
            self._settling = Settling(training, self._busy)
            self._settling.begin()

    def _busy(self, unit: UnitId) -> bool:
        """Whether an agent is known to be in the middle of a turn."""
        rooms = self.rooms
        if rooms is None:
            return False
        return rooms.watch.report(unit, self.clock.now()).state in _AT_WORK

    # -- opening -----------------------------------------------------------------------------------

    def _open(self) -> None:
        now = self.clock.now()
        if not self.roster.seats or now < self._not_before:
            return
        try:
            outside = self.outside()
        except NovaorchError as error:
            self._not_before = now + RETRY_S
            self._say(f"agents cannot be reached: {error.what} ({error.why}) {error.fix}".strip())
            return
        self._say("")
        self.rooms = self._furnished(outside)
        self.rooms.treasury.begin()
        self.rooms.watch.begin()
        self.rooms.courier.start()

    def _furnished(self, outside: Outside) -> Rooms:
        def roster() -> Roster:
            return self.roster

        def changed(unit: UnitId) -> None:
            courier.wake(unit)

        def reopened() -> None:
            courier.changed()
            self.poke("poll")

        def admit(seat: Seat, now: float) -> Closed | None:
            free, until, why = treasury.admits(seat.unit, now)
            return None if free else Closed(until, why)

        typist: Typist = outside.typist
        if self.training is not None:
            typist = Overread(typist, self.training.typed)
        watch = Watch(outside.typist, outside.records, roster, self.clock, self.log, changed)
        treasury = Treasury(
            outside.accounts, outside.records, roster, self.clock, self.log, reopened
        )
        courier = Courier(
            Doors(
                mail=outside.mail,
                typist=typist,
                records=outside.records,
                roster=roster,
                report=watch.report,
                clock=self.clock,
                log=self.log,
                admit=admit,
            )
        )
        return Rooms(outside, watch, treasury, courier)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                self.log(trouble)
