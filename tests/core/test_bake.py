"""How a trial stands, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.bake import Baking, Promote, Revert, judge
from reconciler.model.control import Trial
from reconciler.model.fleet import Canary
from reconciler.model.unit import Restart
from reconciler.model.world import PaneMark
from tests.bench import Bench
from tests.builders import ALWAYS, NEVER, ON_FAILURE, agent, agent_id, desired

A, B = agent_id("a"), agent_id("b")
BAKE = Canary(count=1, bake_s=60.0)


class Trying:
    """One agent on trial, and another that is none."""

    def __init__(self, restart: Restart = ALWAYS) -> None:
        self.bench = Bench(desired(agent("a", restart=restart), agent("b"))).run()
        self.trial = Trial("c2", "c1", (A,), self.bench.clock.now())

    def mark(self, unit: str = A, **values: int) -> None:
        pane = self.bench.host.panes_of(unit)[0]
        assert isinstance(pane.mark, PaneMark)
        pane.mark = replace(pane.mark, **values)  # type: ignore[arg-type]
        pane.window.session.touch()

    def judged(self) -> Baking | Promote | Revert:
        thought = self.bench.think()
        return judge(self.trial, BAKE, thought.scene, thought.plan)

    def later(self, seconds: float) -> None:
        self.bench.clock.sleep(seconds)


@pytest.fixture
def trying() -> Trying:
    return Trying()


def test_it_is_watched_for_its_time_and_no_longer(trying: Trying) -> None:
    began = trying.trial.began
    assert trying.judged() == Baking(began + 60)
    trying.later(59.5)
    assert trying.judged() == Baking(began + 60)
    trying.later(0.5)
    assert trying.judged() == Promote()


def test_one_fall_in_a_row_ends_it(trying: Trying) -> None:
    trying.mark(falls=1)
    assert trying.judged() == Revert(f"{A} fell")


def test_a_burst_since_it_began_ends_it(trying: Trying) -> None:
    trying.mark(burst=1, burst_since=int(trying.trial.began))
    assert trying.judged() == Revert(f"{A} fell")


def test_a_burst_before_it_began_is_no_fault_of_the_commit(trying: Trying) -> None:
    trying.mark(burst=3, burst_since=int(trying.trial.began) - 1)
    assert trying.judged() == Baking(trying.trial.began + 60)


def test_an_hour_without_a_burst_is_none(trying: Trying) -> None:
    trying.mark(burst=0, burst_since=int(trying.trial.began) + 5)
    assert trying.judged() == Baking(trying.trial.began + 60)


def test_a_fall_of_another_unit_is_no_fault_of_the_commit(trying: Trying) -> None:
    trying.mark(B, falls=4)
    assert trying.judged() == Baking(trying.trial.began + 60)


def test_an_end_that_nobody_asked_for_says_its_status(trying: Trying) -> None:
    trying.bench.host.exit(A, 3)
    assert trying.judged() == Revert(f"{A} exited with status 3")


def test_a_pane_that_a_person_closes_is_no_fault_of_the_commit(trying: Trying) -> None:
    trying.bench.host.human_close(trying.bench.host.panes_of(A)[0].id)
    assert isinstance(trying.judged(), Baking)
    trying.bench.run()
    trying.later(60)
    assert trying.judged() == Promote()


@pytest.mark.parametrize(
    ("restart", "status", "good"),
    [(NEVER, 0, True), (NEVER, 1, False), (ON_FAILURE, 0, True), (ALWAYS, 0, False)],
)
def test_a_job_may_end_and_only_well(restart: Restart, status: int, good: bool) -> None:
    trying = Trying(restart)
    trying.bench.host.exit(A, status)
    trying.later(60)
    assert trying.judged() == (Promote() if good else Revert(f"{A} exited with status {status}"))


def test_what_cannot_be_started_here_ends_it(trying: Trying) -> None:
    trying.bench.host.human_close(trying.bench.host.panes_of(A)[0].id)
    trying.bench.host.refused[A] = ("no such program", "install it")
    assert trying.judged() == Revert(f"{A} cannot run it: no such program")
