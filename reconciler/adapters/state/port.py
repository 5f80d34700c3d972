"""The port of a fleet's gate: chosen once, kept in a file, the same for every daemon after that.

Agents that run have it in their settings, so a restarted daemon is found by them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.state.folder import private_folder, replaced

LOWEST, HIGHEST = 20_000, 32_000
"""Below the ports that systems give to outgoing connections: those could take ours while we are
away."""
_TRIES = 200
_KEPT_MAX = 8


@dataclass(frozen=True, slots=True)
class PortFile:
    """One file with the ports that a fleet's gate had, the newest first."""

    path: Path

    def port(self, wanted: int = 0) -> int:
        """Return the port that the gate is to have: `wanted` unless 0, else the one it always had.

        When it never had one, a free one is chosen and kept.
        """
        if wanted:
            return wanted
        ports = self.had()
        return ports[0] if ports else self.another()

    def another(self) -> int:
        """Choose and keep a free port that it never had: the one it has is somebody else's."""
        had = self.had()
        first = int(hashlib.sha256(os.fsencode(self.path)).hexdigest()[:8], 16)
        span = HIGHEST - LOWEST
        ports = (LOWEST + (first + n * 7) % span for n in range(_TRIES))
        port = next((p for p in ports if p not in had and _free(p)), 0) or _any()
        self.keep(port)
        return port

    def keep(self, port: int) -> None:
        """Remember where the gate is open."""
        had = self.had()
        if had[:1] != (port,):
            private_folder(self.path.parent)
            ports = [port, *(p for p in had if p != port)][:_KEPT_MAX]
            replaced(self.path, "".join(f"{p}\n" for p in ports))

    def moved(self) -> float:
        """Return the epoch second at which the gate got the port it has; 0 when it never had
        another one. Agents that began before have settings that lead elsewhere."""
        if len(self.had()) < 2:
            return 0.0
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    def had(self) -> tuple[int, ...]:
        """Return the ports it had, the newest first; what is damaged is left out."""
        try:
            words = self.path.read_bytes()[:256].split()
        except OSError:
            return ()
        ports = [int(w) for w in words if w.isdigit() and len(w) <= 5]
        return tuple(p for p in ports if 0 < p < 65_536)


def _free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any() -> int:
    with contextlib.closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port
