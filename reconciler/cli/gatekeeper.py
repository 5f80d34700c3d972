"""Opens the daemon's gate and closes it. Without one the daemon does its work all the same.

The port is the one that the gate always had, because agents that run know no other. When somebody
else has taken it meanwhile, another one is found, and those agents are named as out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler import __version__
from reconciler.adapters.state import PortFile, StateDir, Tokens, private_folder
from reconciler.core.exposition import Family
from reconciler.core.hearing import heard
from reconciler.gate import address
from reconciler.gate.doors import Bell, Controls, Doors, Nobody
from reconciler.gate.page import Asgi
from reconciler.gate.pages import Known, pages
from reconciler.gate.server import Server, TakenError
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.model.status import Status
from reconciler.ports.agents import Desk
from reconciler.wiring import Wiring

TRIES = 5


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is behind the gate: `desk` hears hooks, `mcp` serves tools, `controls` the user. `bell`
    is rung by nudges, `more` are metrics beside those of passes and of the gate."""

    desk: Desk = field(default_factory=Nobody)
    mcp: Asgi | None = None
    controls: Controls = field(default_factory=dict)
    bell: Bell | None = None
    more: Callable[[], tuple[Family, ...]] = tuple


class Gatekeeper:
    """One gate at a time, at the port of the fleet settings in force."""

    def __init__(
        self,
        wiring: Wiring,
        known: Callable[[], Known],
        log: Callable[[str], None],
        staff: Staff | None = None,
    ) -> None:
        self._wiring, self._known, self._log = wiring, known, log
        self._staff = staff or Staff()
        self._server: Server | None = None
        self._port = -1
        self.moved = 0.0
        """The epoch second since which the gate has its port; agents that are older do not know
        it. 0: it always had it."""

    def of(self, fleet: FleetSettings) -> None:
        """Open the gate where these settings want it; never fails."""
        if fleet.gate_port == self._port:
            return
        self.close()
        self._port = fleet.gate_port
        state = self._wiring.state(fleet)
        self._note = state.gate
        address.forget(self._note, address.read(self._note))  # of a daemon that was killed
        try:
            state.make()
            self._server = self._open(fleet, state)
            address.write(self._note, self._server.address)
        except NovaorchError as error:
            self._log(f"{error.what} ({error.why}); {error.fix}")
        else:
            self._log(f"metrics at {self._server.address}/metrics")

    def _open(self, fleet: FleetSettings, state: StateDir) -> Server:
        kept = PortFile(state.gate_port)
        doors = self._furnished(state)
        port = kept.port(fleet.gate_port)
        for _ in range(TRIES):
            try:
                server = self._opened(doors, port, state.control)
                break
            except TakenError as error:
                if fleet.gate_port:
                    raise
                self._log(f"{error.what}: {error.why}; another port is taken")
                port = kept.another()
        else:
            server = self._opened(doors, 0, state.control)
        kept.keep(server.port)
        self._say_moved(kept)
        return server

    def _opened(self, doors: Doors, port: int, control: Path) -> Server:
        """Open it; without its socket, if that cannot be made."""
        try:
            private_folder(control.parent)
            return Server(doors, port, control)
        except TakenError:
            raise
        except NovaorchError as error:
            self._log(f"{error.what} ({error.why}); {error.fix}")
            return Server(doors, port)

    def _say_moved(self, kept: PortFile) -> None:
        self.moved = kept.moved()
        if self.moved:
            now, before = kept.had()[:2]
            self._log(
                f"THE GATE HAS MOVED from port {before} to {now}: it cannot hear agents that were "
                "started before that, until they are restarted"
            )

    def _furnished(self, state: StateDir) -> Doors:
        made = Doors(
            verify=Tokens(state).verify,
            desk=self._staff.desk,
            mcp=self._staff.mcp,
            controls=self._staff.controls,
            bell=self._staff.bell,
            log=self._log,
        )
        more = self._staff.more
        told = pages(self._known, __version__, lambda: (*made.counts.families(), *more()))
        return replace(made, pages=told)

    def heard(self, statuses: Sequence[Status]) -> Sequence[Status]:
        """Return the statuses, with a condition where an agent is out of the gate's hearing."""
        return heard(statuses, self.moved) if self.moved else statuses

    def close(self) -> None:
        """Close it, and remove the note of where it was."""
        if self._server is not None:
            address.forget(self._note, self._server.address)
            self._server.close()
            self._server = None
        self._port = -1
