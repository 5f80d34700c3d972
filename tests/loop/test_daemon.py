"""The daemon on memory adapters: what it does, how long it waits, what it says once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.memory import MemoryClock, MemoryHost, MemoryRepository, MemoryStore
from reconciler.loop.cycle import Ports
from reconciler.loop.daemon import DRAIN_LOOK_S, Daemon
from reconciler.loop.wish import Wishes
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem
from reconciler.model.status import Ready, Status
from reconciler.model.world import Drain, World
from reconciler.ports import Order, Receipt

FLEET = b"apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: test}\nspec: {sync: {poll: 5s}}\n"


def agent(**spec: str) -> bytes:
    lines = "".join(f"  {name}: {value}\n" for name, value in spec.items())
    return f"apiVersion: novaorch/v1\nkind: Agent\nspec:\n{lines}".encode()


def sleeper(**spec: str) -> bytes:
    return agent(command="[sleep, '1000']", **spec)


class DictCache:
    """A manifest cache that lives as long as the test."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[Manifest | None, tuple[Problem, ...]]] = {}

    def get(self, oid: str, path: str) -> tuple[Manifest | None, tuple[Problem, ...]] | None:
        return self.known.get((oid, path))

    def put(
        self, oid: str, path: str, manifest: Manifest | None, problems: tuple[Problem, ...]
    ) -> None:
        self.known[oid, path] = (manifest, problems)

    def save(self) -> None:
        """Nothing to write to."""


class FailingHost(MemoryHost):
    """A host on which one unit's orders fail."""

    def __init__(self, unit: UnitId) -> None:
        super().__init__()
        self.unit = unit

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        good = [order for order in orders if order.unit != self.unit]
        receipts = iter(super().perform(good))
        return [
            next(receipts) if order.unit != self.unit else Receipt(order.unit, error="no pty left")
            for order in orders
        ]


class Steps:
    """A trigger that runs one step of a test at each wait, then stops the daemon.

    `waits` keeps how long the daemon wanted to wait each time.
    """

    def __init__(self, clock: MemoryClock, steps: Sequence[Callable[[], str]]) -> None:
        self.clock, self.steps, self.waits = clock, list(steps), list[float]()

    def wait(self, timeout_s: float) -> str:
        self.waits.append(timeout_s)
        if not self.steps:
            return "stop"
        word = self.steps.pop(0)()
        if word == "poll":
            self.clock.sleep(timeout_s)
        return word

    def pressing(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing to stop."""


@dataclass
class Stage:
    """A daemon and everything around it."""

    repository: MemoryRepository = field(default_factory=MemoryRepository)
    host: MemoryHost = field(default_factory=MemoryHost)
    clock: MemoryClock = field(default_factory=MemoryClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    log: list[str] = field(default_factory=list)
    published: list[tuple[str, Sequence[Status]]] = field(default_factory=list)
    connections: list[FleetSettings] = field(default_factory=list)

    def run(self, *steps: Callable[[], str]) -> Steps:
        trigger = Steps(self.clock, steps)
        self.daemon(trigger).run()
        return trigger

    def daemon(self, trigger: Steps) -> Daemon:
        wishes = Wishes(self.repository, DictCache(), "/", "/root")

        def connect(fleet: FleetSettings) -> Ports:
            self.connections.append(fleet)
            return Ports(self.host, wishes, self.clock)

        def publish(commit: str, statuses: Sequence[Status], now: float) -> None:
            self.store.publish(commit, statuses, now)
            self.published.append((commit, statuses))

        return Daemon(
            wishes=wishes,
            connect=connect,
            trigger=trigger,
            clock=self.clock,
            publish=publish,
            log=self.log.append,
        )

    def commit(self, **files: bytes) -> Callable[[], str]:
        """Return a step that commits these agents of project `demo`."""

        def step() -> str:
            named = {f"demo/agents/{name}.yaml": data for name, data in files.items()}
            self.repository.commit({"fleet.yaml": FLEET, "demo/README.md": b"", **named})
            return "hook"

        return step

    def names(self) -> list[str]:
        return sorted(session.name for session in self.host.sessions)


def test_a_commit_starts_an_agent_and_a_later_one_stops_it() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()

    def first() -> str:
        assert stage.names() == ["demo/one"]
        return stage.commit(two=sleeper())()

    def drained() -> str:
        assert stage.names() == ["demo/two"]
        return "poll"

    stage.run(first, drained, drained)
    assert stage.names() == ["demo/two"]


def test_no_poll_changes_what_is_right() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()
    trigger = stage.run(*[lambda: "poll"] * 20)
    (pane,) = stage.host.panes_of("demo/agent/one")
    assert pane.mark is not None
    assert pane.mark.falls == 0
    assert sum("start" in line for line in stage.log) == 1
    assert all(4.5 <= wait <= 5.5 for wait in trigger.waits)


def test_a_crash_is_healed_and_a_crash_loop_waits_longer_and_longer() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()
    starts: list[float] = []

    def crash() -> str:
        panes = stage.host.panes_of("demo/agent/one")
        if panes and not panes[0].dead:
            starts.append(stage.clock.now())
            stage.host.exit("demo/agent/one", 1)
            return "tmux"
        return "poll"

    stage.run(*[crash] * 60)
    gaps = [round(b - a) for a, b in itertools.pairwise(starts)]
    assert gaps[0] <= 1
    assert gaps[:6] == sorted(gaps[:6])
    assert all(30 <= gap <= 61 for gap in gaps[8:])


def test_a_stubborn_process_is_killed_only_after_its_grace() -> None:
    stage = Stage()
    stage.commit(one=sleeper(stop="{grace: 3s}"))()
    stage.host.stubborn.add(UnitId("demo/agent/one"))
    hours: list[float] = []

    def change() -> str:
        hours.append(stage.clock.now())
        return stage.commit(one=sleeper(stop="{grace: 3s}", env="{A: b}"))()

    def look() -> str:
        (pane,) = stage.host.panes_of("demo/agent/one")
        if pane.mark is not None and pane.mark.drain is Drain.RESTART and not pane.dead:
            hours.append(stage.clock.now())
        return "poll"

    trigger = stage.run(change, *[look] * 400)
    assert 2.9 <= hours[-1] - hours[0] <= 3.2
    assert DRAIN_LOOK_S in trigger.waits
    (pane,) = stage.host.panes_of("demo/agent/one")
    assert pane.launch is not None
    assert ("A", "b") in pane.launch.env


def test_a_pass_that_a_sleep_of_the_machine_interrupted_makes_no_wait_of_hours() -> None:
    class SleepyHost(MemoryHost):
        """The machine sleeps for a day in the middle of one look."""

        def photograph(self, now: float) -> World:
            if self.panes_of("demo/agent/one")[0].mark.drain is not Drain.NONE and days:  # type: ignore[union-attr]
                stage.clock.sleep(days.pop())
            return super().photograph(now)

    days = [86_400.0]
    stage = Stage()
    stage.commit(one=sleeper(stop="{grace: 3s}"))()
    stage.run()
    stage.host.__class__ = SleepyHost
    stage.host.stubborn.add(UnitId("demo/agent/one"))
    change = stage.commit(one=sleeper(stop="{grace: 3s}", env="{A: b}"))
    trigger = stage.run(change, *[lambda: "poll"] * 5)
    assert not days
    assert max(trigger.waits) <= 5.5


def test_a_blind_host_holds_and_is_said_once() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()

    def blind() -> str:
        stage.host.blind = True
        return stage.commit()()

    def see() -> str:
        assert stage.names() == ["demo/one"]
        stage.host.blind = False
        return stage.commit(one=sleeper())()

    stage.run(blind, lambda: "poll", lambda: "poll", see)
    assert stage.names() == ["demo/one"]
    assert len([line for line in stage.log if "pass: well again" in line]) == 1


def test_a_store_that_is_down_stops_nothing() -> None:
    stage = Stage()
    stage.store.down = True
    stage.commit(one=sleeper())()

    def back() -> str:
        assert stage.names() == ["demo/one"]
        stage.store.down = False
        return "poll"

    stage.run(lambda: "poll", back)
    assert [line for line in stage.log if "store" in line][-1] == "store: well again"
    commit, statuses = stage.published[-1]
    assert [(s.unit, s.ready) for s in statuses] == [("demo/agent/one", Ready.TRUE)]
    assert len(commit) == 40


def test_a_broken_file_holds_its_unit_and_the_others_converge() -> None:
    stage = Stage()
    stage.commit(one=sleeper(), two=sleeper())()

    def breaks() -> str:
        return stage.commit(one=b"kind: [", three=sleeper())()

    stage.run(breaks, lambda: "poll")
    assert stage.names() == ["demo/one", "demo/three", "demo/two"]
    assert any("held demo/agent/one" in line for line in stage.log)
    assert any("held demo/agent/two" in line for line in stage.log)


def test_an_emptied_fleet_stops_nothing_until_it_is_confirmed() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()
    stage.run(stage.commit(), lambda: "poll", lambda: "poll")
    assert stage.names() == ["demo/one"]
    assert any("novaorch apply --confirm " in line for line in stage.log)


def test_a_failing_move_is_not_tried_in_a_hot_loop() -> None:
    stage = Stage()
    stage.host = FailingHost(UnitId("demo/agent/one"))
    stage.commit(one=sleeper(), two=sleeper())()
    stage.run(*[lambda: "poll"] * 10)
    tries = [line for line in stage.log if line.startswith("start demo/agent/one")]
    assert 3 <= len(tries) <= 6
    assert "demo/two" in stage.names()


def test_a_fleet_renamed_before_the_first_pass_is_another_fleet() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()
    daemon = stage.daemon(Steps(stage.clock, []))
    daemon.fleet = FleetSettings(name="former")
    daemon.run()
    assert "names the fleet test; this daemon keeps former" in stage.log[0]
    assert not stage.connections
    assert not stage.names()


def test_a_changed_fleet_file_connects_anew() -> None:
    stage = Stage()
    stage.commit(one=sleeper())()

    def change() -> str:
        moved = FLEET.replace(b"poll: 5s", b"poll: 7s")
        files = {"fleet.yaml": moved, "demo/agents/one.yaml": sleeper()}
        stage.repository.commit(files)
        return "hook"

    trigger = stage.run(change)
    assert [fleet.poll_s for fleet in stage.connections] == [5.0, 7.0]
    assert trigger.waits[-1] >= 6.3


class Interrupting(Steps):
    """A trigger that has a word in between the portions of a large plan."""

    def __init__(
        self, clock: MemoryClock, steps: Sequence[Callable[[], str]], words: Sequence[str]
    ) -> None:
        super().__init__(clock, steps)
        self.words = list(words)
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def pressing(self) -> str:
        self.asked += 1
        self.meanwhile()
        return self.words.pop(0) if self.words else ""


def crowd(count: int, **spec: str) -> dict[str, bytes]:
    return {"fleet.yaml": FLEET} | {f"p/agents/a{n:03}.yaml": sleeper(**spec) for n in range(count)}


def test_a_newer_commit_gets_a_word_in_while_many_are_started() -> None:
    stage = Stage()
    stage.repository.commit(crowd(120))
    trigger = Interrupting(stage.clock, [], ["hook"])
    newer = {name: body for name, body in crowd(120).items() if "a11" not in name}

    def commit_once() -> None:
        if trigger.asked == 1:
            stage.repository.commit(newer)

    trigger.meanwhile = commit_once
    stage.daemon(trigger).run()
    assert sum(stage.host.starts.values()) == 110, "what the newer commit lacks was never started"
    assert max(stage.host.starts.values()) == 1


def test_a_nudge_without_a_newer_commit_does_not_break_a_plan_off() -> None:
    stage = Stage()
    stage.repository.commit(crowd(120))
    trigger = Interrupting(stage.clock, [], ["hook", "watch", "hook"])
    stage.daemon(trigger).run()
    assert trigger.asked >= 2, "a word between each two portions"
    assert sum("120 moves" in line for line in stage.log) == 1
    assert len(stage.host.starts) == 120


def test_the_end_breaks_a_plan_off_between_two_portions() -> None:
    stage = Stage()
    stage.repository.commit(crowd(120))
    trigger = Interrupting(stage.clock, [], ["stop"] * 20)
    stage.daemon(trigger).run()
    assert len(stage.host.starts) == 50, "one portion, and no further pass"
    assert max(stage.host.starts.values()) == 1
