"""The remote, as the daemon has it: an envoy, and what of that is seen and heard at the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.cli.gatekeeper import Staff
from reconciler.cli.liaison import about, note
from reconciler.core.remotemetrics import families
from reconciler.gate.doors import Bell
from reconciler.loop.exchange import Exchange
from reconciler.loop.remote import Envoy
from reconciler.model.fleet import FleetSettings
from reconciler.model.remote import Remote, RemoteState
from reconciler.wiring import Wiring

Log = Callable[[str], None]


def envoy(wiring: Wiring, fleet: FleetSettings, log: Log, fresh: Callable[[], None]) -> Envoy:
    """Return whoever speaks with the remote of a fleet; it begins when it is told with which."""
    kept = note(wiring, fleet)

    def meet(remote: Remote, who: Envoy) -> Exchange:
        return Exchange(
            remote,
            wiring.remote(remote),
            wiring.clock,
            known=lambda: who.known,
            log=log,
            note=kept.keep,
            fresh=fresh,
            state=about(kept.read(), remote) or RemoteState(),
        )

    return Envoy(meet, log)


def behind_the_gate(staff: Staff, wiring: Wiring, who: Envoy) -> Staff:
    """Return the staff with whoever hears nudges, and counts what goes on with the remote."""

    def secret() -> bytes | None:
        remote = who.remote
        return wiring.webhook(remote.webhook) if remote is not None and remote.webhook else None

    return replace(
        staff,
        bell=Bell(secret, who.nudge),
        more=lambda: families(who.state, who.counted, who.known[0]),
    )
