"""A courier's world with a virtual clock: mail, keyboards, agents with a mind of their own, people,
and crashes wherever the courier touches anything. One seed is one history.

An agent here swallows Enters, works, asks for permissions, loses hooks and their answers, dies in
the middle; people write drafts, clear the composer, scroll. What a model was given is counted at
the model; a key at a dialog, or into a draft, is noted as a sin.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.memory import MemoryClock, MemoryMail, MemoryPane, MemoryTypist
from reconciler.core.envelope import mark, marks
from reconciler.core.messageid import message_id
from reconciler.loop.courier import Courier
from reconciler.loop.rounds import Doors
from reconciler.loop.watch import Watch
from reconciler.model.agent import Evidence, Persona, Roster, Screen, Seat
from reconciler.model.capacity import Spending
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.message import Message, Priority, Proof, Tracked
from reconciler.model.problems import NovaorchError
from reconciler.ports.agents import Accepted

SPINNER = "✻ Thinking… (esc to interrupt)"
DIALOG = (
    " Bash command",
    " Do you want to proceed?",
    " \u276f 1. Yes",
    "   2. No",
    "",
    " Esc to cancel · Tab to amend",
)
DRAFT = "a draft that a person writes"


class DiedError(BaseException):
    """The courier's process ended here; nothing may catch this."""


@dataclass
class Fuse:
    """Counts what the courier does to the world; at the counts in `at` its process ends: just
    before (an even number of half steps) or just after."""

    at: frozenset[int] = frozenset()
    burnt: int = 0

    def around(self, act: Callable[[], object]) -> object:
        self._step()
        done = act()
        self._step()
        return done

    def _step(self) -> None:
        self.burnt += 1
        if self.burnt in self.at:
            raise DiedError


class FusedMail(MemoryMail):
    """Mail whose caller may die at any call."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse, self.armed = fuse, True

    def inbox(self, to: str, limit: int = 100) -> Sequence[Tracked]:
        found: list[Sequence[Tracked]] = []
        self._maybe(lambda: found.append(super(FusedMail, self).inbox(to, limit)))
        return found[0]

    def prove(self, proofs: Iterable[tuple[str, Proof]]) -> None:
        wanted = list(proofs)
        self._maybe(lambda: super(FusedMail, self).prove(wanted))

    def accept(self, messages: Sequence[Message]) -> Sequence[Accepted]:
        return super().accept(messages)

    def _maybe(self, act: Callable[[], object]) -> None:
        if self.armed:
            self.fuse.around(act)
        else:
            act()


class FusedTypist(MemoryTypist):
    """A keyboard whose user may die at any key."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    def look(self, seats: Sequence[Seat]) -> Mapping[UnitId, Screen]:
        return super().look(seats)

    def paste(self, seat: Seat, text: str, *, enter: bool = True) -> bool:
        done: list[bool] = []
        self.fuse.around(
            lambda: done.append(super(FusedTypist, self).paste(seat, text, enter=enter))
        )
        return done[0]

    def enter(self, seat: Seat) -> bool:
        done: list[bool] = []
        self.fuse.around(lambda: done.append(super(FusedTypist, self).enter(seat)))
        return done[0]


@dataclass
class SharedRecords:
    """The transcripts of all agents. `mute` knows nothing."""

    world: World
    mute: bool = False

    def holds(self, seat: Seat, texts: Sequence[str]) -> frozenset[str] | None:
        if self.mute:
            return None
        written = self.world.agents[seat.unit].transcript
        return frozenset(text for text in texts if text in written)

    def session(self, _seat: Seat) -> Evidence | None:
        return None

    def spending(self, _seat: Seat, _day: str) -> Spending | None:
        return None


class AgentPane(MemoryPane):
    """A pane that knows a sin when it gets one."""

    __slots__ = ("agent",)
    agent: Agent

    def take(self, text: str) -> None:
        if self.dialog:
            self.agent.sin("a paste at a dialog")
        if self.composer:
            self.agent.sin(f"a paste into {self.composer[:30]!r}")
        if self.agent.mode == "manual":
            self.agent.sin("a paste to a manual agent")
        MemoryPane.take(self, text)

    def enter(self) -> None:
        if self.dialog:
            self.agent.sin("Enter at a dialog")
        if DRAFT in self.composer:
            self.agent.sin("Enter at a draft")
        MemoryPane.enter(self)


Pauses = Generator[float, None, None]


@dataclass
class Agent:
    """One agent: its pane, its model, and the people at its pane."""

    world: World
    unit: UnitId
    chance: random.Random
    quirks: Quirks
    pane_id: str = "%1"
    mode: str = "auto"
    life: int = 0
    state: str = "starting"
    given: Counter[str] = field(default_factory=Counter)
    transcript: set[str] = field(default_factory=set)
    queue: list[str] = field(default_factory=list)
    pane: AgentPane = field(init=False)

    def begin(self) -> None:
        """Start a life: a new process in the same pane, the same conversation."""
        self.life += 1
        pid = 1000 * int(self.pane_id[1:]) + self.life
        self.pane = AgentPane(self.unit, pid, self.submit, rows=(), swallows=0)
        self.pane.agent = self
        self.pane.swallows = self.chance.randint(0, self.quirks.swallows)
        self.world.typist.panes[self.pane_id] = self.pane
        self.state, self.queue = "starting", []
        self.play(self._starts())
        if self.quirks.dies:
            self.play(self._dies())
        if self.quirks.people:
            self.play(self._person())

    def seat(self) -> Seat:
        dead = self.state == "dead"
        persona = Persona("claude-code")
        pid, pane = (0, "") if dead else (self.pane.pid, self.pane_id)
        return Seat(self.unit, persona, self.mode, pane, pid, began=self.world.clock.hour)

    def sin(self, what: str) -> None:
        self.world.sins.append(f"{self.world.clock.hour:.3f} {self.unit}: {what}")

    def play(self, scene: Pauses) -> None:
        """Go through a scene of this life; a life that ended plays no more."""
        life = self.life

        def on() -> None:
            if self.life == life and self.state != "dead":
                pause = next(scene, None)
                if pause is not None:
                    self.world.later(pause, on)

        self.world.later(0.0, on)

    def submit(self, text: str) -> None:
        """Take a prompt from the composer."""
        if self.state == "idle":
            self.state = "busy"
            self._show()
            self.play(self._turn(text))
        else:
            self.queue.append(text)

    # -- scenes ------------------------------------------------------------------------------------

    def _starts(self) -> Pauses:
        yield self.chance.uniform(0.1, 3.0)
        self.hook("SessionStart", {})
        self._rest()

    def _turn(self, prompt: str) -> Pauses:
        yield self.chance.uniform(0.01, 0.2)
        answer = self.hook("UserPromptSubmit", {"prompt": prompt})
        yield self.chance.uniform(0.0, 0.05)
        self._give(prompt, answer.context)
        again = False
        while True:
            for _ in range(self.chance.randint(0, 3)):
                yield from self._tool()
            answer = self.hook("Stop", {"stop_hook_active": again})
            yield self.chance.uniform(0.0, 0.05)
            if not answer.go_on and not self.queue:
                break
            again = bool(answer.go_on)
            self._give(answer.go_on, *self._queued())
        self._rest()

    def _tool(self) -> Pauses:
        self.hook("PreToolUse", {"tool_name": "Bash"})
        if self.chance.random() < self.quirks.asks:
            self.pane.dialog = DIALOG
            self.hook("PermissionRequest", {"tool_name": "Bash"})
            yield self.chance.uniform(0.5, 40.0)
            self.pane.dialog = ()
        yield self.chance.uniform(0.05, self.quirks.tool_s)
        answer = self.hook("PostToolUse", {"tool_name": "Bash"})
        yield self.chance.uniform(0.0, 0.05)
        self._give(answer.context, *self._queued())

    def _dies(self) -> Pauses:
        while self.world.trouble:
            yield self.chance.expovariate(1 / 60.0)
            if self.world.trouble:
                self.state = "dead"
                self.pane.dead = True
                self.world.later(self.chance.uniform(0.5, 20.0), self.begin)
                return

    def _person(self) -> Pauses:
        """Somebody comes by now and then, and looks before they type."""
        while True:
            yield self.chance.expovariate(1 / 40.0)
            if not self.world.trouble:
                return
            self.pane.attended = self.world.clock.hour
            what = self.chance.choice(("draft", "clear", "scroll", "send"))
            if what == "scroll":
                self.pane.mode = "copy-mode"
                yield self.chance.uniform(0.5, 30.0)
                self.pane.mode = ""
            elif what == "clear":
                self.pane.composer = ""
            elif not self.pane.composer and not self.pane.dialog:
                self.pane.composer = DRAFT
                yield self.chance.uniform(0.5, 60.0)
                if self.pane.composer != DRAFT:
                    continue
                self.pane.attended = self.world.clock.hour
                self.pane.composer = ""
                if what == "send" and not self.pane.dialog:
                    self.submit(DRAFT)

    # -- parts -------------------------------------------------------------------------------------

    def hook(self, name: str, payload: dict[str, Json]) -> HookAnswer:
        """Tell the gate; word of it, or the answer, may be lost on the way."""
        if self.chance.random() < self.quirks.deaf and self.world.trouble:
            return SILENCE
        answer = self.world.hear(HookEvent(self.unit, name, self.world.clock.hour, payload))
        if self.chance.random() < self.quirks.deaf and self.world.trouble:
            return SILENCE
        return answer

    def _give(self, *texts: str) -> None:
        """Give the model these; the transcript has them a moment later."""
        found = [one for text in texts for one in marks(text)]
        self.given.update(found)
        written = {mark(one) for one in found}
        self.world.later(self.chance.uniform(0.0, 0.8), lambda: self.transcript.update(written))

    def _queued(self) -> list[str]:
        texts, self.queue = self.queue, []
        return texts

    def _rest(self) -> None:
        self.state = "idle"
        self._show()
        if self.queue:
            self.submit(self.queue.pop(0))

    def _show(self) -> None:
        self.pane.rows = ("● done", "", SPINNER, "") if self.state == "busy" else ("● done", "")


@dataclass(frozen=True)
class Quirks:
    """What may go wrong, and how often."""

    swallows: int = 0
    deaf: float = 0.0
    dies: bool = False
    people: bool = False
    asks: float = 0.0
    tool_s: float = 4.0
    bells: float = 1.0
    crashes: bool = False
    blind: bool = False


class World:
    """Everything, and the hour. `run` plays one history; then `sins`, `agents` and `mail` tell."""

    def __init__(
        self, seed: int, quirks: Quirks, fuse: Fuse | None = None, agents: int = 1
    ) -> None:
        self.chance = random.Random(seed)
        self.quirks, self.fuse = quirks, fuse or Fuse()
        self.clock = MemoryClock()
        self.mail, self.typist = FusedMail(self.fuse), FusedTypist(self.fuse)
        self.records = SharedRecords(self)
        self.sins: list[str] = []
        self.said: list[str] = []
        self.lives = 0
        self.trouble = True
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.agents: dict[UnitId, Agent] = {}
        for number in range(agents):
            unit = UnitId(f"p/agent/a{number}")
            chance = random.Random(self.chance.random())
            self.agents[unit] = Agent(self, unit, chance, quirks, f"%{number + 1}")
        self.roster = Roster("f")
        self.courier: Courier | None = None
        self.watch: Watch | None = None

    def later(self, in_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.clock.hour + in_s, next(self._count), act))

    def run(self, messages: int, hours: float = 4.0) -> None:
        """Send so many messages in two minutes; let trouble end after four; wait for the rest."""
        for agent in self.agents.values():
            agent.begin()
        self._photograph()
        self._start()
        for number in range(messages):
            at = self.chance.uniform(0.0, 120.0)
            self.later(at, lambda n=number: self._send(n))  # type: ignore[misc]
        if self.quirks.crashes:
            self.later(self.chance.uniform(0.0, 30.0), self._crash)
        if self.quirks.blind:
            self.later(self.chance.uniform(0.0, 60.0), self._blind)
        self.later(240.0, self._peace)
        end = self.clock.hour + 3600.0 * hours
        while self.clock.hour < end and not self._over():
            self._step()
        end = self.clock.hour + 120.0  # a turn may still give twice what was given once
        while self.clock.hour < end:
            self._step()

    def hear(self, event: HookEvent) -> HookAnswer:
        """Let the daemon hear, as the desk does: the watch first."""
        if self.courier is None or self.watch is None:
            return SILENCE
        try:
            self.watch.hear(event)
            return self.courier.hear(event)
        except DiedError:
            self._die()
        except NovaorchError as error:  # as the desk does
            self.said.append(error.what)
        return SILENCE

    @property
    def open(self) -> list[Tracked]:
        self.mail.armed = False
        found = [kept for unit in self.agents for kept in self.mail.inbox(str(unit))]
        self.mail.armed = True
        return found

    # -- going on ----------------------------------------------------------------------------------

    def _step(self) -> None:
        """Let the next thing happen: in the world, or in the courier."""
        due = self.clock.hour + self.courier.left() if self.courier is not None else float("inf")
        if self._heap and self._heap[0][0] <= due:
            hour, _, act = heapq.heappop(self._heap)
            self.clock.hour = max(self.clock.hour, hour)
            act()
            return
        self.clock.hour = max(self.clock.hour, due)
        assert self.courier is not None
        try:
            self.courier.round()
        except DiedError:
            self._die()

    def _over(self) -> bool:
        return not self.trouble and not self.open and self.courier is not None

    def _send(self, number: int) -> None:
        unit = self.chance.choice(sorted(self.agents))
        body = f"message {number}\n" + "words\n" * self.chance.choice((0, 0, 1, 30, 1500))
        priority = self.chance.choice(list(Priority))
        name = message_id(int(self.clock.hour * 1000), number)
        message = Message(name, "person:ada", str(unit), body, self.clock.hour, priority)
        was, self.mail.down = self.mail.down, False
        self.mail.accept([message])
        self.mail.down = was
        if self.courier is not None and not was and self.chance.random() < self.quirks.bells:
            self.courier.listen(0.0)

    def _photograph(self) -> None:
        """What a pass of the daemon sees; a little late."""
        if self.courier is not None or self.roster.commit == "":
            seats = {unit: agent.seat() for unit, agent in self.agents.items()}
            changed = seats.keys() and {u: s.pid for u, s in seats.items()} != {
                u: s.pid for u, s in self.roster.seats.items()
            }
            kept = self.roster.seats if not changed else seats
            self.roster = Roster("f", "c", kept)
            if changed and self.courier is not None:
                self.courier.changed()
        self.later(0.3, self._photograph)

    def _start(self) -> None:
        self.lives += 1
        self.watch = Watch(
            self.typist,
            self.records,
            lambda: self.roster,
            self.clock,
            self.said.append,
            self._noted,
        )
        doors = Doors(
            mail=self.mail,
            typist=self.typist,
            records=self.records,
            roster=lambda: self.roster,
            report=self.watch.report,
            clock=self.clock,
            log=self.said.append,
        )
        self.courier = Courier(doors)
        self.mail.close()
        self._look(self.lives)

    def _look(self, life: int) -> None:
        if self.watch is not None and self.lives == life:
            self.later(self.watch.round(), lambda: self._look(life))

    def _noted(self, unit: UnitId) -> None:
        if self.courier is not None:
            self.courier.wake(unit)

    def _die(self) -> None:
        self.courier = self.watch = None
        self.lives += 1
        self.later(self.chance.choice((0.0, 0.1, 2.0, 30.0)), self._start)

    def _crash(self) -> None:
        if self.trouble:
            if self.courier is not None:
                self._die()
            self.later(self.chance.expovariate(1 / 20.0), self._crash)

    def _blind(self) -> None:
        """The store, or tmux, does not answer for a while."""
        if self.trouble:
            what = self.chance.choice((self.mail, self.typist))
            what.down = True
            self.later(self.chance.uniform(0.1, 20.0), lambda: self._sees(what))

    def _sees(self, what: MemoryMail | MemoryTypist) -> None:
        what.down = False
        self.later(self.chance.uniform(0.0, 60.0), self._blind)

    def _peace(self) -> None:
        """From here on nothing goes wrong."""
        self.trouble = False
        self.fuse.at = frozenset()
        self.mail.down = self.typist.down = False
        if self.courier is None:
            self._start()
