"""Telling every story again and again, with one fault at each boundary."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tests.simulator.gate import CRASHES, FAULTS, Boundary, Gate
from tests.simulator.oracle import Evidence, complaints, evidence
from tests.simulator.telling import StuckError, Telling, Workload
from tests.simulator.universe import Universe
from tests.simulator.workloads import WORKLOADS

SAMPLED = 12
"""Of each fault that is no crash, so many boundaries are tried, drawn by the seed."""
TRACE_LINES = 60


@dataclass(frozen=True)
class Strike:
    """One fault at one boundary."""

    fault: str
    number: int

    def __str__(self) -> str:
        return f"{self.fault}@{self.number}"

    @classmethod
    def parse(cls, text: str) -> Strike:
        """Return what `str` wrote."""
        fault, _, number = text.partition("@")
        if fault not in FAULTS:
            raise ValueError(f"{fault} is none of {', '.join(FAULTS)}")
        return cls(fault, int(number))


@dataclass(frozen=True)
class Reference:
    """A telling without faults."""

    boundaries: tuple[Boundary, ...]
    known: Evidence


@dataclass(frozen=True)
class Failure:
    """A telling that did not end well."""

    workload: str
    strikes: tuple[Strike, ...]
    complaints: tuple[str, ...]
    story: tuple[str, ...]
    seed: int | None = None

    @property
    def again(self) -> str:
        """The command that tells it again."""
        if self.seed is not None:
            return f"./dev simulate --seed {self.seed}"
        faults = "".join(f" --fault {strike}" for strike in self.strikes)
        return f'./dev simulate --workload "{self.workload}"{faults}'

    def __str__(self) -> str:
        first = next((n for n, line in enumerate(self.story) if "<--" in line), 0)
        trace = self.story[max(0, first - 8) :][:TRACE_LINES]
        return "\n".join(
            [f"{self.workload}: {', '.join(map(str, self.strikes)) or 'no fault'}"]
            + [f"  {line}" for line in self.complaints]
            + [f"  again: {self.again}", *(f"    {line}" for line in trace)]
        )


@cache
def reference(name: str) -> Reference:
    """Tell a story without faults; AssertionError when even that does not end well."""
    workload = WORKLOADS[name]
    gate, universe = told(workload, {})
    known = evidence(workload.begin(), universe)
    wrong = complaints(universe, workload, known)
    if wrong:
        raise AssertionError(str(Failure(name, (), tuple(wrong), tuple(gate.story))))
    return Reference(tuple(gate.crossed), known)


def told(
    workload: Workload, faults: Mapping[int, str], more_s: float = 0.0
) -> tuple[Gate, Universe]:
    """Tell a story with these faults, and wait `more_s` longer for its end."""
    gate = Gate(faults)
    universe = workload.begin()
    end_s, rest_s = workload.end_s + more_s, workload.rest_s + more_s
    telling = Telling(universe, workload.acts, end_s, gate, workload.confirms, rest_s)
    return gate, telling.tell()


def judged(name: str, strikes: tuple[Strike, ...]) -> Failure | None:
    """Tell a story with faults, and return what is wrong in the end, if anything is."""
    failure = _judged(name, strikes, 0.0)
    if failure is not None and any(strike.fault == "back" for strike in strikes):
        return _judged(name, strikes, 3700.0)  # until the hour is again what it was
    return failure


def _judged(name: str, strikes: tuple[Strike, ...], more_s: float) -> Failure | None:
    workload, faults = WORKLOADS[name], {strike.number: strike.fault for strike in strikes}
    try:
        gate, universe = told(workload, faults, more_s)
    except StuckError as error:
        return Failure(name, strikes, (str(error),), ())
    wrong = complaints(
        universe, workload, reference(name).known, tuple(strike.fault for strike in strikes)
    )
    return Failure(name, strikes, tuple(wrong), tuple(gate.story)) if wrong else None


# -- which -----------------------------------------------------------------------------------------


def telling_apart(boundaries: Iterable[Boundary]) -> list[Boundary]:
    """Return the boundaries but for those that only repeat others.

    Between two changes of the world the controller may look a hundred times and see the same: of
    each call that comes again so, the first two and the last count.
    """
    groups: dict[tuple[str, int], list[Boundary]] = {}
    for boundary in boundaries:
        groups.setdefault((boundary.name, boundary.changes), []).append(boundary)
    kept = {b.number: b for group in groups.values() for b in (*group[:2], group[-1])}
    return [kept[number] for number in sorted(kept)]


def every_crash(name: str) -> Iterator[Strike]:
    """Yield a crash before and after every boundary of a story."""
    for boundary in telling_apart(reference(name).boundaries):
        for fault in CRASHES:
            yield Strike(fault, boundary.number)


def sampled(name: str, seed: int, count: int = SAMPLED) -> Iterator[Strike]:
    """Yield every other fault at so many boundaries, drawn by the seed."""
    boundaries = telling_apart(reference(name).boundaries)
    for fault in (fault for fault in FAULTS if fault not in CRASHES):
        fit = [b.number for b in boundaries if b.bears(fault)]
        chance = random.Random(f"{seed} {name} {fault}")
        for number in sorted(chance.sample(fit, min(count, len(fit)))):
            yield Strike(fault, number)


def failures(
    name: str, strikes: Iterable[Strike], tell: Callable[[Failure], None] = lambda _f: None
) -> tuple[int, list[Failure]]:
    """Tell a story once for each strike; return how often, and what went wrong."""
    found, count = list[Failure](), 0
    for strike in strikes:
        count += 1
        failure = judged(name, (strike,))
        if failure is not None:
            found.append(failure)
            tell(failure)
    return count, found
