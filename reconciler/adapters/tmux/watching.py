"""Both ears for the ends of programs: tmux's own hook, and the kernel. Neither carries news."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from reconciler.adapters.tmux.deaths import Deaths
from reconciler.adapters.tmux.ends import Ends
from reconciler.adapters.tmux.link import Link
from reconciler.adapters.tmux.talk import SilentError
from reconciler.model.world import SeenPane, World


class Watching:
    """Calls `tell` soon after a program in a pane of ours ended."""

    def __init__(self, link: Link, fleet: str, timeout_s: float, tell: Callable[[], None]) -> None:
        self._link, self._fleet, self._timeout_s, self._tell = link, fleet, timeout_s, tell
        self._deaths: Deaths | None = None
        self._ends = Ends(tell)

    @property
    def alive(self) -> bool:
        """Whether tmux's own ear is there; the kernel's follows each photograph."""
        return self._deaths is not None and self._deaths.alive

    def keep(self, world: World) -> None:
        """Follow what `world` shows, and mend what broke, while a control client is there."""
        pids = {pane.pid for pane in panes(world) if pane.mark is not None and not pane.dead}
        self._ends.follow(pids, server_pid(world))
        if self.alive or not self._link.control_pid:
            return
        self._close_deaths()
        with contextlib.suppress(SilentError):
            control = self._link.another(lambda _: None)
            self._deaths = Deaths(control, self._fleet, self._timeout_s, self._tell)

    def close(self) -> None:
        """Stop listening."""
        self._ends.close()
        self._close_deaths()

    def _close_deaths(self) -> None:
        deaths, self._deaths = self._deaths, None
        if deaths is not None:
            deaths.close()


def panes(world: World) -> Iterator[SeenPane]:
    """Yield every pane of a photograph."""
    for session in world.sessions:
        for window in session.windows:
            yield from window.panes


def lost(pane: SeenPane) -> bool:
    """Return whether the server never learnt how a pane's process ended."""
    return pane.dead and pane.exit_status is None


def server_pid(world: World) -> int:
    """Return the server's process, 0 when there is none."""
    pid = world.server.partition(" ")[0]
    return int(pid) if pid.isdigit() else 0
