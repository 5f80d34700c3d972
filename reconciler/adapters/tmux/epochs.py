"""What a controller must know of a tmux server before it begins: whose orders it takes already,
and where the lock of its one controller is. Starts no server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.tmux.fence import OvertakenError, claim, number, variable
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.talk import NoServerError, SilentError
from reconciler.model.problems import BlindError


class ServerEpoch:
    """The epoch that a server obeys for one fleet (`loop.stakes.Milestone`). No server has none."""

    def __init__(
        self,
        socket: str,
        *,
        fleet: str,
        environ: Mapping[str, str],
        call_timeout_s: float = 2.0,
        binary: str = "tmux",
    ) -> None:
        self._fleet, self._timeout_s = fleet, call_timeout_s
        self._plain = Plain(binary, socket, environ)

    @property
    def lock(self) -> Path:
        """The file whose lock says who is this server's controller, beside its socket."""
        socket = Path(self._plain.socket_path)
        return socket.with_name(f".{socket.name}.{self._fleet}.lock")

    def make_folder(self) -> None:
        """Make the folder of named sockets as tmux would; a socket's own folder is its owner's."""
        if not self._plain.socket.startswith("/"):
            with contextlib.suppress(OSError):
                os.makedirs(self.lock.parent, mode=0o700, exist_ok=True)  # noqa: PTH103

    def seen(self) -> int:
        """See `Milestone.seen`."""
        return number(self._word())

    def keep(self, epoch: int) -> None:
        """See `Milestone.keep`."""
        with contextlib.suppress(OvertakenError, NoServerError):
            try:
                claim(self._plain, self._fleet, epoch, self._word(), self._timeout_s)
            except SilentError as silent:
                raise self._blind(silent) from silent

    def _word(self) -> str:
        try:
            line = f"display-message -p '#{{{variable(self._fleet)}}}'"
            reply = self._plain.run([line], self._timeout_s)[0]
        except NoServerError:
            return ""
        except SilentError as silent:
            raise self._blind(silent) from silent
        return reply.output[-1] if reply.output else ""

    def _blind(self, silent: SilentError) -> BlindError:
        return BlindError(
            f"the tmux server {self._plain.socket} does not answer",
            why=silent.why,
            fix="see whether it hangs: tmux list-sessions",
        )
