"""What the gate tells of a remote. Values in, metrics out; never an address: that can be long."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.exposition import Family, Labels, Sample
from reconciler.model.remote import Answer, Counted, Relation, RemoteState, Tips

FETCHES = ("ok", "failed")
PUSHES = (*(answer.value for answer in Answer), "failed")


def families(state: RemoteState | None, counted: Counted, tips: Tips) -> tuple[Family, ...]:
    """Return every metric of a remote; none without one."""
    if state is None:
        return ()
    return (
        _family(
            "novaorch_remote_fetches_total",
            "counter",
            "Fetches from the remote by how they went.",
            [((("result", word),), counted.fetches.get(word, 0)) for word in FETCHES],
        ),
        _family(
            "novaorch_remote_pushes_total",
            "counter",
            "Refs offered to the remote by what became of them.",
            [((("result", word),), counted.pushes.get(word, 0)) for word in PUSHES],
        ),
        _gauge("novaorch_remote_fetch_seconds", "How long the last fetch took.", counted.took_s),
        _gauge(
            "novaorch_remote_last_fetch_timestamp_seconds",
            "When the last fetch went well.",
            state.fetched,
        ),
        _gauge("novaorch_remote_up", "Whether the last fetch went well.", not state.failures),
        _family(
            "novaorch_remote_commits",
            "gauge",
            "Commits of the branch that only one side has.",
            [((("side", "here"),), state.ahead), ((("side", "there"),), state.behind)],
        ),
        _gauge(
            "novaorch_remote_diverged",
            "Whether the branch here and there have gone different ways.",
            tips.relation is Relation.DIVERGED,
        ),
        _gauge(
            "novaorch_remote_refused_refs",
            "Refs that the remote does not take.",
            len(state.refused),
        ),
    )


def _family(name: str, kind: str, text: str, values: Iterable[tuple[Labels, float]]) -> Family:
    return Family(name, kind, text, tuple(Sample(float(value), said) for said, value in values))


def _gauge(name: str, text: str, value: float) -> Family:
    return Family(name, "gauge", text, (Sample(float(value)),))
