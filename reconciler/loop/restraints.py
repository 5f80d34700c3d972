"""What holds moves back at this hour: people's words, the lease, and what accounts let through.

Asked anew at each pass; decides nothing, `core.restrain` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.core.lease import Standing
from reconciler.core.suspend import active
from reconciler.core.timetable import open_at
from reconciler.model.capacity import Account
from reconciler.model.control import Restraints
from reconciler.model.fleet import SyncWindow
from reconciler.ports import Control


def _unlimited(_now: float) -> Mapping[str, Account]:
    return {}


def restraints(
    control: Control | None,
    standing: Callable[[float], Standing],
    windows: tuple[SyncWindow, ...] = (),
    accounts: Callable[[float], Mapping[str, Account]] = _unlimited,
) -> Callable[[float], Restraints]:
    """Return what `Ports.restraints` is: the answer for an hour.

    `standing` is that of the tenure; without a `control`, nobody can have said anything. `windows`
    are those of the fleet; `accounts` tells of those that do not let everything through, and never
    waits for a store. BlindError: what was said cannot be read.
    """

    def at(now: float) -> Restraints:
        said = control.read().suspensions if control is not None else ()
        opening = open_at(windows, now)
        return Restraints(
            suspensions=active(said, now),
            leased=standing(now) is Standing.HELD,
            overrun=opening.overrun,
            opens=0.0 if opening.overrun else opening.until,
            accounts=accounts(now),
        )

    return at
