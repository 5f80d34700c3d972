"""What the loop counts for the gate."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from reconciler.core.exposition import Histogram
from reconciler.loop.cycle import Thought
from reconciler.loop.meter import Meter
from reconciler.model.action import Action, Outcome, Reason, Verb
from reconciler.model.control import Restraints, Withheld, Withholding
from reconciler.model.unit import Desired
from tests.bench import Bench
from tests.builders import agent, agent_id, desired

A = agent_id("a")


class Loop:
    """A daemon's passes by hand: think, act, think again, tell the meter."""

    def __init__(self, wish: Desired) -> None:
        self.bench, self.meter = Bench(wish), Meter()

    def commit(self, wish: Desired, committed: float = 0.0) -> None:
        self.bench.commit(replace(wish, committed=committed))

    def turn(self, took_s: float = 0.5) -> Thought:
        outcomes = self.bench.once()
        thought = self.bench.think()
        self.meter.passed(took_s, thought, outcomes, self.bench.clock.now())
        return thought


def seen(histogram: Histogram) -> tuple[int, float]:
    return sum(histogram.counts), histogram.total


def test_passes_and_actions_are_counted_by_how_they_went() -> None:
    loop = Loop(desired(agent("a")))
    loop.bench.host.fail_in = 0
    loop.turn()
    loop.turn()
    loop.turn()
    loop.meter.failed(0.25)
    found = loop.meter.measured
    assert found.passes == {"failed": 1, "acted": 1, "idle": 1, "error": 1}
    assert found.actions == {("start", "failed"): 1, ("start", "done"): 1}
    assert seen(found.took) == (4, 1.75)
    assert found.last_pass == loop.bench.clock.now()


def test_a_stale_move_is_one_of_its_own() -> None:
    thought = Bench(desired(agent("a"))).think()
    stale = Outcome(Action(Verb.START, A, Reason.ABSENT), error="moved on", stale=True)
    meter = Meter()
    meter.passed(0.1, thought, [stale], 5.0)
    assert meter.measured.actions == {("start", "stale"): 1}


def test_a_commit_is_counted_once_from_its_hour_and_from_its_first_sight() -> None:
    loop = Loop(desired(agent("a")))
    loop.turn()
    loop.turn()
    assert seen(loop.meter.measured.converged) == (0, 0.0), "it was there before the daemon"
    loop.bench.clock.sleep(100)
    loop.commit(desired(agent("a"), agent("b")), committed=loop.bench.clock.now() - 2)
    loop.turn(took_s=0.5)
    loop.bench.clock.sleep(9)
    loop.turn()
    found = loop.meter.measured
    assert seen(found.converged) == (1, 2.0)
    assert seen(found.noticed) == (1, 0.5)


def test_what_is_held_is_waited_for_and_counted_once() -> None:
    loop = Loop(desired(agent("a")))
    loop.turn()
    loop.bench.host.refused[agent_id("b")] = ("no such command", "install it")
    loop.commit(desired(agent("a"), agent("b")), committed=loop.bench.clock.now())
    loop.turn(took_s=0)
    loop.bench.clock.sleep(30)
    loop.turn(took_s=0)
    assert seen(loop.meter.measured.converged) == (0, 0.0)
    loop.bench.host.refused.clear()
    loop.turn(took_s=0)
    loop.bench.host.exit(agent_id("b"), 1)
    loop.turn(took_s=0)
    loop.turn(took_s=0)
    found = loop.meter.measured
    assert seen(found.converged) == seen(found.noticed) == (1, 30.0)


def test_a_withheld_commit_does_not_keep_the_one_before_from_being_done() -> None:
    loop = Loop(desired(agent("a")))
    loop.turn()
    loop.commit(desired(agent("a"), agent("b")))
    newer = Withheld("c9", Withholding.REWOUND, "it was rewound")
    loop.commit(replace(loop.bench.wishes.wish, withheld=(newer,)))
    loop.turn()
    assert seen(loop.meter.measured.noticed)[0] == 1
    assert seen(loop.meter.measured.converged)[0] == 0, "nobody knows its hour"
    assert loop.meter.measured.withheld == (newer,)


def test_heals_are_what_no_commit_asked_for() -> None:
    loop = Loop(desired(agent("a")))
    loop.turn()
    assert loop.meter.measured.heals == 0
    loop.bench.host.exit(A, 1)
    loop.turn()
    assert loop.meter.measured.heals == 1
    (session,) = loop.bench.host.sessions
    loop.bench.host.human_close(session.session_id)
    loop.turn()
    assert loop.meter.measured.heals == 2
    loop.commit(desired(agent("a"), agent("b")))
    loop.turn()
    assert loop.meter.measured.heals == 2


def test_stops_that_are_held_are_counted_by_why() -> None:
    loop = Loop(desired(agent("a"), agent("b")))
    loop.turn()
    loop.commit(desired(projects=()))
    loop.turn()
    assert loop.meter.measured.blocked == {"nothing-desired": 2}
    loop.commit(desired(agent("a"), agent("b")))
    loop.turn()
    assert loop.meter.measured.blocked == {}


def test_lease_journal_and_store_are_noted() -> None:
    loop = Loop(desired(agent("a")))
    assert loop.meter.measured.store_up is None
    loop.meter.leased(7)
    loop.meter.stored(up=True)
    loop.meter.journalled(3)
    thought = loop.turn()
    found = loop.meter.measured
    assert (found.leased, found.epoch, found.store_up, found.journal) == (True, 7, True, 3)
    unleased = replace(thought.scene, restraints=Restraints(leased=False))
    loop.meter.passed(0, Thought(unleased, thought.plan), [], 1.0)
    assert loop.meter.measured.leased is False


@pytest.mark.parametrize("took_s", [-5.0, 0.0])
def test_a_clock_that_is_set_back_counts_as_no_time(took_s: float) -> None:
    loop = Loop(desired(agent("a")))
    loop.turn(took_s)
    loop.commit(desired(agent("a"), agent("b")), committed=loop.bench.clock.now() + 50)
    loop.turn(took_s)
    found = loop.meter.measured
    assert (found.took.total, found.converged.total, found.noticed.total) == (0.0, 0.0, 0.0)


def test_whoever_looks_meanwhile_sees_a_whole() -> None:
    loop = Loop(desired(agent("a")))
    thought = loop.turn()
    over = threading.Event()
    odd: list[object] = []

    def look() -> None:
        while not over.is_set():
            found = loop.meter.measured
            if sum(found.passes.values()) != sum(found.took.counts):
                odd.append(found)

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(2_000):
        loop.meter.passed(0.1, thought, [], 1.0)
    over.set()
    watcher.join()
    assert not odd
    assert loop.meter.measured.passes["idle"] == 2_000
