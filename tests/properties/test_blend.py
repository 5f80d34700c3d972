"""Two wishes mixed for a trial, whatever they are: what comes out is whole, and harms nobody."""

from __future__ import annotations

from collections.abc import Container, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.canary import awaiting, blend, changed, chosen, lots, subjects
from reconciler.model.control import Trial, Withholding
from reconciler.model.fleet import Canary
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired
from tests.bench import Bench
from tests.properties.wishes import Drawn, fleets


def tried(base: Desired, new: Desired, live: Container[UnitId], canary: Canary) -> Trial:
    units = chosen(lots(base, new, live), "salt", canary)
    return Trial("c" * 40, base.commit, units, 0.0, new.tree)


def restarts(base: Desired, new: Desired, unit: UnitId) -> bool:
    """Whether the command differs: the only field of these wishes that restarts anything."""
    old, wanted = base.processes.get(unit), new.processes.get(unit)
    return old is not None and wanted is not None and old.launch != wanted.launch


@settings(max_examples=100, deadline=None)
@given(base=fleets(), new=fleets(), count=st.integers(0, 3), rest=st.integers(1, 100))
def test_what_comes_out_is_whole(base: Drawn, new: Drawn, count: int, rest: int) -> None:
    old, wanted = base.wish, new.wish
    live = set(old.processes)
    canary = Canary(count, rest, above=1)
    trial = tried(old, wanted, live, canary)
    made = blend(old, wanted, trial, canary)
    slots = [slot.process for f in made.frames.values() for w in f.windows for slot in w.slots]
    assert sorted(slots) == sorted(made.processes)
    for frame in made.frames.values():
        for window in frame.windows:
            assert all(made.processes[s.process].frame == frame.id for s in window.slots)
    assert not (old.processes.keys() - made.processes.keys()) & wanted.processes.keys()
    differ = {u for u in old.processes if restarts(old, wanted, u)}
    assert changed(old, wanted) == differ
    assert subjects(old, wanted, live) == tuple(sorted(differ))
    running_new = {u for u in differ if made.processes[u] is wanted.processes[u]}
    if not trial.units:
        assert len(differ) <= 1
        return
    allowed = max(1, count or -(-len(differ) * rest // 100))
    assert set(trial.units) <= running_new
    largest = max(len(lot) for lot in lots(old, wanted, live))
    assert len(trial.units) <= max(allowed, largest)
    if largest == 1:
        assert len(running_new) == min(allowed, len(differ))
    for unit in differ - running_new:
        assert made.processes[unit] is old.processes[unit]
    (held,) = made.withheld
    assert held.why is Withholding.CANARY
    assert made.fleet is old.fleet


def run(bench: Bench, wish: Desired) -> None:
    """Converge; what was overtaken by its own plan is looked at again."""
    bench.commit(wish)
    for _ in range(20):
        done = bench.apply()
        assert all(outcome.stale for outcome in done.failed)
        if not done.after.plan.moves:
            return
        bench.clock.sleep(1)
    raise AssertionError("never done")


@settings(max_examples=20, deadline=None)
@given(base=fleets(whole=True), new=fleets(whole=True))
def test_nobody_outside_is_disturbed_and_both_ways_out_lead_out(base: Drawn, new: Drawn) -> None:
    for out in (base.wish, new.wish):
        bench = Bench(base.wish).run()
        before = {UnitId(unit): pid for unit, pid in bench.pids().items()}
        canary = Canary(count=1, above=1)
        trial = tried(base.wish, new.wish, before, canary)
        if not trial.units:
            return
        run(bench, blend(base.wish, new.wish, trial, canary))
        differ = changed(base.wish, new.wish) - set(trial.units)
        kept = {u for u in differ if u in before and not base.wish.processes[u].stopped}
        whole = {u for lot in lots(base.wish, new.wish, before) if len(lot) > 1 for u in lot}
        after: Mapping[str, int] = bench.pids()
        assert {u: after.get(u) for u in kept - whole} == {u: before[u] for u in kept - whole}
        run(bench, out)


@settings(max_examples=30, deadline=None)
@given(base=fleets(), new=fleets(), data=st.data())
def test_the_choice_hangs_on_nothing_but_what_it_is_about(
    base: Drawn, new: Drawn, data: st.DataObject
) -> None:
    live = set(base.wish.processes)
    found = lots(base.wish, new.wish, live)
    mixed = data.draw(st.permutations(found))
    canary = Canary(percent=50)
    assert chosen(found, "x", canary) == chosen(mixed, "x", canary)


@settings(max_examples=20, deadline=None)
@given(base=fleets(), new=fleets())
def test_before_a_trial_nothing_of_the_new_is_wished_for(base: Drawn, new: Drawn) -> None:
    made = awaiting(base.wish, new.wish)
    assert (made.frames, made.processes) == (base.wish.frames, base.wish.processes)
    assert made.commit == base.wish.commit
