"""Falls, whenever they come: when it is a crash loop, how long it stays one, and its pace.

The oracle counts in a list of hours; it knows nothing of marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.action import Reason
from reconciler.model.unit import Desired, Restart
from tests.bench import Bench
from tests.builders import agent, agent_id, desired

A = agent_id("a")
HEALTHY_S = 600


@dataclass
class History:
    """When the lives began that ended in a fall, since the process was healthy the last time."""

    restart: Restart
    hours: list[float] = field(default_factory=list)
    looped: bool = False

    def fell(self, started: float, now: float) -> None:
        """Count a fall of a life that began at `started`; it is mended now."""
        if now - started >= max(HEALTHY_S, 2 * self.restart.max_s):
            self.hours, self.looped = [], False
        self.hours.append(started)

    def crowd(self) -> int:
        """The most of them that lie within one window."""
        window_s = self.restart.burst_window_s
        return max(sum(0 <= b - a <= window_s for b in self.hours) for a in self.hours)


def wish(restart: Restart, label: str = "") -> Desired:
    return desired(agent("a", restart=restart, labels={"x": label}))


RESTARTS = st.builds(
    Restart,
    max_s=st.sampled_from((1.0, 60.0, 700.0)),
    burst_count=st.integers(1, 5),
    burst_window_s=st.sampled_from((30.0, 600.0, 5000.0)),
)
LIVES = st.lists(
    st.tuples(st.sampled_from((0, 1, 5, 40, 300, 2000)), st.sampled_from((7, 60))),
    min_size=1,
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(restart=RESTARTS, lives=LIVES)
def test_a_crash_loop_is_what_a_list_of_hours_says(
    restart: Restart, lives: list[tuple[int, int]]
) -> None:
    bench = Bench(wish(restart)).run()
    history, count = History(restart), restart.burst_count
    for lifetime_s, look_s in lives:
        started = bench.clock.now()
        bench.clock.sleep(lifetime_s)
        bench.host.exit(A, 1)
        said = set()
        while not bench.plan().moves:
            (hold,) = bench.plan().actions
            said.add(hold.reason)
            bench.clock.sleep(look_s)
        history.fell(started, bench.clock.now())
        bench.once()
        loops = said == {Reason.CRASH_LOOP}
        assert loops or Reason.CRASH_LOOP not in said, "it never changes its mind while it waits"
        if loops or (history.looped and len(history.hours) > 1):
            pace_s = max(restart.max_s, min(300, restart.burst_window_s / count))
            assert bench.clock.now() - started >= pace_s
        if loops and not history.looped:
            assert history.crowd() >= count
        history.looped |= loops
        mark = bench.pane(A).mark
        assert mark is not None
        assert mark.burst <= len(history.hours)
        if history.looped:
            assert mark.burst >= count, "a crash loop stays one until health"
        if history.crowd() >= 2 * count - 1:
            assert mark.burst >= count, "so many in a window cannot be missed"
    bench.run(wish(restart, "another wish"))
    bench.host.exit(A, 1)
    bench.run(desired(agent("a", "new", restart=restart)))
    mark = bench.pane(A).mark
    assert mark is not None
    assert (mark.falls, mark.burst, mark.burst_since) == (0, 0, 0)


@settings(max_examples=30, deadline=None)
@given(restart=RESTARTS, gaps=st.lists(st.sampled_from((0, 3, 100, 1000)), max_size=12))
def test_what_is_planned_is_never_a_fall(restart: Restart, gaps: list[int]) -> None:
    bench = Bench(wish(restart)).run()
    for number, gap_s in enumerate(gaps):
        bench.clock.sleep(gap_s)
        bench.run(desired(agent("a", f"run-{number}", restart=restart)))
        mark = bench.pane(A).mark
        assert mark is not None
        assert (mark.falls, mark.burst, mark.burst_since) == (0, 0, 0)
