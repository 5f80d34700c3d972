"""Hears at once that a program ended, without asking and without starting a process.

A pane that remains after its program gives no notification. A hook of ours, in an array slot that
nobody else uses, signals a channel; a second control client waits on it. tmux keeps one signal
that finds nobody waiting, and a second one undoes the first: so `tell` is called once more when
the wait has begun anew.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable

from reconciler.adapters.tmux.control import Control
from reconciler.adapters.tmux.talk import SilentError

HOOKS = ("pane-died", "pane-exited")
AGAIN_S = 0.05
FOREVER_S = 10.0 * 365 * 86_400


class Deaths:
    """Waits on its own control client; calls `tell` after each death, and when it ends."""

    def __init__(
        self, control: Control, fleet: str, timeout_s: float, tell: Callable[[], None]
    ) -> None:
        self._control, self._tell, self._timeout_s = control, tell, timeout_s
        number = zlib.crc32(fleet.encode()) % 1_000_000
        self._channel, self._slot = f"novaorch-died-{number}", 1_000 + number
        hooks = [
            f"set-hook -g '{hook}[{self._slot}]' 'wait-for -S {self._channel}'" for hook in HOOKS
        ]
        control.run(hooks, timeout_s)
        self._thread = threading.Thread(target=self._wait, name="tmux-deaths", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether deaths are still heard."""
        return self._control.alive

    def close(self) -> None:
        """Stop listening. The hook stays until the anchor goes: it is harmless alone."""
        self._control.close()
        self._thread.join(self._timeout_s)

    def _wait(self) -> None:
        while self._control.alive:
            try:
                self._control.run([f"wait-for {self._channel}"], FOREVER_S)
            except SilentError:
                break
            self._tell()
            again = threading.Timer(AGAIN_S, self._tell)
            again.daemon = True
            again.start()
        self._tell()
