"""The journal as verbs open it: also when `fleet.yaml` cannot be read, or nothing is desired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.adapters.git.chain import Chain
from reconciler.cli import render
from reconciler.core.hours import hour_of
from reconciler.core.retell import meant
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Annals:
    """A fleet's journal on this host. `fleet` is None when nobody can read what it is."""

    chain: Chain
    fleet: FleetSettings | None
    tip: str

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every kept record with its commit, oldest first."""
        if self.tip:
            oids = [oid for part in self.chain.segments(self.tip) for oid in part]
            yield from self.chain.records(oids)


def annals(wiring: Wiring) -> Annals:
    """Open the journal; say on stderr when it is a guess whose it is."""
    fleet: FleetSettings | None = None
    try:
        fleet = wiring.wishes.read().fleet
    except NovaorchError as error:
        render.err(f"note: {error.what}; this is the first journal of this host")
    chain = Chain(wiring.repository, wiring.machine, fleet.name if fleet is not None else "")
    return Annals(chain, fleet, chain.tip())


def one_unit(word: str, units: list[str]) -> str:
    """Return the unit that a word means; UsageError when it could be several, '' when none."""
    found = meant(word, units)
    if len(found) > 1:
        raise UsageError(
            f"{word!r} could be {len(found)} units",
            why=", ".join(found[:8]),
            fix="write more of its id",
        )
    return found[0] if found else ""


def hour(text: str) -> float:
    """Return the hour that a person wrote, in the zone of this machine."""
    return hour_of(text, datetime.now().astimezone())
