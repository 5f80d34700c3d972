"""What a monitoring system reads: the whole text, parsed by the one that it is for."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from reconciler.core.conditions import unknown
from reconciler.core.exposition import Family, Histogram, Sample, exposition, number
from reconciler.core.fold import fold
from reconciler.core.metrics import CONVERGED_S, PASS_S, UNITS_MAX, Measured, Use, families
from reconciler.core.tally import tally
from reconciler.model.control import Withheld, Withholding
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready, Status
from tests.bench import Bench
from tests.builders import agent, agent_id, desired

Read = dict[tuple[str, tuple[tuple[str, str], ...]], float]
USE = Use(resident=1 << 20, virtual=1 << 22, cpu_s=0.25, files=9, files_max=1024, began=1e9)


def read(text: str) -> Read:
    found: Read = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def told(statuses: tuple[Status, ...], measured: Measured | None = None) -> Read:
    measured = measured or Measured()
    fleet = tally("f", "c" * 40, statuses, measured.withheld)
    return read(exposition(families("1.2.3", measured, fleet, statuses, USE)))


def two() -> tuple[Status, ...]:
    bench = Bench(desired(agent("a"), agent("b")))
    bench.host.refused[agent_id("b")] = ("no", "yes")
    bench.once()
    thought = bench.think()
    return fold(thought.scene, thought.plan)


def test_every_promised_metric_is_there_from_the_start() -> None:
    names = {name for name, _ in told(())}
    assert names >= {
        "novaorch_build_info",
        "novaorch_commit_info",
        "novaorch_units",
        "novaorch_unit_conditions",
        "novaorch_reconcile_total",
        "novaorch_reconcile_seconds_bucket",
        "novaorch_reconcile_seconds_sum",
        "novaorch_actions_total",
        "novaorch_commit_to_converged_seconds_count",
        "novaorch_seen_to_converged_seconds_count",
        "novaorch_drift_seconds",
        "novaorch_heals_total",
        "novaorch_prune_blocked",
        "novaorch_lease_epoch",
        "novaorch_lease_held",
        "novaorch_plan_stale_total",
        "novaorch_suspended",
        "novaorch_withheld_commits",
        "novaorch_last_pass_timestamp_seconds",
        "novaorch_journal_pending",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
    }


def test_values_are_where_they_belong() -> None:
    measured = Measured(
        passes={"acted": 2, "error": 1},
        took=Histogram.empty((1.0, 2.0)).with_value(1.5).with_value(9.0),
        actions={("start", "done"): 3, ("stop", "stale"): 2, ("start", "stale"): 1},
        heals=4,
        last_pass=123.5,
        blocked={"project-gone": 7},
        leased=True,
        epoch=11,
        journal=5,
        store_up=False,
        withheld=(Withheld("c2", Withholding.CANARY, "on trial"),),
    )
    found = told(two(), measured)
    assert found["novaorch_build_info", (("version", "1.2.3"),)] == 1
    assert found["novaorch_commit_info", (("commit", "c" * 40), ("fleet", "f"))] == 1
    assert found["novaorch_units", (("state", "running"),)] == 1
    assert found["novaorch_units", (("state", "held"),)] == 1
    assert found["novaorch_unit_conditions", (("status", "True"), ("type", "Stalled"))] == 1
    assert found["novaorch_unit_ready", (("unit", "p/agent/a"),)] == 1
    assert found["novaorch_unit_ready", (("unit", "p/agent/b"),)] == 0
    assert found["novaorch_unit_falls", (("unit", "p/agent/a"),)] == 0
    assert found["novaorch_reconcile_total", (("result", "acted"),)] == 2
    assert found["novaorch_reconcile_total", (("result", "idle"),)] == 0
    assert found["novaorch_reconcile_seconds_bucket", (("le", "1.0"),)] == 0
    assert found["novaorch_reconcile_seconds_bucket", (("le", "2.0"),)] == 1
    assert found["novaorch_reconcile_seconds_bucket", (("le", "+Inf"),)] == 2
    assert found["novaorch_reconcile_seconds_sum", ()] == 10.5
    assert found["novaorch_actions_total", (("result", "done"), ("verb", "start"))] == 3
    assert found["novaorch_plan_stale_total", ()] == 3
    assert found["novaorch_heals_total", ()] == 4
    assert found["novaorch_prune_blocked", (("reason", "project-gone"),)] == 7
    assert found["novaorch_prune_blocked", (("reason", "nothing-desired"),)] == 0
    assert found["novaorch_lease_held", ()] == 1
    assert found["novaorch_lease_epoch", ()] == 11
    assert found["novaorch_journal_pending", ()] == 5
    assert found["novaorch_store_up", ()] == 0
    assert found["novaorch_withheld_commits", ()] == 1
    assert found["novaorch_last_pass_timestamp_seconds", ()] == 123.5
    assert found["process_resident_memory_bytes", ()] == 1 << 20


def test_what_is_not_known_is_not_told_as_no() -> None:
    found = told(unknown(two(), "nobody looks"))
    assert found["novaorch_unit_ready", (("unit", "p/agent/a"),)] == -1
    assert found["novaorch_unit_conditions", (("status", "Unknown"), ("type", "Ready"))] == 2
    assert ("novaorch_store_up", ()) not in found


@pytest.mark.parametrize(("count", "labelled"), [(UNITS_MAX, UNITS_MAX), (UNITS_MAX + 1, 0)])
def test_units_are_labels_only_while_they_are_few(count: int, labelled: int) -> None:
    unit = Status(UnitId("p/agent/a"), Ready.TRUE, "running", "", "", "", pane="%1")
    many = tuple(
        Status(UnitId(f"p/agent/a{n}"), Ready.TRUE, "running", "", "", "", pane="%1")
        for n in range(count)
    )
    found = told(many)
    names = Counter(name for name, _ in found)
    assert names["novaorch_unit_ready"] == names["novaorch_unit_falls"] == labelled
    assert found["novaorch_units", (("state", "running"),)] == count
    assert unit.ready is Ready.TRUE


def test_no_prose_is_ever_a_label() -> None:
    bench = Bench(desired(agent("a")))
    bench.host.refused[agent_id("a")] = ("SECRET words", "SECRET fix")
    thought = bench.think()
    statuses = fold(thought.scene, thought.plan)
    fleet = tally("f", "c", statuses)
    assert "SECRET" not in exposition(families("1", Measured(), fleet, statuses))


@given(text=st.text(max_size=30))
def test_no_label_breaks_the_text(text: str) -> None:
    made = exposition([Family("x", "gauge", text, (Sample(1, (("unit", text),)),))])
    assert made.count("\n") == 3
    ((key, value),) = read(made.replace("\r", "?")).items()
    assert (key[0], value) == ("x", 1)
    assert key[1] == (("unit", text.encode("utf-8", "replace").decode().replace("\r", "?")),)


@given(values=st.lists(st.floats(-5, 100), max_size=20))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    histogram = Histogram.empty((1.0, 10.0))
    for value in values:
        histogram = histogram.with_value(value)
    counted = {s.labels[0][1]: s.value for s in histogram.samples() if s.suffix == "_bucket"}
    assert counted["1.0"] == sum(value <= 1 for value in values)
    assert counted["10.0"] == sum(value <= 10 for value in values)
    assert counted["+Inf"] == len(values)
    total = sum(max(0.0, value) for value in values)
    assert math.isclose(histogram.total, total, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.25, "0.25"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)
def test_numbers_are_written_as_the_format_has_it(value: float, text: str) -> None:
    assert number(value) == text
    assert float(number(1e300)) == 1e300


def test_the_bounds_of_what_is_measured_stay_where_dashboards_look_for_them() -> None:
    assert PASS_S == (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
    assert CONVERGED_S == (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


def test_a_number_too_large_for_digits_has_an_exponent() -> None:
    assert [number(v) for v in (0, 3.0, -2.5, 1e14, 1e15, 1e16)] == [
        "0", "3", "-2.5", "100000000000000", "1000000000000000.0", "1e+16",
    ]  # fmt: skip
