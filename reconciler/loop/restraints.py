"""What holds moves back at this hour: people's words, and what is known of the lease.

Asked anew at each pass; decides nothing, `core.restrain` does.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.lease import Standing
from reconciler.model.control import Restraints
from reconciler.ports import Control


def restraints(
    control: Control | None, standing: Callable[[float], Standing]
) -> Callable[[float], Restraints]:
    """Return what `Ports.restraints` is: the answer for an hour.

    `standing` is that of the tenure; without a `control`, nobody can have said anything.
    """

    def at(now: float) -> Restraints:
        said = control.read().suspensions if control is not None else ()
        return Restraints(suspensions=said, leased=standing(now) is Standing.HELD)

    return at
