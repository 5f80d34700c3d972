"""Which way to the server is taken: the control client while it works, plain clients otherwise.

A read may be asked twice, so it changes over in the middle; a write is never repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.adapters.tmux.control import Control, Notify
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.server import Server
from reconciler.adapters.tmux.talk import LateError, Reply, SilentError, Talk

WEDGES_MAX = 3
"""After so many broken control clients, plain clients are used for good."""


class Link:
    """The connection of one `Tmux` object."""

    def __init__(
        self, server: Server, environ: Mapping[str, str], *, plain_only: bool, notify: Notify
    ) -> None:
        self._server, self._environ, self._notify = server, environ, notify
        self._control: Control | None = None
        self._anchor = ""
        self._wedges = WEDGES_MAX if plain_only else 0

    @property
    def plain(self) -> Plain:
        """The way that always works while the server does."""
        return self._server.plain

    @property
    def control_pid(self) -> int:
        """The control client's process, 0 when there is none."""
        return self._control.pid if self._control is not None and self._control.alive else 0

    def read(self, lines: Sequence[str], *, connect: bool) -> list[Reply]:
        """Ask questions. With `connect`, a live server gets a control client for them."""
        if connect or self.control_pid:
            try:
                return self.talk(start=False)[0].run(lines, self._server.timeout_s)
            except SilentError:
                self.drop(wedged=bool(self.control_pid))
        try:
            return self.plain.run(lines, self._server.timeout_s)
        except LateError:
            raise
        except SilentError:
            # Seen of a server that had hung: a client that ends well and says nothing.
            return self.plain.run(lines, self._server.timeout_s)

    def talk(self, *, start: bool) -> tuple[Talk, str]:
        """Return the best way there is and our anchor; `start` starts a server if none runs."""
        if self._control is not None and self._control.alive:
            return self._control, self._anchor
        self.drop(wedged=False)
        self._anchor = self._server.anchor(start=start)
        if self._wedges >= WEDGES_MAX:
            return self.plain, self._anchor
        self._control = self.another(self._notify)
        return self._control, self._anchor

    def another(self, notify: Notify) -> Control:
        """Return one more control client on our anchor; the caller closes it."""
        try:
            return Control(
                self.plain.binary, self.plain.socket, self._environ, self._anchor, notify
            )
        except OSError as broken:
            raise SilentError(f"{self.plain.binary}: {broken.strerror}") from broken

    def drop(self, *, wedged: bool) -> None:
        """End the control client; a wedged one counts."""
        self._wedges += wedged
        control, self._control = self._control, None
        if control is not None:
            control.close()
