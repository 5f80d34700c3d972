"""Opens the daemon's gate and closes it. Without one the daemon does its work all the same."""

from __future__ import annotations

from collections.abc import Callable

from reconciler import __version__
from reconciler.gate import address
from reconciler.gate.doors import Doors
from reconciler.gate.pages import Known, pages
from reconciler.gate.server import Server
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring


class Gatekeeper:
    """One gate at a time, at the port of the fleet settings in force."""

    def __init__(
        self, wiring: Wiring, known: Callable[[], Known], log: Callable[[str], None]
    ) -> None:
        self._wiring, self._known, self._log = wiring, known, log
        self._server: Server | None = None
        self._port = -1

    def of(self, fleet: FleetSettings) -> None:
        """Open the gate where these settings want it; never fails."""
        if fleet.gate_port == self._port:
            return
        self.close()
        self._port = fleet.gate_port
        self._note = self._wiring.state(fleet).root / "gate"
        address.forget(self._note, address.read(self._note))  # of a daemon that was killed
        try:
            self._server = Server(Doors(pages(self._known, __version__)), fleet.gate_port)
            address.write(self._note, self._server.address)
        except NovaorchError as error:
            self._log(f"{error.what} ({error.why}); {error.fix}")
        else:
            self._log(f"metrics at {self._server.address}/metrics")

    def close(self) -> None:
        """Close it, and remove the note of where it was."""
        if self._server is not None:
            address.forget(self._note, self._server.address)
            self._server.close()
            self._server = None
        self._port = -1
