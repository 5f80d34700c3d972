"""A training of agents whose work trees are words in memory: no git, no files, no hurry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.adapters.memory import MemoryClock
from reconciler.loop.lesson import Lesson
from reconciler.loop.settling import Settling
from reconciler.loop.training import Training
from reconciler.loop.turns import Books
from reconciler.model.agent import Persona, Seat
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.training import HeldBack, Recorded, Spoken, Trainee, Turn
from reconciler.model.unit import Training as Policy
from reconciler.model.workspace import SeenWorkspace
from reconciler.ports.workspaces import Recorder

BOB, EVE = UnitId("p/agent/bob"), UnitId("p/agent/eve")
DESIRED, CHARTER = "d" * 40, "c" * 40


@dataclass
class Slate(Recorder):
    """Work trees as words: what is written on one, and what was committed of it."""

    written: dict[UnitId, str] = field(default_factory=dict)
    committed: dict[UnitId, str] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    held: tuple[HeldBack, ...] = ()
    trouble: Exception | None = None
    looks: int = 0
    before: Callable[[], object] = lambda: None
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, seen: SeenWorkspace, policy: Policy, turn: Turn) -> Recorded | None:
        assert policy.settle_s
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.before()
            if self.trouble is not None:
                raise self.trouble
            unit = seen.unit
            now = self.written.get(unit, "")
            if self.committed.get(unit, "") == now:
                return None
            self.committed[unit] = now
            self.turns.append(turn)
            count = len(self.turns)
            return Recorded(turn.unit, f"{count:040x}", seen.branch, 1, count, 1, self.held)
        finally:
            with self._lock:
                self.at_once -= 1

    def fingerprint(self, seen: SeenWorkspace) -> str:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return f"as {self.written.get(seen.unit, '')}"


@dataclass
class Diary:
    """What runtimes wrote down, and what it was asked for."""

    told: Spoken | None = None
    asked: list[float] = field(default_factory=list)
    comes: Callable[[], Spoken | None] | None = None

    def spoken(self, _seat: Seat, since: float) -> Spoken | None:
        self.asked.append(since)
        return self.comes() if self.comes is not None else self.told


@dataclass
class Roots:
    """Where commits come from."""

    trouble: Exception | None = None
    tip_at: float = 0.0

    def charter(self, _project: str, desired: str) -> str:
        if self.trouble is not None:
            raise self.trouble
        return CHARTER if desired == DESIRED else ""

    def hour(self, _seen: SeenWorkspace) -> float:
        if self.trouble is not None:
            raise self.trouble
        return self.tip_at


@dataclass
class School:
    """A training with two agents: bob tells when his turns end, eve does not."""

    clock: MemoryClock = field(default_factory=MemoryClock)
    slate: Slate = field(default_factory=Slate)
    diary: Diary = field(default_factory=Diary)
    roots: Roots = field(default_factory=Roots)
    said: list[str] = field(default_factory=list)
    busy: set[UnitId] = field(default_factory=set)
    trainees: dict[UnitId, Trainee] = field(default_factory=dict)
    training: Training = field(init=False)
    settling: Settling = field(init=False)

    def __post_init__(self) -> None:
        for unit, runtime in ((BOB, "claude-code"), (EVE, "codex")):
            tree = UnitId.of("p", "workspace", unit.name)
            seen = SeenWorkspace(tree, f"/w/{unit.name}", "/r", f"training/p/{unit.name}/1")
            seat = Seat(unit, Persona(runtime, model="m1"), "training", "%1", 1)
            self.trainees[unit] = Trainee(seat, Policy(), seen, DESIRED)
        self.anew()

    def anew(self) -> None:
        """Another life of the daemon: what it knew is gone."""
        books = Books(self.slate, self.diary, self.roots, self.clock, self.said.append)
        self.training = Training(books)
        self.training.take(dict(self.trainees))
        self.settling = Settling(self.training, lambda unit: unit in self.busy)

    def change(self, unit: UnitId = BOB, **more: object) -> None:
        """Let a pass see an agent's seat otherwise."""
        old = self.trainees[unit]
        self.trainees[unit] = replace(old, seat=replace(old.seat, **more))  # type: ignore[arg-type]
        self.training.take(dict(self.trainees))

    def tree(self, unit: UnitId = BOB, **more: object) -> None:
        """Let a pass see an agent's work tree otherwise."""
        old = self.trainees[unit]
        assert old.seen is not None
        self.trainees[unit] = replace(old, seen=replace(old.seen, **more))  # type: ignore[arg-type]
        self.training.take(dict(self.trainees))

    def write(self, text: str, unit: UnitId = BOB) -> None:
        self.slate.written[UnitId.of("p", "workspace", unit.name)] = text

    def hear(self, name: str, unit: UnitId = BOB, **payload: Json) -> HookAnswer:
        return self.training.hear(HookEvent(unit, name, self.clock.now(), payload))

    def turn(self, prompt: str, text: str, said: str = "Done.", unit: UnitId = BOB) -> HookAnswer:
        """Let a turn be made that writes a text; return what was answered to its prompt."""
        answer = self.hear("UserPromptSubmit", unit, prompt=prompt)
        self.clock.hour += 1
        self.write(text, unit)
        self.hear("Stop", unit, last_assistant_message=said, session_id="s1")
        return answer

    def rounds(self, seconds: float) -> None:
        """Let so much time pass, a look every two seconds."""
        for _ in range(int(seconds / 2)):
            self.settling.round()
            self.clock.hour += 2

    def lesson(self, unit: UnitId = BOB) -> Lesson:
        return self.training.lesson(unit)

    @property
    def turns(self) -> list[Turn]:
        return self.slate.turns
