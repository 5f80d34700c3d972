"""A fleet at a glance, and what a controller wrote down, believed only while it is fresh."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.memory import MemoryStore
from reconciler.core.conditions import dated
from reconciler.core.fold import fold
from reconciler.core.recollect import believed, recollect
from reconciler.core.tally import drift_s, tally
from reconciler.model.control import Withheld, Withholding
from reconciler.model.ids import Json
from reconciler.model.status import FleetStatus, Ready, Status
from tests.bench import Bench
from tests.builders import agent, agent_id, desired

REWOUND = Withheld("c2", Withholding.REWOUND, "it was rewound", "novaorch apply --confirm x")
CLOSED = Withheld("c2", Withholding.WINDOW, "opens at nine", until=2_000.0)


def three() -> tuple[Bench, tuple[Status, ...]]:
    """One that runs, one on its way, one that cannot start."""
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a"), agent("b"), agent("c")))
    bench.host.refused[agent_id("c")] = ("no such command", "install it")
    thought = bench.think()
    return bench, fold(thought.scene, thought.plan)


def conditions(status: FleetStatus) -> list[str]:
    return [f"{c.name} {c.value.value} {c.reason}" for c in status.conditions]


def test_units_are_counted_by_what_they_are() -> None:
    bench, statuses = three()
    found = tally("f", "c1", statuses)
    counts = (found.units, found.ready, found.reconciling, found.stalled, found.unhealthy)
    assert counts == (3, 1, 1, 1, 2)
    assert (found.suspended, found.unknown, found.newest, found.well) == (0, 0, "c1", False)
    assert conditions(found) == [
        "Ready False units-not-ready",
        "Reconciling False idle",
        "Stalled True stalled",
        "Healthy False unhealthy",
    ]
    assert bench.wishes.wish.commit == statuses[0].observed
    assert json.loads(json.dumps(found.as_json()))["stalled"] == 1


@pytest.mark.parametrize(
    ("withheld", "expected"),
    [
        ((), ["Ready True as-wished", "Reconciling False idle", "Stalled False not-stalled"]),
        (
            (REWOUND,),
            ["Ready False commit-withheld", "Reconciling False idle", "Stalled True stalled"],
        ),
        (
            (CLOSED,),
            [
                "Ready False commit-withheld",
                "Reconciling True on-its-way",
                "Stalled False not-stalled",
            ],
        ),
    ],
)
def test_a_withheld_commit_is_no_unit_and_yet_not_well(
    withheld: tuple[Withheld, ...], expected: list[str]
) -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(replace(bench.wishes.wish, withheld=withheld))
    thought = bench.think()
    statuses = fold(thought.scene, thought.plan)
    assert [s.unit for s in statuses] == ["p/agent/a"]
    found = tally("f", "c1", statuses, withheld)
    assert conditions(found)[:3] == expected
    assert found.well is not bool(withheld)
    assert found.newest == ("c2" if withheld else "c1")


def test_drift_is_as_old_as_the_oldest_unit_that_is_not_as_wished() -> None:
    _, statuses = three()
    assert drift_s(statuses, 50.0) == 0.0, "without hours nobody knows"
    first = dated({}, statuses, 100.0)
    assert drift_s(first, 130.0) == 30.0
    later = dated({s.unit: s for s in first}, statuses, 140.0)
    assert tally("f", "c", later, (), 150.0).drift_s == 50.0
    assert drift_s(later, 90.0) == 0.0, "the clock was set back"


# -- written down ----------------------------------------------------------------------------------


def written(now: float, every_s: float) -> tuple[Status, ...]:
    store = MemoryStore(host="here")
    statuses = dated({}, three()[1], now)
    store.publish("c1", statuses, now, every_s=every_s)
    recalled = recollect(store.recall())
    assert (recalled.commit, recalled.host, recalled.heartbeat) == ("c1", "here", now)
    assert recalled.statuses == statuses
    return believed(recalled, 1_000.0)


@pytest.mark.parametrize(
    ("now", "every_s", "fresh"),
    [
        (985.0, 5.0, True),
        (984.9, 5.0, False),
        (0.1, 400.0, True),
        (910.0, 0.0, True),
        (909.0, 0.0, False),
        (1_014.0, 5.0, True),
        (1_016.0, 5.0, False),
    ],
)
def test_what_is_older_than_three_words_is_unknown(now: float, every_s: float, fresh: bool) -> None:
    values = {status.ready for status in written(now, every_s)}
    assert values == ({Ready.TRUE, Ready.FALSE} if fresh else {Ready.UNKNOWN})
    if not fresh:
        aspects = {c.value for s in written(now, every_s) for c in s.conditions}
        assert aspects == {Ready.UNKNOWN}
        found = tally("f", "c", written(now, every_s))
        assert {c.value for c in found.conditions} == {Ready.UNKNOWN}
        assert not found.well


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("unit", "ready", "pid", "conditions", "type", "since", "status", "every")
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(controller=json_values, units=json_values)
def test_whatever_stands_there_is_read_without_harm(controller: Json, units: Json) -> None:
    found = recollect({"controller": controller, "statuses": units})
    for status in believed(found, 1_000.0):
        assert status.unit
        assert status.pid >= 0
        json.dumps(status.as_json(), allow_nan=False)


def test_an_empty_store_says_nothing() -> None:
    found = recollect(MemoryStore().recall())
    assert (found.heartbeat, found.statuses) == (0.0, ())
    assert found.stale(0.0)
