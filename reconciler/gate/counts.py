"""What the gate counts of itself. Any thread may count and look. Never waits."""

from __future__ import annotations

import threading
from collections import Counter

from reconciler.core.exposition import Family, Histogram, Sample

REFUSED = (
    "missing",
    "malformed",
    "unknown",
    "stale",
    "wrong",
    "host",
    "origin",
    "request",
    "head",
    "body",
    "slow",
    "method",
    "crowded",
    "unsigned",
    "often",
    "secret",
)
"""Why a request was refused: of its token the first five, of a nudge the last three."""
HEARD = ("answered", "silent", "late", "failed", "gone")
"""How a hook went: something was said; nothing; it took too long; it broke; the agent left."""
HOOK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Counts:
    """Counters since the gate was opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: Counter[str] = Counter()
        self._heard: Counter[str] = Counter()
        self._took = Histogram.empty(HOOK_S)
        self._rang = 0
        self.held = 0
        """Permissions that somebody is waiting for now; changed by the gate's loop alone."""

    def refused(self, reason: str) -> None:
        """Count a request that was refused."""
        with self._lock:
            self._refused[reason] += 1

    def heard(self, result: str, took_s: float | None = None) -> None:
        """Count a hook; `took_s` when no person had to answer it."""
        with self._lock:
            self._heard[result] += 1
            if took_s is not None:
                self._took = self._took.with_value(took_s)

    def rang(self) -> None:
        """Count a nudge that was signed well."""
        with self._lock:
            self._rang += 1

    def families(self) -> tuple[Family, ...]:
        """Return what a monitoring system is told."""
        with self._lock:
            refused, heard, took = dict(self._refused), dict(self._heard), self._took
            rang = self._rang
        return (
            Family(
                "novaorch_gate_refused_total",
                "counter",
                "Requests that the gate refused, by reason.",
                tuple(Sample(refused.get(r, 0), (("reason", r),)) for r in REFUSED),
            ),
            Family(
                "novaorch_gate_hooks_total",
                "counter",
                "What agents told by hooks, by how it went.",
                tuple(Sample(heard.get(r, 0), (("result", r),)) for r in HEARD),
            ),
            Family(
                "novaorch_gate_hook_seconds",
                "histogram",
                "How long a hook took that no person had to answer.",
                took.samples(),
            ),
            Family(
                "novaorch_gate_webhooks_total",
                "counter",
                "Nudges of forges that were signed well.",
                (Sample(rang),),
            ),
            Family(
                "novaorch_gate_held",
                "gauge",
                "Permissions that a person is asked for now.",
                (Sample(self.held),),
            ),
        )
