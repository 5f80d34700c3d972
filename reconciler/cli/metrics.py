"""`novaorch metrics`: what the gate tells a monitoring system, or a look without one."""

from __future__ import annotations

import http.client
import sys

import typer

from reconciler import __version__
from reconciler.adapters.state import holder_pid
from reconciler.cli.app import Context
from reconciler.cli.status import look
from reconciler.core.exposition import exposition
from reconciler.core.metrics import Measured, families
from reconciler.gate import address
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import BlindError
from reconciler.wiring import Wiring

ANSWER_S = 10.0
ANSWER_BYTES_MAX = 32 << 20


def command(ctx: typer.Context) -> None:
    """Print every metric in the text format of Prometheus.

    A daemon that runs is asked at its gate, as a monitoring system would. Without one this looks
    itself, and what only a daemon counts is zero.

    Example: novaorch metrics
    """
    context: Context = ctx.obj
    wiring = context.wiring
    fleet = wiring.followed.read().fleet
    sys.stdout.write(_asked(wiring, fleet) or _looked(wiring, fleet))


def _asked(wiring: Wiring, fleet: FleetSettings) -> str:
    """Return what the gate says, '' when no daemon runs. BlindError: one does, and is silent."""
    state = wiring.state(fleet)
    place = address.read(state.root / "gate")
    if not place or holder_pid(state.lock) is None:
        return ""
    link = http.client.HTTPConnection(place.removeprefix("http://"), timeout=ANSWER_S)
    try:
        link.request("GET", "/metrics")
        answer = link.getresponse()
        body = answer.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise BlindError(
            f"the gate at {place} does not answer", why=str(error), fix="novaorch status"
        ) from error
    finally:
        link.close()
    if answer.status != 200:
        raise BlindError(
            f"the gate at {place} answered {answer.status}",
            why=body[:200].decode("utf-8", "replace").strip(),
            fix="look at the daemon's log",
        )
    return body.decode("utf-8", "replace")


def _looked(wiring: Wiring, fleet: FleetSettings) -> str:
    picture = look(wiring, wiring.ports(fleet))
    up = not picture.store.startswith("down")
    measured = Measured(store_up=up, withheld=picture.tally.withheld)
    return exposition(families(__version__, measured, picture.tally, picture.statuses))
