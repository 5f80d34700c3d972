"""What the gate tells a monitoring system: counts and gauges made of values. Touches nothing.

Never a commit message, a command or a reason in prose: labels come from closed lists, beside the
names of units, and those only as long as they are few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.conditions import HEALTHY, READY, RECONCILING, STALLED
from reconciler.core.exposition import Family, Histogram, Labels, Sample
from reconciler.model.action import Reason, Verb
from reconciler.model.agent import AgentState
from reconciler.model.control import Withheld
from reconciler.model.status import FleetStatus, Ready, Status

UNITS_MAX = 2_000
"""With more units than this, no metric is labelled with one."""
STATES = ("running", "draining", "exited", "ended", "stopped", "absent", "held", "open")
RESULTS = ("idle", "acted", "failed", "error")
"""Of a pass: nothing to do; moves were made; a move failed; it could not be made at all."""
FATES = ("done", "failed", "stale")
"""Of an action."""
BLOCKS = (
    Reason.TOO_MANY_STOPS,
    Reason.PROJECT_GONE,
    Reason.EMPTY,
    Reason.UNSETTLED,
    Reason.PROTECTED,
    Reason.ABSENCE,
)
"""Why something that nobody wishes for is not stopped."""
PASS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CONVERGED_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_NO_PASS, _NO_COMMIT = Histogram.empty(PASS_S), Histogram.empty(CONVERGED_S)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a controller counted since it started; a one-shot look counted nothing.

    `converged` is counted from the hour of a commit, `noticed` from when it was first seen.
    `last_pass` is the epoch second of the last pass that was made, 0 if none. `journal` counts
    how often in a row the journal could not be written. `store_up` is None when nobody has tried.
    """

    passes: Mapping[str, int] = field(default_factory=dict)
    took: Histogram = _NO_PASS
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    converged: Histogram = _NO_COMMIT
    noticed: Histogram = _NO_COMMIT
    heals: int = 0
    last_pass: float = 0.0
    blocked: Mapping[str, int] = field(default_factory=dict)
    leased: bool = False
    epoch: int = 0
    journal: int = 0
    store_up: bool | None = None
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What a process uses: bytes, seconds of CPU, open files; `began` is an epoch second."""

    resident: int
    virtual: int
    cpu_s: float
    files: int
    files_max: int
    began: float


def families(
    version: str,
    measured: Measured,
    fleet: FleetStatus,
    statuses: Iterable[Status],
    use: Use | None = None,
) -> tuple[Family, ...]:
    """Return every metric. Each family is there from the start, with a zero where nothing was."""
    statuses = tuple(statuses)
    return (
        *_about(version, fleet),
        *_fleet(fleet, statuses),
        *_units(statuses),
        *_agents(statuses),
        *_passes(measured),
        *_keeping(measured),
        *(_process(use) if use is not None else ()),
    )


def _about(version: str, fleet: FleetStatus) -> tuple[Family, ...]:
    build = (("version", version),)
    commit = (("fleet", fleet.fleet), ("commit", fleet.observed))
    return (
        _gauge("novaorch_build_info", "The version of novaorch.", 1, build),
        _gauge("novaorch_commit_info", "The commit that units are compared with.", 1, commit),
    )


def _fleet(fleet: FleetStatus, statuses: tuple[Status, ...]) -> tuple[Family, ...]:
    states = Counter(status.state for status in statuses)
    said = Counter((c.name, c.value) for status in statuses for c in status.conditions)
    kinds = [(name, value) for name in (READY, RECONCILING, STALLED, HEALTHY) for value in Ready]
    return (
        _family(
            "novaorch_units",
            "gauge",
            "Units by what they do.",
            [((("state", state),), states[state]) for state in STATES],
        ),
        _family(
            "novaorch_unit_conditions",
            "gauge",
            "Units by condition and its value.",
            [((("type", name), ("status", v.value)), said[name, v]) for name, v in kinds],
        ),
        _gauge("novaorch_suspended", "Units that hands are kept off.", fleet.suspended),
        _gauge("novaorch_withheld_commits", "Commits that are not followed.", len(fleet.withheld)),
        _gauge(
            "novaorch_drift_seconds",
            "For how long the oldest unit has not been as wished.",
            fleet.drift_s,
        ),
    )


_READY_NUMBER = {Ready.TRUE: 1.0, Ready.FALSE: 0.0, Ready.UNKNOWN: -1.0}


def _units(statuses: tuple[Status, ...]) -> tuple[Family, ...]:
    few = statuses if len(statuses) <= UNITS_MAX else ()
    return (
        _family(
            "novaorch_unit_ready",
            "gauge",
            "Whether a unit is as wished: 1 yes, 0 no, -1 nobody knows.",
            [((("unit", str(s.unit)),), _READY_NUMBER[s.ready]) for s in few],
        ),
        _family(
            "novaorch_unit_falls",
            "gauge",
            "How often in a row a unit fell by itself.",
            [((("unit", str(s.unit)),), s.falls) for s in few if s.pane],
        ),
    )


def _agents(statuses: tuple[Status, ...]) -> tuple[Family, ...]:
    """What agent runtimes do; one sample an agent, that of the state it is in."""
    agents = [(status.unit, status.agent) for status in statuses if status.agent is not None]
    states = Counter(agent.state for _, agent in agents)
    few = agents if len(statuses) <= UNITS_MAX else []
    return (
        _family(
            "novaorch_agents",
            "gauge",
            "Agents by what they do.",
            [((("state", state.value),), states[state]) for state in AgentState],
        ),
        _family(
            "novaorch_agent_state",
            "gauge",
            "1 for the state that an agent is in.",
            [((("unit", unit), ("state", agent.state.value)), 1) for unit, agent in few],
        ),
    )


def _passes(measured: Measured) -> tuple[Family, ...]:
    verbs = [(verb.value, fate) for verb in Verb if verb is not Verb.HOLD for fate in FATES]
    stale = sum(count for (_, fate), count in measured.actions.items() if fate == "stale")
    return (
        _family(
            "novaorch_reconcile_total",
            "counter",
            "Passes by how they went.",
            [((("result", result),), measured.passes.get(result, 0)) for result in RESULTS],
        ),
        Family(
            "novaorch_reconcile_seconds",
            "histogram",
            "How long a pass took.",
            measured.took.samples(),
        ),
        _family(
            "novaorch_actions_total",
            "counter",
            "Actions by what they did and how they went.",
            [
                ((("verb", v), ("result", fate)), measured.actions.get((v, fate), 0))
                for v, fate in verbs
            ],
        ),
        _counter(
            "novaorch_plan_stale_total",
            "Actions not begun because the world had moved on.",
            stale,
        ),
        _counter("novaorch_heals_total", "Moves that no commit asked for.", measured.heals),
        Family(
            "novaorch_commit_to_converged_seconds",
            "histogram",
            "From the hour of a commit until nothing of it was left to be done.",
            measured.converged.samples(),
        ),
        Family(
            "novaorch_seen_to_converged_seconds",
            "histogram",
            "From the first sight of a commit until nothing of it was left to be done.",
            measured.noticed.samples(),
        ),
        _gauge(
            "novaorch_last_pass_timestamp_seconds",
            "When the last pass ended.",
            measured.last_pass,
        ),
    )


def _keeping(measured: Measured) -> tuple[Family, ...]:
    found = [
        _family(
            "novaorch_prune_blocked",
            "gauge",
            "Stops of what nobody wishes for that are held, by reason.",
            [((("reason", r.value),), measured.blocked.get(r.value, 0)) for r in BLOCKS],
        ),
        _gauge("novaorch_lease_held", "Whether this controller has the lease.", measured.leased),
        _gauge("novaorch_lease_epoch", "The epoch of the lease.", measured.epoch),
        _gauge(
            "novaorch_journal_pending", "Attempts in vain to write the journal.", measured.journal
        ),
    ]
    if measured.store_up is not None:
        up = measured.store_up
        found.append(_gauge("novaorch_store_up", "Whether the store answered last.", up))
    return tuple(found)


def _process(use: Use) -> tuple[Family, ...]:
    return (
        _gauge("process_resident_memory_bytes", "Resident memory.", use.resident),
        _gauge("process_virtual_memory_bytes", "Virtual memory.", use.virtual),
        _counter("process_cpu_seconds_total", "User and system CPU time.", use.cpu_s),
        _gauge("process_open_fds", "Open file descriptors.", use.files),
        _gauge("process_max_fds", "How many may be open.", use.files_max),
        _gauge("process_start_time_seconds", "When the process started.", use.began),
    )


def _family(name: str, kind: str, text: str, values: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, kind, text, tuple(Sample(value, labels) for labels, value in values))


def _gauge(name: str, text: str, value: float, labels: Labels = ()) -> Family:
    return Family(name, "gauge", text, (Sample(float(value), labels),))


def _counter(name: str, text: str, value: float) -> Family:
    return Family(name, "counter", text, (Sample(value),))
