"""Metrics as text, in the format that Prometheus reads (version 0.0.4). Knows no metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. `suffix` is what a histogram adds to the name of its family."""

    value: float
    labels: Labels = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, its kind (`counter`, `gauge`, `histogram`), what it means."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a value was at most each of `bounds`, not cumulated; the last count is beyond."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0

    @classmethod
    def empty(cls, bounds: tuple[float, ...]) -> Histogram:
        """Return one that has seen nothing."""
        return cls(bounds, (0,) * (len(bounds) + 1))

    def with_value(self, value: float) -> Histogram:
        """Return it after one more value; less than nothing, or none at all, counts as nothing."""
        value = value if value > 0 else 0.0
        at = next((i for i, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return Histogram(self.bounds, counts, self.total + value)

    def samples(self) -> tuple[Sample, ...]:
        """Return its buckets, cumulated, and their sum and count."""
        found, seen = [], 0
        for bound, count in zip((*self.bounds, math.inf), self.counts, strict=True):
            seen += count
            le = "+Inf" if math.isinf(bound) else repr(float(bound))
            found.append(Sample(seen, (("le", le),), "_bucket"))
        return (*found, Sample(self.total, suffix="_sum"), Sample(seen, suffix="_count"))


def exposition(families: Iterable[Family]) -> str:
    """Return the text. Whatever stands in a label, a line stays a line."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_help(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{key}="{_label(value)}"' for key, value in sample.labels)
    inside = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.suffix}{inside} {number(sample.value)}"


def number(value: float) -> str:
    """Return a number as the format has it: `3`, `0.25`, `+Inf`, `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return f"{value:+}".title()
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _label(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return escaped.encode("utf-8", "replace").decode()


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
